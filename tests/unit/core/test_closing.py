# SPDX-License-Identifier: GPL-3.0-or-later
"""Days are closed, and their salts destroyed, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from tmon.server.calendar import Calendar
from tmon.server.core import close_days
from tmon.server.events import Agent, Event
from tmon.server.store.base import Envelope, Store
from tmon.server.store.memory import MemoryStore

UTC = Calendar([(float("-inf"), "UTC")])
DAY = 1_700_006_400
"""Midnight of 15 November 2023 in UTC."""
HOUR_MS = 3_600_000
RECEIVED_MS = DAY * 1000 + 12 * HOUR_MS
CLOSES_MS = DAY * 1000 + 72 * HOUR_MS


class FakeSalts:
    """Salts in memory; `broken` makes the next destruction fail, as a crash would."""

    def __init__(self, *days: tuple[int, int]) -> None:
        self.made = {(7, day): made_ms for day, made_ms in days}
        self.destroyed: list[tuple[int, int]] = []
        self.broken = False

    def known(self) -> dict[tuple[int, int], int]:
        return dict(self.made)

    def destroy(self, wsid: int, day: int) -> None:
        if self.broken:
            raise ConnectionError("crashed")
        self.made.pop((wsid, day), None)
        self.destroyed.append((wsid, day))


def call(function: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(function())
    return future


def with_an_event() -> Store:
    store = MemoryStore()
    event = Event(ts_ms=RECEIVED_MS, hour=UTC.hour(RECEIVED_MS / 1000), path="/", agent=Agent())
    store.append([Envelope(wsid=7, id=bytes(16), received_ms=RECEIVED_MS, events=[event])])
    return store


def test_a_day_that_is_due_closes_and_its_salt_is_destroyed() -> None:
    store, salts = with_an_event(), FakeSalts((DAY, RECEIVED_MS))
    assert close_days(store, call, salts, CLOSES_MS - 1) == 0
    assert salts.destroyed == []
    assert close_days(store, call, salts, CLOSES_MS) == 1
    assert salts.destroyed == [(7, DAY)]
    assert close_days(store, call, salts, CLOSES_MS) == 0


def test_a_crash_between_closing_and_destroying_is_made_up_for_in_the_next_round() -> None:
    store, salts = with_an_event(), FakeSalts((DAY, RECEIVED_MS))
    salts.broken = True
    with pytest.raises(ConnectionError):
        close_days(store, call, salts, CLOSES_MS)
    salts.broken = False
    assert close_days(store, call, salts, CLOSES_MS) == 0
    assert salts.destroyed == [(7, DAY)]


def test_a_day_closes_for_good_also_where_no_salt_was_made() -> None:
    salts = FakeSalts()
    close_days(with_an_event(), call, salts, CLOSES_MS)
    assert salts.destroyed == [(7, DAY)]


def test_a_salt_whose_day_never_got_an_event_goes_two_days_after_day_and_making() -> None:
    old_day, made_ms = DAY - 30 * 86_400, DAY * 1000
    salts = FakeSalts((old_day, made_ms))
    close_days(MemoryStore(), call, salts, made_ms + 48 * HOUR_MS - 1)
    assert salts.destroyed == []
    close_days(MemoryStore(), call, salts, made_ms + 48 * HOUR_MS)
    assert salts.destroyed == [(7, old_day)]


def test_a_salt_made_ahead_of_its_day_lives_until_that_day_is_over() -> None:
    made_ms = DAY * 1000 - HOUR_MS
    salts = FakeSalts((DAY, made_ms))
    close_days(MemoryStore(), call, salts, DAY * 1000 + 72 * HOUR_MS)
    assert salts.destroyed == []
    close_days(MemoryStore(), call, salts, DAY * 1000 + 98 * HOUR_MS)
    assert salts.destroyed == [(7, DAY)]


def test_a_day_that_got_an_event_late_keeps_its_salt_while_it_is_open() -> None:
    store = MemoryStore()
    event = Event(ts_ms=RECEIVED_MS, hour=UTC.hour(RECEIVED_MS / 1000), path="/", agent=Agent())
    late_ms = RECEIVED_MS + 20 * 86_400_000
    store.append([Envelope(wsid=7, id=bytes(16), received_ms=late_ms, events=[event])])
    salts = FakeSalts((DAY, late_ms - 3 * 86_400_000))
    close_days(store, call, salts, late_ms + 47 * HOUR_MS)
    assert salts.destroyed == []
