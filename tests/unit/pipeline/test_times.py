# SPDX-License-Identifier: GPL-3.0-or-later
"""When an event was: its own time, or that of receipt; and in which local hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.pipeline.conftest import RECEIVED_MS, One

Refusal = Callable[..., tuple[str, str]]


def test_an_event_without_a_time_has_that_of_receipt(one: One) -> None:
    assert one({}).ts_ms == RECEIVED_MS


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (1795341600, 1795341600000),
        (1795341600.123, 1795341600123),
        (1795341600.1239, 1795341600124),
        (631152000, 631152000000),
        ("2026-11-22T11:00:00+01:00", 1795341600000),
        ("2026-11-22T10:00:00Z", 1795341600000),
        ("2026-11-22 15:45:00.5+05:45", 1795341600500),
        ("20261122T100000Z", 1795341600000),
        ("1990-01-01T00:00:00-00:00", 631152000000),
        ((RECEIVED_MS + 600_000) / 1000, RECEIVED_MS + 600_000),
    ],
)
def test_a_time_is_unix_seconds_or_iso_8601_with_offset(one: One, ts: Any, expected: int) -> None:
    assert one({"ts": ts}).ts_ms == expected


@pytest.mark.parametrize(
    "ts", ["2026-11-22T10:00:00", "yesterday", "", "1795341600", "2026-13-01T00:00:00Z", "x" * 2000]
)
def test_any_other_text_is_rejected(refused: Refusal, ts: str) -> None:
    reason, error = refused({"ts": ts})
    assert reason == "ts invalid"
    assert "offset" in error


@pytest.mark.parametrize("ts", [True, [], {}])
def test_other_types_are_rejected(refused: Refusal, ts: Any) -> None:
    assert refused({"ts": ts}) == (
        "ts invalid",
        "ts: must be Unix seconds or an ISO 8601 time with an offset",
    )


@pytest.mark.parametrize(
    "ts", [631151999.999, 0, -1, -1e300, -(10**300), "1989-12-31T23:59:59.999Z", "0001-01-01T00:00:00+23:59"]
)
def test_a_time_before_1990_is_rejected(refused: Refusal, ts: Any) -> None:
    assert refused({"ts": ts}) == ("ts before 1990", "ts: before 1990")


@pytest.mark.parametrize("ts", [(RECEIVED_MS + 600_001) / 1000, "9999-12-31T23:59:59-23:59"])
def test_a_time_more_than_ten_minutes_ahead_is_rejected(refused: Refusal, ts: Any) -> None:
    assert refused({"ts": ts}) == ("ts ahead", "ts: more than ten minutes ahead of the server's clock")


@pytest.mark.parametrize("ts", [RECEIVED_MS, 1e300, 10**300])
def test_who_sends_milliseconds_is_told(refused: Refusal, ts: Any) -> None:
    reason, error = refused({"ts": ts})
    assert reason == "ts ahead"
    assert error.endswith("; it is in seconds, not milliseconds")


def test_an_event_falls_into_the_local_hour_of_the_web_service(one: One) -> None:
    hour = one({"ts": "2026-11-22T10:00:00Z"}, zone="Asia/Kathmandu").hour
    assert (hour.start, hour.end) == (1795338900, 1795342500)


def test_events_of_one_hour_share_it(run: Any) -> None:
    event = {"url": "/", "ip": None, "useragent": None}
    batch = run([event | {"ts": ts} for ts in (1795338000, 1795341599.999, 1795341600, 1795338000.001)])
    first, second, third, fourth = (event.hour for event in batch.events)
    assert first is second is fourth
    assert third.start == first.end == 1795341600
