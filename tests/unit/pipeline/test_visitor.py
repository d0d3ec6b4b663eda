# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is the same visitor: within one local day, by address and user agent, and as long as the salt exists."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.conftest import RECEIVED_MS, One, Run

from tmon.server.pipeline import SaltMissing, known_salts
from tmon.server.pipeline.visitor import _pads
from tmon.server.tenants.salts import Salts

SUNDAY = {"url": "/", "ip": "192.0.2.1", "useragent": "A", "ts": "2026-11-22T10:00:00Z"}
SATURDAY = SUNDAY | {"ts": "2026-11-21T22:59:59Z"}
"""One second before Sunday begins in Vienna."""


def salt_of(day: int) -> bytes:
    return f"salt of {day}".encode()


def test_a_visitor_is_the_hmac_of_address_and_user_agent_under_the_days_salt(one: One) -> None:
    event = one({"ip": "192.0.2.1", "useragent": "curl/8.5.0"}, salt_of=lambda day: b"0123456789abcdef" * 2)
    assert event.visitor == -926931393210888726


def test_the_same_address_and_user_agent_are_one_visitor_within_a_local_day_only(run: Run) -> None:
    batch = run([SATURDAY, SUNDAY, SUNDAY | {"ts": "2026-11-21T23:00:00Z"}], salt_of=salt_of)
    saturday, sunday, midnight = (event.visitor for event in batch.events)
    assert sunday == midnight
    assert saturday != sunday


@pytest.mark.parametrize("change", [{"ip": "192.0.2.2"}, {"useragent": "B"}])
def test_another_address_or_user_agent_is_another_visitor(run: Run, change: dict[str, Any]) -> None:
    first, second = run([SUNDAY, SUNDAY | change]).events
    assert first.visitor != second.visitor


def test_the_forms_of_one_address_are_one_visitor(run: Run) -> None:
    first, second = run([SUNDAY, SUNDAY | {"ip": "::ffff:192.0.2.1"}]).events
    assert first.visitor == second.visitor


def test_without_a_user_agent_the_address_alone_counts(one: One) -> None:
    assert one({"ip": "192.0.2.1"}).visitor is not None


def test_without_an_address_nobody_is_recognised(one: One) -> None:
    assert one({"useragent": "A"}).visitor is None


def test_once_the_salt_is_destroyed_nobody_is_recognised(one: One) -> None:
    assert one({"ip": "192.0.2.1", "useragent": "A"}, salt_of=lambda day: None).visitor is None


def test_a_salt_is_asked_for_once_per_envelope_and_day_by_the_days_start(run: Run) -> None:
    asked: list[int] = []

    def salt_of(day: int) -> bytes:
        asked.append(day)
        return b"salt"

    run([SATURDAY, SUNDAY, SATURDAY, SUNDAY | {"ip": "192.0.2.2"}, SUNDAY | {"ip": None}], salt_of=salt_of)
    assert asked == [1795215600, 1795302000]


def test_a_salt_that_this_process_does_not_know_stops_the_run_and_is_named(run: Run) -> None:
    with pytest.raises(SaltMissing) as caught:
        run(SUNDAY, salt_of=known_salts(Salts(), 7))
    assert caught.value.day == 1795302000


@pytest.mark.parametrize("salt", [b"", b"k" * 63, b"k" * 64, b"k" * 65, b"k" * 200])
@given(text=st.binary(max_size=300))
def test_the_precomputed_blocks_make_the_hmac_of_the_standard_library(salt: bytes, text: bytes) -> None:
    inner, outer = _pads(salt)
    digest = hashlib.sha256(outer + hashlib.sha256(inner + text).digest()).digest()
    assert digest == hmac.digest(salt, text, "sha256")


def test_the_time_of_receipt_decides_where_the_event_says_none(run: Run) -> None:
    asked: list[int] = []
    run({"url": "/", "ip": "192.0.2.1", "useragent": None}, salt_of=asked.append)
    assert asked == [1795302000]
    assert 1795302000 < RECEIVED_MS / 1000 < 1795302000 + 86_400
