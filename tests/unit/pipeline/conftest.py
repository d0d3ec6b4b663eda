# SPDX-License-Identifier: GPL-3.0-or-later
"""A pipeline to send events through, as the collector does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from tmon.server.calendar import Calendar
from tmon.server.events import Event
from tmon.server.pipeline import Batch, Locator, Pipeline, decode, standard_steps
from tmon.server.tenants.keyring import Service

RECEIVED_MS = 1_795_341_600_250
"""2026-11-22T10:00:00.25Z."""

Run = Callable[..., Batch]
One = Callable[..., Event]


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    return Pipeline(standard_steps(Locator()))


def web_service(zone: str = "Europe/Vienna", ip_policy: str = "none") -> Service:
    return Service(
        wsid=7,
        name="shop",
        keys=(),
        calendar=Calendar([(-math.inf, zone)]),
        ip_policy=ip_policy,
        retention_days=14,
        events_per_second=100_000,
    )


@pytest.fixture
def run(pipeline: Pipeline) -> Run:
    """Run a plaintext (bytes, or what is made JSON of) as an envelope of one web service would be."""

    def run(
        plaintext: Any,
        *,
        zone: str = "Europe/Vienna",
        ip_policy: str = "none",
        salt_of: Callable[[int], bytes | None] = lambda day: b"salt",
        pipeline: Pipeline = pipeline,
    ) -> Batch:
        raw = plaintext if isinstance(plaintext, bytes) else json.dumps(plaintext).encode()
        return pipeline.run(decode(raw, RECEIVED_MS), web_service(zone, ip_policy), RECEIVED_MS, salt_of)

    return run


@pytest.fixture
def one(run: Run) -> One:
    """Run one request, complete but for what is said here, and give the event that became of it."""

    def one(fields: dict[str, Any], **options: Any) -> Event:
        batch = run({"url": "/", "ip": None, "useragent": None} | fields, **options)
        assert batch.rejected == []
        return batch.events[0]

    return one


@pytest.fixture
def refused(run: Run) -> Callable[..., tuple[str, str]]:
    """Run one request that is wrong, and give (reason, error)."""

    def refused(fields: dict[str, Any], **options: Any) -> tuple[str, str]:
        batch = run({"url": "/", "ip": None, "useragent": None} | fields, **options)
        assert batch.events == []
        [rejected] = batch.rejected
        assert rejected.index == 0
        return rejected.reason, rejected.error

    return refused
