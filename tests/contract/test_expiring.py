# SPDX-License-Identifier: GPL-3.0-or-later
"""Expiring: what goes when, and what answers say about it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
    HOUR_MS,
    KATHMANDU,
    METHOD,
    NOW,
    PAGE,
    TODAY,
    WSID,
    by_name,
    counted,
    envelope,
    event,
    identity,
    ms,
    period,
    requests,
    s,
)

from tmon.server.calendar import Calendar
from tmon.server.store import Filter, Grain, Measures, Outcome, Period, Span, Store

EVERYTHING = period("2010-01-01T00:00", "2040-01-01T00:00")
EVERY_HOUR = period("2010-01-01T00:00", "2040-01-01T00:00", "hour")
EVERY_MONTH = period("2010-01-01T00:00", "2040-01-01T00:00", "month")
ANY = Filter(PAGE, "*")


def append(store: Store, *envelopes: object) -> None:
    store.append(list(envelopes))  # type: ignore[arg-type]
    store.settle()


def expire(store: Store, now_ms: int, days: Mapping[int, int] | None = None, most: int = 5_000) -> int:
    """Expires until nothing is left; returns in how many calls."""
    calls = 1
    while store.expire(now_ms, days or {}, most):
        calls += 1
        assert calls < 1000
    return calls


def paths(store: Store, wsid: int = WSID) -> list[str]:
    return [one.fields["path"] for one in store.events(wsid, 1000)]


# -- the log ------------------------------------------------------------------------------------------------------


def test_nothing_is_past_its_time_in_an_empty_store(store: Store) -> None:
    assert store.expire(NOW, {}) is False


def test_events_go_fourteen_days_after_their_receipt(store: Store) -> None:
    append(store, envelope(event("2015-01-01T00:00")))
    expire(store, NOW + 14 * DAY_MS - 1)
    assert len(paths(store)) == 1
    expire(store, NOW + 14 * DAY_MS)
    assert paths(store) == []


@pytest.mark.parametrize(("days", "kept"), [(1, 1), (3, 3), (60, 60), (0, 1), (-5, 1)])
def test_events_go_after_the_web_services_own_time_at_least_a_day(store: Store, days: int, kept: int) -> None:
    append(store, envelope(event(path="/a")), envelope(event(path="/b"), wsid=8))
    expire(store, NOW + kept * DAY_MS - 1, {WSID: days, 8: 365})
    assert paths(store) == ["/a"]
    expire(store, NOW + kept * DAY_MS, {WSID: days, 8: 365})
    assert (paths(store), paths(store, 8)) == ([], ["/b"])


def test_of_events_received_one_after_another_the_oldest_go_first(store: Store) -> None:
    for number in range(5):
        append(
            store,
            envelope(event(path=f"/{number}"), wsid=8),
            envelope(event(path=f"/{number}"), received_ms=NOW + number * DAY_MS),
        )
    expire(store, NOW + 16 * DAY_MS, {8: 400})
    assert paths(store) == ["/4", "/3"]
    assert paths(store, 8) == ["/4", "/3", "/2", "/1", "/0"]


def test_events_go_only_once_every_view_has_passed_them(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.append([envelope(event(path="/a"))])
    expire(store, NOW + 100 * DAY_MS)
    assert paths(store) == ["/a"]
    store.settle()
    expire(store, NOW + 100 * DAY_MS)
    assert paths(store) == []
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 1}


def test_events_wait_for_a_view_that_is_filling(store: Store) -> None:
    append(store, envelope(event(path="/a", method="GET")))
    store.sync_views(by_name(METHOD))
    expire(store, NOW + 20 * DAY_MS)
    assert paths(store) == ["/a"]
    store.settle()
    expire(store, NOW + 20 * DAY_MS)
    assert paths(store) == []
    assert requests(store.ranking("method", TODAY, 5)) == {"GET": 1}


def test_counts_stay_when_their_events_have_gone(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    append(store, envelope(event(path="/a", visitor=1, status=500, bytes=3)))
    expire(store, NOW + 20 * DAY_MS)
    assert store.totals(TODAY) == Measures(requests=1, visitors=1, errors=1, bytes=3)
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 1}


def test_an_event_that_comes_after_the_others_of_its_day_have_gone_is_counted_with_them(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, envelope(event(path="/a", visitor=1)))
    store.close_days(NOW + 3 * DAY_MS)
    store.settle()
    expire(store, NOW + 15 * DAY_MS)
    append(store, envelope(event(path="/a", visitor=1), received_ms=NOW + 15 * DAY_MS))
    assert store.ranking("url", TODAY, 5) == ([("/a", Measures(2, 1))], None)


def test_outcomes_are_known_for_32_days(store: Store) -> None:
    append(store, envelope(event(path="/a"), name="a"))
    one = (WSID, identity(WSID, "a"))
    expire(store, NOW + 32 * DAY_MS - 1)
    assert store.outcomes([one]) == {one: Outcome(status=200, accepted=1, duplicate=True)}
    expire(store, NOW + 32 * DAY_MS)
    assert store.outcomes([one]) == {}
    assert store.append([envelope(event(path="/a"), name="a", received_ms=NOW + 32 * DAY_MS)]) == [
        Outcome(status=200, accepted=1)
    ]


def test_outcomes_of_envelopes_without_events_go_as_well(store: Store) -> None:
    append(store, envelope(name="a"), envelope(refused="not_json", name="b"))
    expire(store, NOW + 32 * DAY_MS)
    assert store.outcomes([(WSID, identity(WSID, "a")), (WSID, identity(WSID, "b"))]) == {}


def test_events_that_are_kept_longer_stay_as_they_are_when_their_outcome_has_gone(store: Store) -> None:
    append(store, envelope(event(path="/a", username="anna"), source="web-1", name="a"))
    before = store.events(WSID, 5)
    expire(store, NOW + 40 * DAY_MS, {WSID: 100})
    assert store.events(WSID, 5) == before
    assert store.totals(period("2026-11-22T23:00", "2026-11-23T23:00", "day", ANY)).requests == 1
    store.sync_views(by_name(PAGE))
    store.settle()
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 1}


def test_quarantined_payloads_go_after_seven_days(store: Store) -> None:
    append(
        store,
        envelope(payloads=[("missing", "{}")]),
        envelope(payloads=[("missing", "[]")], received_ms=NOW + HOUR_MS),
    )
    expire(store, NOW + 7 * DAY_MS - 1)
    assert [row.payload for row in store.quarantine(WSID, 5)] == ["[]", "{}"]
    expire(store, NOW + 7 * DAY_MS)
    assert [row.payload for row in store.quarantine(WSID, 5)] == ["[]"]


def test_a_large_log_goes_in_chunks(store: Store) -> None:
    append(store, *(envelope(*(event() for _ in range(10)), payloads=[("x", "{}")]) for _ in range(10)))
    assert expire(store, NOW + 40 * DAY_MS, most=9) > 5
    assert paths(store) == []
    assert store.expire(NOW + 40 * DAY_MS, {}) is False
    assert store.totals(TODAY).requests == 100


def test_what_blocks_is_not_left_to_be_done(store: Store) -> None:
    store.append([envelope(event())])
    expire(store, NOW + 40 * DAY_MS)
    assert store.expire(NOW + 40 * DAY_MS, {}) is False


# -- buckets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "goes_ms"),
    [
        ("second", ms("2026-11-23T11:00:01") + 2 * HOUR_MS),
        ("minute", ms("2026-11-23T11:01") + 8 * DAY_MS),
        ("hour", ms("2026-11-23T12:00") + 35 * DAY_MS),
        ("day", ms("2026-11-23T23:00") + 27 * 31 * DAY_MS),
        ("month", ms("2026-11-30T23:00") + 27 * 31 * DAY_MS),
    ],
)
def test_buckets_go_some_time_after_their_end(store: Store, grain: Grain, goes_ms: int) -> None:
    append(store, envelope(event("2026-11-23T11:00"), received_ms=ms("2026-11-23T11:00")))
    expire(store, goes_ms - 1)
    assert len(store.series(grain, EVERYTHING)) == 1
    expire(store, goes_ms)
    assert store.series(grain, EVERYTHING) == {}


@pytest.mark.parametrize(("grain", "days"), [("hour", 35), ("day", 27 * 31), ("month", 27 * 31)])
def test_buckets_that_changed_later_go_some_time_after_that(store: Store, grain: Grain, days: int) -> None:
    late_ms = ms("2027-03-01T12:34")
    append(
        store, envelope(event("2015-05-17T10:00")), envelope(event("2015-05-17T10:10"), received_ms=late_ms)
    )
    expire(store, late_ms + days * DAY_MS - 1)
    assert [one.requests for one in store.series(grain, EVERYTHING).values()] == [2]
    expire(store, late_ms + days * DAY_MS)
    assert store.series(grain, EVERYTHING) == {}


def test_closing_and_erasing_do_not_keep_a_bucket(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, envelope(*(event(path=path) for path in "abc")))
    store.close_days(NOW + 30 * DAY_MS)
    store.erase_username(WSID, "anna", NOW + 31 * DAY_MS)
    store.settle()
    expire(store, ms("2026-11-23T12:00") + 35 * DAY_MS)
    assert store.ranking("url", EVERY_HOUR, 5) == ([], None)


def test_every_view_loses_its_hours_days_and_months(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    append(store, envelope(*(event(path=path) for path in "abcdef")))
    for whole, days in ((EVERY_HOUR, 36), (EVERYTHING, 838), (EVERY_MONTH, 845)):
        assert store.ranking("url", whole, 1).rows != []
        expire(store, NOW + days * DAY_MS, most=3)
        assert store.ranking("url", whole, 1) == ([], None)
        assert store.ranking("country", whole, 1) == ([], None)
        assert store.totals(whole) == Measures()


def test_an_hour_that_has_gone_comes_back_with_a_later_event(store: Store) -> None:
    append(store, envelope(event()))
    later_ms = NOW + 50 * DAY_MS
    expire(store, later_ms)
    append(store, envelope(event(), event(), received_ms=later_ms))
    assert counted(store.series("hour", EVERYTHING)) == {"2026-11-23T11:00": 2}
    assert counted(store.series("day", EVERYTHING)) == {"2026-11-22T23:00": 3}
    expire(store, later_ms + 35 * DAY_MS - 1)
    assert counted(store.series("hour", EVERYTHING)) == {"2026-11-23T11:00": 2}
    expire(store, later_ms + 35 * DAY_MS)
    assert store.series("hour", EVERYTHING) == {}


def test_web_services_are_expired_apart(store: Store) -> None:
    append(store, envelope(event()), envelope(event(), wsid=8, received_ms=NOW + DAY_MS))
    expire(store, NOW + 35 * DAY_MS + HOUR_MS)
    theirs = period("2010-01-01T00:00", "2040-01-01T00:00", "hour", wsid=8)
    assert (store.totals(EVERY_HOUR).requests, store.totals(theirs).requests) == (0, 1)


def test_a_view_that_counts_what_the_totals_have_no_more_has_no_remainder_of_less_than_nothing(
    store: Store,
) -> None:
    append(
        store,
        envelope(event("2026-11-20T10:00"), event("2026-11-20T10:05"), received_ms=ms("2026-11-20T10:06")),
    )
    expire(store, ms("2026-11-20T11:00") + 35 * DAY_MS, {WSID: 60})
    store.sync_views(by_name(PAGE))
    store.settle()
    hour = period("2026-11-20T10:00", "2026-11-20T11:00", "hour")
    assert store.totals(hour) == Measures()
    assert store.ranking("url", hour, 10) == ([("", Measures(2))], None)
    assert store.figures("url", hour, ["/a"]) == ([("/a", Measures())], Measures(2))


# -- complete_from ------------------------------------------------------------------------------------------------


def days_of(start: str, end: str, *filters: Filter, calendar: Calendar | None = None) -> Period:
    return period(start, end, "day", *filters, **({} if calendar is None else {"calendar": calendar}))


def test_nothing_is_missing_at_first(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    assert store.complete_from(EVERYTHING) is None
    append(store, envelope(event("2015-05-17T10:00"), event()))
    assert store.complete_from(EVERYTHING) is None
    assert store.complete_from(EVERYTHING, "url") is None
    assert store.complete_from(period("2010-01-01T00:00", "2040-01-01T00:00", "day", ANY)) is None


def test_a_filtered_question_is_complete_from_the_day_after_the_last_of_which_events_have_gone(
    store: Store,
) -> None:
    store.sync_views(by_name(PAGE))
    append(store, envelope(event("2026-11-05T10:00"), event("2026-11-07T10:00")), envelope(event()))
    expire(store, NOW + 14 * DAY_MS - 1)
    assert store.complete_from(days_of("2026-11-01T00:00", "2026-11-30T00:00", ANY)) is None
    append(store, envelope(event(), received_ms=NOW + 14 * DAY_MS))
    expire(store, NOW + 14 * DAY_MS)
    wide = days_of("2026-11-04T23:00", "2026-11-30T23:00", ANY)
    assert store.complete_from(wide) == s("2026-11-23T23:00")
    assert store.complete_from(wide, "url") == s("2026-11-23T23:00")
    assert store.complete_from(days_of("2026-11-04T23:00", "2026-11-08T23:00", ANY)) == s("2026-11-07T23:00")
    assert store.complete_from(days_of("2026-11-05T23:00", "2026-11-06T23:00", ANY)) is None
    assert store.complete_from(days_of("2026-11-23T23:00", "2026-11-30T23:00", ANY)) is None
    assert store.complete_from(days_of("2026-11-04T23:00", "2026-11-30T23:00")) is None


def test_a_filtered_question_about_hours_needs_the_whole_day(store: Store) -> None:
    append(store, envelope(event("2026-11-05T10:00")))
    expire(store, NOW + 14 * DAY_MS)
    evening = period("2026-11-05T18:00", "2026-11-05T20:00", "hour", ANY)
    assert store.complete_from(evening) == s("2026-11-05T23:00")


def test_local_days_are_those_of_the_events(store: Store) -> None:
    append(store, envelope(event("2026-11-05T10:00", calendar=KATHMANDU)))
    expire(store, NOW + 14 * DAY_MS)
    wide = days_of("2026-11-01T18:15", "2026-11-30T18:15", ANY, calendar=KATHMANDU)
    assert store.complete_from(wide) == s("2026-11-05T18:15")


def test_an_unfiltered_question_lacks_only_the_buckets_that_it_needs(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    append(store, envelope(event("2026-11-20T10:00"), received_ms=ms("2026-11-20T10:01")))
    append(store, envelope(event("2026-11-23T10:00")))
    expire(store, ms("2026-11-20T11:00") + 35 * DAY_MS)
    hours = period("2026-11-19T23:00", "2026-11-23T23:00", "hour")
    assert store.complete_from(hours) == s("2026-11-20T23:00")
    assert store.complete_from(hours, "url") == s("2026-11-20T23:00")
    assert store.complete_from(period("2026-11-19T23:00", "2026-11-23T23:00", "day")) is None
    assert store.complete_from(period("2026-11-20T23:00", "2026-11-23T23:00", "hour")) is None
    mixed = period(
        "2026-11-20T10:00",
        "2026-11-23T23:00",
        spans=(
            Span("hour", s("2026-11-20T10:00"), s("2026-11-20T23:00")),
            Span("day", s("2026-11-20T23:00"), s("2026-11-23T23:00")),
        ),
    )
    assert store.complete_from(mixed) == s("2026-11-20T23:00")


def test_the_other_hours_of_a_day_that_has_lost_some_are_not_missing(store: Store) -> None:
    for at in ("2026-11-20T10:00", "2026-11-20T15:00"):
        append(store, envelope(event(at), received_ms=ms(at)))
    expire(store, ms("2026-11-20T11:00") + 35 * DAY_MS)
    assert store.complete_from(period("2026-11-20T11:00", "2026-11-20T23:00", "hour")) is None
    assert store.complete_from(period("2026-11-20T10:00", "2026-11-20T23:00", "hour")) == s(
        "2026-11-20T23:00"
    )


def test_days_and_months_are_missing_in_their_time(store: Store) -> None:
    append(store, envelope(event("2026-11-20T10:00")))
    expire(store, ms("2026-11-20T23:00") + 27 * 31 * DAY_MS + 3 * DAY_MS)
    assert store.complete_from(days_of("2026-11-01T00:00", "2026-12-31T00:00")) == s("2026-11-20T23:00")
    months = period("2026-10-31T23:00", "2026-12-31T23:00", "month")
    assert store.complete_from(months) is None
    expire(store, ms("2026-11-30T23:00") + 27 * 31 * DAY_MS)
    assert store.complete_from(months) == s("2026-11-30T23:00")


def test_what_is_missing_is_known_by_web_service(store: Store) -> None:
    append(store, envelope(event("2026-11-05T10:00"), wsid=8), envelope(event()))
    expire(store, NOW + 40 * DAY_MS, {WSID: 400})
    assert store.complete_from(days_of("2026-11-04T23:00", "2026-11-30T23:00", ANY)) is None


def test_what_is_missing_is_remembered_when_the_store_is_opened_again(
    store: Store, reopen: Callable[[Store], Store]
) -> None:
    append(store, envelope(event("2026-11-05T10:00")))
    expire(store, NOW + 40 * DAY_MS)
    store = reopen(store)
    assert store.complete_from(days_of("2026-11-01T23:00", "2026-11-30T23:00", ANY)) == s("2026-11-05T23:00")
    hours = period("2026-11-01T23:00", "2026-11-30T23:00", "hour")
    assert store.complete_from(hours) == s("2026-11-05T23:00")
