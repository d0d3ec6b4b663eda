# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing days: when, what is kept of them, and what later events join."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
    KATHMANDU,
    NOW,
    PAGE,
    WSID,
    by_name,
    envelope,
    event,
    ms,
    period,
    requests,
    s,
)

from tmon.server.store import Day, Measures, Store, Timed

MONDAY = Day(WSID, s("2026-11-22T23:00"), s("2026-11-23T23:00"))
DAY = period(MONDAY.start, MONDAY.end)
HOUR_10 = period("2026-11-23T10:00", "2026-11-23T11:00", "hour")
HOUR_11 = period("2026-11-23T11:00", "2026-11-23T12:00", "hour")
DAY_OF_8 = period(MONDAY.start, MONDAY.end, wsid=8)
MONTH = period("2026-10-31T23:00", "2026-11-30T23:00", "month")
CLOSES = ms("2026-11-25T23:00")
"""48 hours after the end of Monday."""


def hits(*pages: str, at: str = "2026-11-23T11:00", received_ms: int = NOW, first_visitor: int = 0) -> object:
    """An envelope with one request per page, each by another visitor."""
    return envelope(
        *(event(at, path=page, visitor=first_visitor + number) for number, page in enumerate(pages)),
        received_ms=received_ms,
    )


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


def close(store: Store, now_ms: int = CLOSES) -> list[Day]:
    days = store.close_days(now_ms)
    store.settle()
    return days


# -- when ---------------------------------------------------------------------------------------------------------


def test_a_day_closes_48_hours_after_its_end(store: Store) -> None:
    append(store, hits("/a"))
    assert close(store, CLOSES - 1) == []
    assert close(store, CLOSES) == [MONDAY]


def test_a_day_whose_first_event_came_late_closes_48_hours_after_that(store: Store) -> None:
    received_ms = ms("2026-12-10T08:00")
    append(store, hits("/a", received_ms=received_ms))
    assert close(store, received_ms + 2 * DAY_MS - 1) == []
    assert close(store, received_ms + 2 * DAY_MS) == [MONDAY]


def test_later_events_do_not_keep_a_day_open(store: Store) -> None:
    append(store, hits("/a"), hits("/a", received_ms=CLOSES - 1000))
    assert close(store) == [MONDAY]


def test_a_day_closes_once(store: Store) -> None:
    append(store, hits("/a"))
    close(store)
    append(store, hits("/b", received_ms=CLOSES + 1))
    assert close(store, CLOSES + 10 * DAY_MS) == []


def test_a_day_without_events_is_neither_opened_nor_closed(store: Store) -> None:
    append(store, envelope(source="web-1", run="a"), envelope(refused="not_json"))
    assert close(store) == []
    days = [(WSID, MONDAY.start)]
    assert (store.opened(days), store.closed(days)) == (set(), set())


def test_open_and_closed_days_are_told_apart_by_web_service(store: Store) -> None:
    append(
        store,
        hits("/a"),
        hits("/a", at="2026-11-24T11:00", received_ms=NOW + DAY_MS),
        envelope(event(), wsid=8, received_ms=CLOSES),
    )
    close(store)
    tuesday, theirs = (WSID, s("2026-11-23T23:00")), (8, MONDAY.start)
    days = [(WSID, MONDAY.start), tuesday, theirs, (9, MONDAY.start), (WSID, MONDAY.start + 1)]
    assert store.closed(days) == {(WSID, MONDAY.start)}
    assert store.opened(days) == {tuesday, theirs}
    assert store.closed([]) == set()


def test_the_first_day_that_is_not_closed_is_told(store: Store) -> None:
    tuesday = period("2026-11-23T23:00", "2026-11-24T23:00")
    both = period("2026-11-23T12:00", "2026-11-24T12:00")
    assert store.open_from(DAY) is None
    append(store, hits("/a"), hits("/a", at="2026-11-24T11:00", received_ms=NOW + DAY_MS))
    assert (store.open_from(DAY), store.open_from(both)) == (MONDAY.start, MONDAY.start)
    assert store.open_from(tuesday) == s("2026-11-23T23:00")
    assert store.open_from(period("2026-11-24T23:00", "2026-11-25T23:00")) is None
    assert store.open_from(DAY_OF_8) is None
    close(store)
    assert (store.open_from(DAY), store.open_from(both)) == (None, s("2026-11-23T23:00"))


def test_days_close_by_their_own_zone(store: Store) -> None:
    append(store, envelope(event("2026-11-23T11:00", calendar=KATHMANDU)))
    assert close(store, ms("2026-11-25T18:14")) == []
    assert close(store, ms("2026-11-25T18:15")) == [Day(WSID, s("2026-11-22T18:15"), s("2026-11-23T18:15"))]


def test_days_stay_closed_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    append(store, hits("/a"))
    close(store)
    store = reopen(store)
    assert store.closed([(WSID, MONDAY.start)]) == {(WSID, MONDAY.start)}
    assert store.close_days(CLOSES + DAY_MS) == []
    append(store, envelope(event(visitor=9), received_ms=CLOSES + 1))
    assert store.totals(DAY) == Measures(requests=2, visitors=1)


# -- what is kept -------------------------------------------------------------------------------------------------


def test_closing_keeps_the_largest_keys_and_adds_up_the_rest(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/c", "/c", "/c", "/b", "/b", "/a", "/d", "/d"))
    close(store)
    kept = ([("/c", Measures(3, 3)), ("/b", Measures(2, 2))], Measures(3, 3))
    assert store.ranking("url", DAY, 10) == kept
    assert store.ranking("url", HOUR_11, 10) == kept
    assert store.ranking("url", MONTH, 10) == kept
    assert store.totals(DAY) == Measures(8, 8)


def test_ties_at_the_edge_are_kept_by_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/d", "/c", "/b", "/a"))
    close(store)
    assert requests(store.ranking("url", DAY, 10)) == {"/a": 1, "/b": 1}


def test_durations_that_are_no_longer_kept_by_key_are_the_remainders(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    pages = ("/a", "/a", "/b", "/b", "/c", "/d")
    append(store, envelope(*(event(path=page, duration_us=1000) for page in pages)))
    close(store)
    kept = {"/a": Timed(2, 2000), "/b": Timed(2, 2000), None: Timed(2, 2000)}
    assert store.timings("url", "day", DAY) == {MONDAY.start: kept}
    assert store.timings("url", "hour", DAY) == {s("2026-11-23T11:00"): kept}


def test_each_hour_of_a_closed_day_keeps_its_own_largest_keys(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(
        store, hits("/a", "/a", "/b", "/b", "/c"), hits("/c", "/c", "/d", "/d", "/a", at="2026-11-23T10:00")
    )
    close(store)
    assert requests(store.ranking("url", HOUR_11, 10)) == {"/a": 2, "/b": 2}
    assert requests(store.ranking("url", HOUR_10, 10)) == {"/c": 2, "/d": 2}
    assert requests(store.ranking("url", DAY, 10)) == {"/a": 3, "/c": 3}
    assert store.ranking("url", DAY, 10).other == Measures(4, 4)


def test_what_an_hour_did_not_admit_stays_in_the_remainder(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a", "/b", "/c", "/d", "/e", "/e", "/e"))
    close(store)
    assert store.ranking("url", DAY, 10) == (
        [("/a", Measures(1, 1)), ("/b", Measures(1, 1))],
        Measures(5, 5),
    )


def test_a_month_is_the_sum_of_its_days(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    tuesday = ms("2026-11-24T12:00")
    append(
        store,
        hits("/a", "/a", "/b", "/b", "/c"),
        hits("/c", "/c", "/a", at="2026-11-24T11:00", received_ms=tuesday),
    )
    close(store)
    assert requests(store.ranking("url", MONTH, 10)) == {"/a": 3, "/b": 2, "/c": 2}
    assert store.ranking("url", MONTH, 10).other == Measures(1, 1)
    close(store, CLOSES + DAY_MS)
    assert requests(store.ranking("url", MONTH, 10)) == {"/a": 3, "/b": 2, "/c": 2}


def test_a_key_that_no_day_keeps_is_gone_from_the_month(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a", "/b", "/c"))
    close(store)
    assert store.ranking("url", MONTH, 10) == (
        [("/a", Measures(1, 1)), ("/b", Measures(1, 1))],
        Measures(1, 1),
    )


def test_few_keys_stay_as_they_are(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    append(store, hits("/a", "/b"))
    before = store.ranking("url", DAY, 10)
    close(store)
    assert store.ranking("url", DAY, 10) == before
    assert before.other is None


def test_closing_comes_after_what_was_appended_before_it_however_late_the_views_are(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.append([hits("/a", "/a", "/b", "/c", "/c")])  # type: ignore[list-item]
    store.close_days(CLOSES)
    store.append([hits("/b", "/b", "/b", received_ms=CLOSES + 1)])  # type: ignore[list-item]
    while store.advance(1):
        pass
    assert requests(store.ranking("url", DAY, 10)) == {"/a": 2, "/c": 2}
    assert store.ranking("url", DAY, 10).other == Measures(4, 1)


# -- late events --------------------------------------------------------------------------------------------------


def test_an_event_of_a_closed_day_counts_without_a_visitor(store: Store) -> None:
    append(store, hits("/a"))
    close(store)
    append(store, envelope(event(path="/a", visitor=77), received_ms=CLOSES + 1))
    assert store.totals(DAY) == Measures(requests=2, visitors=1)
    assert [one.fields["visitor"] for one in store.events(WSID, 5)] == [None, "0000000000000000"]


def test_a_late_event_joins_the_row_of_its_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a", "/a", "/b", "/b", "/c"))
    close(store)
    append(store, envelope(event(path="/b"), received_ms=CLOSES + 1))
    rows = ([("/b", Measures(3, 2)), ("/a", Measures(2, 2))], Measures(1, 1))
    assert store.ranking("url", DAY, 10) == rows
    assert store.ranking("url", HOUR_11, 10) == rows
    assert store.ranking("url", MONTH, 10) == rows


def test_a_late_event_makes_a_row_while_there_are_few_and_no_remainder(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a"))
    close(store)
    append(store, hits("/b", "/c", "/b", received_ms=CLOSES + 1))
    assert store.ranking("url", DAY, 10) == (
        [("/b", Measures(2)), ("/a", Measures(1, 1))],
        Measures(1),
    )
    assert store.ranking("url", MONTH, 10) == store.ranking("url", DAY, 10)


def test_where_there_is_a_remainder_a_late_key_joins_it(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a", "/b", "/c"))
    close(store)
    append(store, hits("/c", "/d", received_ms=CLOSES + 1))
    assert store.ranking("url", DAY, 10) == (
        [("/a", Measures(1, 1)), ("/b", Measures(1, 1))],
        Measures(3, 1),
    )


def test_a_late_event_is_judged_by_its_hour_and_by_its_day_apart(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a", "/a", "/b", "/b", "/c"), hits("/a", at="2026-11-23T10:00"))
    close(store)
    append(store, hits("/c", "/b", at="2026-11-23T10:00", received_ms=CLOSES + 1))
    assert requests(store.ranking("url", HOUR_10, 10)) == {"/a": 1, "/c": 1}
    assert store.ranking("url", HOUR_10, 10).other == Measures(1)
    assert requests(store.ranking("url", DAY, 10)) == {"/a": 3, "/b": 3}
    assert store.ranking("url", DAY, 10).other == Measures(2, 1)
    assert requests(store.ranking("url", MONTH, 10)) == {"/a": 3, "/b": 3}


def test_an_hour_of_a_closed_day_that_had_no_event_takes_new_keys_in_their_order(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a"))
    close(store)
    append(store, hits("/x", "/y", "/z", "/x", at="2026-11-23T10:00", received_ms=CLOSES + 1))
    assert requests(store.ranking("url", HOUR_10, 10)) == {"/x": 2, "/y": 1}
    assert requests(store.ranking("url", DAY, 10)) == {"/x": 2, "/a": 1}
    assert store.ranking("url", DAY, 10).other == Measures(2)


@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_late_keys_are_judged_alike_in_however_small_steps_the_views_advance(
    store: Store, steps: int
) -> None:
    store.sync_views(by_name(PAGE))
    append(store, hits("/a"))
    close(store)
    for page in ("/z", "/y", "/y", "/z"):
        store.append([hits(page, received_ms=CLOSES + 1)])  # type: ignore[list-item]
    while store.advance(steps):
        pass
    assert requests(store.ranking("url", DAY, 10)) == {"/z": 2, "/a": 1}
