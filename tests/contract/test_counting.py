# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting: buckets in local time, measures, visitors, rankings and the limit of keys per hour."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable

import pytest
from tests.contract.build import (
    COUNTRY,
    DAY_MS,
    KATHMANDU,
    LORD_HOWE,
    METHOD,
    NOW,
    PAGE,
    ST_JOHNS,
    STATUS,
    TODAY,
    USERNAME,
    VIENNA,
    by_name,
    counted,
    envelope,
    event,
    ms,
    period,
    requests,
    s,
    visitors,
)

from tmon.server.calendar import Calendar
from tmon.server.catalogue import Classes, View
from tmon.server.events import SESSION, Event
from tmon.server.store import Filter, Grain, Limits, Measures, Span, Store, UnknownView

HOUR_11 = period("2026-11-23T11:00", "2026-11-23T12:00", "hour")
HOUR_10 = period("2026-11-23T10:00", "2026-11-23T11:00", "hour")


def fill(store: Store, *events: Event, received_ms: int = NOW) -> None:
    store.append([envelope(*events, received_ms=received_ms)])
    store.settle()


# -- measures -----------------------------------------------------------------------------------------------------


def test_nothing_counts_as_nothing(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.settle()
    assert store.totals(TODAY) == Measures()
    assert store.ranking("url", TODAY, 10) == ([], None)
    assert store.series("hour", TODAY) == {}


def test_requests_bots_errors_durations_and_bytes_add_up(store: Store) -> None:
    fill(
        store,
        event(visitor=1, status=200, duration_us=1_500, bytes=100),
        event(visitor=1, status=500, duration_us=2_000),
        event(visitor=2, bot=True, status=599, bytes=7),
        event(status=499),
        event(status=None, duration_us=0),
    )
    assert store.totals(TODAY) == Measures(
        requests=5, visitors=1, bots=1, errors=2, duration_us=3_500, timed=3, bytes=107
    )


def test_sums_of_large_numbers_stay_exact(store: Store) -> None:
    fill(store, *(event(bytes=10**12, duration_us=2_592_000_000_001) for _ in range(3)))
    assert store.totals(TODAY) == Measures(
        requests=3, duration_us=7_776_000_000_003, timed=3, bytes=3_000_000_000_000
    )


def test_the_measures_of_every_key_and_of_the_totals_agree(store: Store) -> None:
    store.sync_views(by_name(METHOD))
    fill(
        store,
        event(method="GET", duration_us=5, bytes=1),
        event(method="GET", bot=True),
        event(method="POST", status=502, duration_us=7),
    )
    assert store.ranking("method", TODAY, 10) == (
        [
            ("GET", Measures(requests=2, bots=1, duration_us=5, timed=1, bytes=1)),
            ("POST", Measures(requests=1, errors=1, duration_us=7, timed=1)),
        ],
        None,
    )


def test_web_services_are_counted_apart(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    store.append([envelope(event(path="/a")), envelope(event(path="/b"), event(path="/c"), wsid=8)])
    store.settle()
    assert requests(store.ranking("url", TODAY, 10)) == {"/a": 1}
    theirs = period("2026-11-22T23:00", "2026-11-23T23:00", wsid=8)
    assert requests(store.ranking("url", theirs, 10)) == {"/b": 1, "/c": 1}
    assert (store.totals(TODAY).requests, store.totals(theirs).requests) == (1, 2)


def test_each_event_counts_once_in_however_small_steps_the_views_advance(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    for _ in range(3):
        store.append([envelope(*(event(path=path, visitor=1) for path in "abc")), envelope()])
    steps = 0
    while store.advance(1):
        steps += 1
    assert steps >= 2
    assert requests(store.ranking("url", TODAY, 10)) == {"a": 3, "b": 3, "c": 3}
    assert store.totals(TODAY) == Measures(requests=9, visitors=1)
    assert store.advance(1) is False


def test_the_largest_key_of_several_days_need_not_be_the_largest_of_any(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *of_days({"/a": 170, "/b": 160, "/d": 1}, {"/c": 170, "/b": 160, "/e": 1}))
    two_days = period("2026-11-21T23:00", "2026-11-23T23:00")
    assert store.ranking("url", two_days, 1) == ([("/b", Measures(320, 2))], Measures(342, 4))
    assert store.ranking("url", two_days, 2) == (
        [("/b", Measures(320, 2)), ("/a", Measures(170, 1))],
        Measures(172, 3),
    )


def test_a_key_that_leads_by_several_days_is_found_behind_many_larger_ones_of_each(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    first, second = ({f"/{day}/{n}": 80 + n for n in range(14)} for day in (1, 2))
    fill(store, *of_days({**first, "/both": 79}, {**second, "/both": 79}))
    two_days = period("2026-11-21T23:00", "2026-11-23T23:00")
    assert requests(store.ranking("url", two_days, 1)) == {"/both": 158}
    assert requests(store.ranking("url", two_days, 4)) == {
        "/both": 158,
        "/1/13": 93,
        "/2/13": 93,
        "/1/12": 92,
    }


def test_of_large_keys_with_as_many_requests_the_first_by_name_come_first(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY, METHOD))
    sizes = {f"/{name}": 300 for name in "dbca"}
    fill(store, *of_days(sizes, {"/z": 1}))
    two_days = period("2026-11-21T23:00", "2026-11-23T23:00")
    assert store.ranking("url", two_days, 2) == (
        [("/a", Measures(300, 1)), ("/b", Measures(300, 1))],
        Measures(601, 3),
    )
    assert store.ranking("country", two_days, 1) == ([("AT", Measures(1201, 2))], None)
    assert store.ranking("method", two_days, 1) == ([("GET", Measures(1201))], None)


def of_days(*sizes: dict[str, int]) -> list[Event]:
    """So many requests for pages on each day from the one before NOW on, all by one visitor; four pages an hour."""
    return [
        event(f"2026-11-{day}T{number // 4:02}:30", path=path, country="AT", method="GET", visitor=1)
        for day, pages in enumerate(sizes, start=22)
        for number, (path, count) in enumerate(pages.items())
        for _ in range(count)
    ]


def test_the_figures_of_keys_come_in_their_order_with_everything_else(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(
        store,
        event(path="/a", visitor=1, duration_us=3, status=500, bytes=9),
        event(path="/a", visitor=2),
        event(path="/b", visitor=1),
        event(path="/c", visitor=1, bot=True),
        event(path="", duration_us=7),
    )
    some = store.figures("url", TODAY, ["/b", "/nowhere", "/a", "/b"])
    assert some == (
        [("/b", Measures(1, 1)), ("/nowhere", Measures()), ("/a", Measures(2, 2, 0, 1, 3, 1, 9))],
        Measures(2, 0, 1, 0, 7, 1),
    )
    assert store.figures("url", TODAY, ["", "/a", "/b", "/c"]).other is None
    assert store.figures("url", TODAY, []) == ([], Measures(5, 3, 1, 1, 10, 2, 9))
    yesterday = period("2026-11-21T23:00", "2026-11-22T23:00")
    assert store.figures("url", yesterday, ["/a"]) == ([("/a", Measures())], None)


def test_the_figures_of_a_filtered_question_are_of_what_matches(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(
        store, event(path="/a", country="AT"), event(path="/a", country="DE"), event(path="/b", country="AT")
    )
    at = period("2026-11-22T23:00", "2026-11-23T23:00", "day", Filter(COUNTRY, "AT"))
    assert store.figures("url", at, ["/a", "/c"]) == ([("/a", Measures(1)), ("/c", Measures())], Measures(1))


def test_figures_of_thousands_of_keys_and_of_strange_ones(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, event(path="/\0"), event(path="/ü'\"[]"), event(path="/7"))
    keys = [*(f"/{n}" for n in range(1_200)), "/\0", "/ü'\"[]"]
    found = store.figures("url", TODAY, keys)
    assert [key for key, measures in found.rows if measures.requests] == ["/7", "/\0", "/ü'\"[]"]
    assert ([key for key, _ in found.rows], found.other) == (keys, None)


def test_what_is_no_longer_kept_by_key_is_in_the_remainder_of_figures(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *(event(path=path) for path in ("/a", "/a", "/b", "/b", "/c")))
    store.close_days(NOW + 4 * DAY_MS)
    store.settle()
    assert store.figures("url", TODAY, ["/c", "/b"]) == (
        [("/c", Measures()), ("/b", Measures(2))],
        Measures(3),
    )


def test_figures_of_an_unknown_view_are_refused(store: Store) -> None:
    with pytest.raises(UnknownView):
        store.figures("url", TODAY, ["/a"])


# -- buckets ------------------------------------------------------------------------------------------------------


def test_a_late_event_counts_where_it_happened(store: Store) -> None:
    fill(store, event("2026-11-20T10:30"), event("2026-10-02T04:00"), event("2015-05-17T10:05"))
    whole = period("2015-01-01T00:00", "2027-01-01T00:00")
    assert counted(store.series("hour", whole)) == {
        "2015-05-17T10:00": 1,
        "2026-10-02T04:00": 1,
        "2026-11-20T10:00": 1,
    }
    assert counted(store.series("day", whole)) == {
        "2015-05-16T22:00": 1,
        "2026-10-01T22:00": 1,
        "2026-11-19T23:00": 1,
    }
    assert counted(store.series("month", whole)) == {
        "2015-04-30T22:00": 1,
        "2026-09-30T22:00": 1,
        "2026-10-31T23:00": 1,
    }


@pytest.mark.parametrize(
    ("calendar", "at", "hour", "day", "month"),
    [
        (KATHMANDU, "2026-11-23T18:20", "2026-11-23T18:15", "2026-11-23T18:15", "2026-10-31T18:15"),
        (KATHMANDU, "2026-11-23T18:14", "2026-11-23T17:15", "2026-11-22T18:15", "2026-10-31T18:15"),
        (ST_JOHNS, "2026-11-23T03:29", "2026-11-23T02:30", "2026-11-22T03:30", "2026-11-01T02:30"),
        (ST_JOHNS, "2026-11-23T03:30", "2026-11-23T03:30", "2026-11-23T03:30", "2026-11-01T02:30"),
        (LORD_HOWE, "2026-11-23T13:00", "2026-11-23T13:00", "2026-11-23T13:00", "2026-10-31T13:00"),
        (VIENNA, "2026-11-30T23:00", "2026-11-30T23:00", "2026-11-30T23:00", "2026-11-30T23:00"),
    ],
)
def test_hours_days_and_months_begin_by_the_web_services_clock(
    store: Store, calendar: Calendar, at: str, hour: str, day: str, month: str
) -> None:
    fill(store, event(at, calendar=calendar), received_ms=ms("2026-12-01T00:00"))
    whole = period("2026-10-01T00:00", "2027-01-01T00:00", calendar=calendar)
    assert counted(store.series("hour", whole)) == {hour: 1}
    assert counted(store.series("day", whole)) == {day: 1}
    assert counted(store.series("month", whole)) == {month: 1}


@pytest.mark.parametrize(
    ("calendar", "date", "hours"),
    [
        (VIENNA, dt.date(2026, 3, 29), 23),
        (VIENNA, dt.date(2026, 10, 25), 25),
        (ST_JOHNS, dt.date(2026, 3, 8), 23),
        (ST_JOHNS, dt.date(2026, 11, 1), 25),
        (LORD_HOWE, dt.date(2026, 4, 5), 24),
        (LORD_HOWE, dt.date(2026, 10, 4), 24),
        (KATHMANDU, dt.date(2026, 3, 29), 24),
    ],
)
def test_a_day_on_which_the_clock_changes_holds_each_of_its_hours_once(
    store: Store, calendar: Calendar, date: dt.date, hours: int
) -> None:
    day = calendar.day_of_date(date)
    quarters = range(day.start - 900, day.end + 900, 900)
    fill(store, *(event(at * 1000, calendar=calendar, visitor=1) for at in quarters))
    whole = period(day.start, day.end, calendar=calendar)
    by_hour = store.series("hour", whole)
    assert len(by_hour) == hours
    assert {start: measures.requests for start, measures in by_hour.items()} == {
        start: (calendar.hour(start).end - start) // 900 for start in day.hours
    }
    assert store.series("day", whole) == {day.start: Measures((day.end - day.start) // 900, 1)}
    assert store.totals(whole) == Measures((day.end - day.start) // 900, 1)


def test_lord_howes_long_hour_is_one_bucket_of_ninety_minutes(store: Store) -> None:
    fill(
        store,
        *(
            event(at, calendar=LORD_HOWE)
            for at in ("2026-04-04T14:00", "2026-04-04T14:59", "2026-04-04T15:29")
        ),
    )
    day = period("2026-04-04T13:00", "2026-04-05T13:30", calendar=LORD_HOWE)
    assert counted(store.series("hour", day)) == {"2026-04-04T14:00": 3}


def test_a_change_of_zone_leaves_the_past_as_it_was(store: Store) -> None:
    change = VIENNA.next_change(s("2026-11-23T12:00"))
    moved = Calendar([(-math.inf, "Europe/Vienna"), (change, "Asia/Kathmandu")])
    fill(store, event("2026-11-23T12:00"), event("2026-11-23T22:59"))
    later = [
        event(at, calendar=moved)
        for at in ("2026-11-23T22:59", "2026-11-23T23:00", "2026-11-24T18:14", "2026-11-24T18:15")
    ]
    fill(store, *later, received_ms=ms("2026-11-24T19:00"))
    whole = period("2026-11-01T00:00", "2026-12-01T00:00", calendar=moved)
    assert counted(store.series("day", whole)) == {
        "2026-11-22T23:00": 3,
        "2026-11-23T23:00": 2,
        "2026-11-24T18:15": 1,
    }
    assert counted(store.series("hour", whole)) == {
        "2026-11-23T12:00": 1,
        "2026-11-23T22:00": 2,
        "2026-11-23T23:00": 1,
        "2026-11-24T17:15": 1,
        "2026-11-24T18:15": 1,
    }
    assert counted(store.series("month", period("2026-10-01T00:00", "2026-12-31T00:00"))) == {
        "2026-10-31T23:00": 3,
        "2026-11-23T23:00": 3,
    }


def test_seconds_and_minutes_are_of_utc(store: Store) -> None:
    base = ms("2026-11-23T11:58")
    fill(store, *(event(base + offset, calendar=KATHMANDU) for offset in (0, 999, 1000, 59_999, 60_000)))
    around = period("2026-11-23T11:58", "2026-11-23T12:00", "second")
    start = s("2026-11-23T11:58")
    assert {at - start: one.requests for at, one in store.series("second", around).items()} == {
        0: 2,
        1: 1,
        59: 1,
        60: 1,
    }
    assert counted(store.series("minute", around)) == {"2026-11-23T11:58": 4, "2026-11-23T11:59": 1}


def test_a_series_holds_the_buckets_that_start_in_the_period(store: Store) -> None:
    fill(
        store,
        *(
            event(at)
            for at in ("2026-11-23T09:59", "2026-11-23T10:00", "2026-11-23T11:59", "2026-11-23T12:00")
        ),
    )
    between = period("2026-11-23T10:00", "2026-11-23T12:00", "hour")
    assert counted(store.series("hour", between)) == {"2026-11-23T10:00": 1, "2026-11-23T11:00": 1}


@pytest.mark.parametrize(
    ("grain", "received", "seen"),
    [
        ("second", "2026-11-23T13:00:00", True),
        ("second", "2026-11-23T13:00:01", False),
        ("minute", "2026-12-01T11:00:59", True),
        ("minute", "2026-12-01T11:01:00", False),
    ],
)
def test_seconds_and_minutes_that_are_past_their_time_already_are_not_counted(
    store: Store, grain: Grain, received: str, seen: bool
) -> None:
    fill(store, event("2026-11-23T11:00:00"), received_ms=ms(received))
    assert bool(store.series(grain, HOUR_11)) is seen
    assert store.totals(HOUR_11).requests == 1


def test_a_period_is_answered_from_spans_of_several_grains(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(
        store,
        *(event(at, path="/a") for at in ("2026-09-30T21:59", "2026-09-30T22:30", "2026-10-15T12:00")),
        *(
            event(at, path="/b")
            for at in ("2026-10-31T23:00", "2026-11-22T22:59", "2026-11-23T10:00", "2026-11-23T11:00")
        ),
    )
    mixed = period(
        "2026-09-30T22:00",
        "2026-11-23T11:00",
        spans=(
            Span("month", s("2026-09-30T22:00"), s("2026-10-31T23:00")),
            Span("day", s("2026-10-31T23:00"), s("2026-11-22T23:00")),
            Span("hour", s("2026-11-22T23:00"), s("2026-11-23T11:00")),
        ),
    )
    assert store.totals(mixed).requests == 5
    assert requests(store.ranking("url", mixed, 10)) == {"/b": 3, "/a": 2}


# -- visitors -----------------------------------------------------------------------------------------------------


def test_a_visitor_counts_once_a_day_in_the_bucket_of_the_first_event_to_arrive(store: Store) -> None:
    fill(store, event("2026-11-23T11:30", visitor=1), event("2026-11-23T10:30", visitor=1))
    assert {start: one.visitors for start, one in store.series("hour", TODAY).items()} == {
        s("2026-11-23T10:00"): 0,
        s("2026-11-23T11:00"): 1,
    }
    assert store.totals(TODAY).visitors == 1


def test_a_visitor_counts_in_one_second_and_one_minute(store: Store) -> None:
    fill(store, event("2026-11-23T11:30:05", visitor=1), event("2026-11-23T11:31:07", visitor=1))
    assert [one.visitors for _, one in sorted(store.series("second", HOUR_11).items())] == [1, 0]
    assert [one.visitors for _, one in sorted(store.series("minute", HOUR_11).items())] == [1, 0]


def test_visitors_of_several_days_add_up(store: Store) -> None:
    fill(store, *(event(f"2026-11-{day}T12:00", visitor=1) for day in (20, 21, 22)))
    assert store.totals(period("2026-11-19T23:00", "2026-11-22T23:00")).visitors == 3
    assert store.totals(period("2026-10-31T23:00", "2026-11-30T23:00", "month")).visitors == 3


def test_a_visitor_stays_the_same_however_many_steps_lie_between(store: Store) -> None:
    for _ in range(3):
        fill(store, event(visitor=1))
    assert store.totals(TODAY) == Measures(requests=3, visitors=1)


def test_bots_and_the_unrecognised_are_no_visitors(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    fill(store, event(visitor=1, bot=True), event(visitor=None), event(visitor=2))
    assert store.totals(TODAY) == Measures(requests=3, visitors=1, bots=1)
    assert visitors(store.ranking("url", TODAY, 5)) == {"": 1}
    assert visitors(store.ranking("country", TODAY, 5)) == {"": 1}


def test_someone_first_seen_as_a_bot_counts_with_the_first_event_that_is_none(store: Store) -> None:
    store.sync_views(by_name(PAGE, COUNTRY))
    fill(
        store, event(visitor=1, bot=True, path="/a", country="AT"), event(visitor=1, path="/b", country="DE")
    )
    assert visitors(store.ranking("url", TODAY, 5)) == {"/a": 0, "/b": 1}
    assert visitors(store.ranking("country", TODAY, 5)) == {"AT": 0, "DE": 1}


def test_distinct_visitors_count_once_for_each_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, event(path="/a", visitor=1), event(path="/b", visitor=1), event(path="/a", visitor=2))
    fill(store, event(path="/a", visitor=1), event(path="/c", visitor=1))
    assert visitors(store.ranking("url", TODAY, 5)) == {"/a": 2, "/b": 1, "/c": 1}
    assert store.totals(TODAY).visitors == 2


def test_a_distinct_visitor_counts_in_the_hour_in_which_the_key_was_first_seen(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(
        store,
        event("2026-11-23T11:10", path="/a", visitor=1),
        event("2026-11-23T10:10", path="/b", visitor=1),
    )
    fill(
        store,
        event("2026-11-23T10:20", path="/a", visitor=1),
        event("2026-11-23T11:20", path="/b", visitor=1),
    )
    assert visitors(store.ranking("url", HOUR_10, 5)) == {"/a": 0, "/b": 1}
    assert visitors(store.ranking("url", HOUR_11, 5)) == {"/a": 1, "/b": 0}


def test_where_visitors_are_first_one_key_has_them_even_if_another_is_seen_later(store: Store) -> None:
    store.sync_views(by_name(COUNTRY))
    fill(store, event(country="AT", visitor=1))
    fill(store, event(country="DE", visitor=1), event(country="DE", visitor=2))
    assert visitors(store.ranking("country", TODAY, 5)) == {"DE": 1, "AT": 1}


def test_a_view_without_visitors_counts_none(store: Store) -> None:
    store.sync_views(by_name(METHOD))
    fill(store, event(method="GET", visitor=1), event(method="PUT", visitor=2))
    assert visitors(store.ranking("method", TODAY, 5)) == {"GET": 0, "PUT": 0}


@pytest.mark.parametrize(
    "field", ["status", "username", "host", "source", "utm_source", "path", "team", "bytes", "city"]
)
def test_distinct_visitors_of_any_field_are_counted_alike(store: Store, field: str) -> None:
    values: dict[str, tuple[object, object]] = {"status": (200, 404), "bytes": (1, 2)}
    one, two = values.get(field, ("a", "b"))
    store.sync_views(by_name(View("v", "V", field)))

    def seen(value: object, visitor: int) -> None:
        if field == "source":
            store.append([envelope(event(visitor=visitor), source=str(value))])
        elif field == "team":
            store.append([envelope(event(visitor=visitor, extra={"team": str(value)}))])
        else:
            store.append([envelope(event(visitor=visitor, **{field: value}))])

    for value, visitor in ((one, 1), (two, 1), (one, 2), (one, 1), (two, 1)):
        seen(value, visitor)
    store.advance(2)
    for value, visitor in ((two, 1), (two, 3), (one, 2), (one, 3)):
        seen(value, visitor)
    store.settle()
    ranking = store.ranking("v", TODAY, 5)
    assert requests(ranking) == {str(one): 5, str(two): 4}
    assert visitors(ranking) == {str(one): 3, str(two): 2}


def test_a_visitor_by_two_campaigns_of_one_source_is_one_visitor_of_the_source(store: Store) -> None:
    store.sync_views(by_name(View("source", "Sources", "utm_source"), View("medium", "Media", "utm_medium")))
    fill(store, event(visitor=1, utm_source="news", utm_medium="mail"), event(visitor=1))
    fill(store, event(visitor=1, utm_source="news", utm_medium="web"), event(visitor=1, utm_source="news"))
    assert visitors(store.ranking("source", TODAY, 5)) == {"news": 1, "": 1}
    assert visitors(store.ranking("medium", TODAY, 5)) == {"mail": 1, "web": 1, "": 1}


def test_a_visitor_under_many_names_is_new_to_each_of_them_once(
    open_with: Callable[[Limits], Store],
) -> None:
    """As a gateway is, behind which everybody has the same address and user agent."""
    store = open_with(Limits())
    store.sync_views(by_name(USERNAME, View("how", "Methods", "method"), View("what", "Statuses", "status")))

    def named(name: int, hour: int, *, visitor: int = 1, method: str = "GET", status: int = 200) -> Event:
        at = f"2026-11-23T{hour:02}:00"
        return event(at, visitor=visitor, username=f"user-{name}", method=method, status=status)

    fill(store, *(named(name, 10) for name in range(10)), named(0, 10, visitor=2))
    fill(
        store,
        *(named(name, 11) for name in range(60)),
        *(named(name, 11, method="POST") for name in range(5, 40)),
        *(named(name, 10, status=404, visitor=2) for name in range(3)),
    )
    names = store.ranking("username", TODAY, 100)
    assert requests(names)["user-7"] == 3
    assert visitors(names) == {f"user-{name}": 2 if name < 3 else 1 for name in range(60)}
    assert visitors(store.ranking("how", TODAY, 5)) == {"GET": 2, "POST": 1}
    assert visitors(store.ranking("what", TODAY, 5)) == {"200": 2, "404": 1}
    assert store.totals(TODAY).visitors == 2
    assert sum(visitors(store.ranking("username", HOUR_11, 100)).values()) == 50


def test_the_largest_visitor_numbers_are_told_apart(store: Store) -> None:
    fill(store, *(event(visitor=number) for number in (2**63 - 1, -(2**63), 2**63 - 2, 0, -1)))
    assert store.totals(TODAY).visitors == 5


# -- kinds and keys -----------------------------------------------------------------------------------------------

SESSIONS = View("object", "Used", "object", kind=SESSION)


def test_totals_count_requests_and_a_view_what_is_of_its_kind(store: Store) -> None:
    store.sync_views(by_name(SESSIONS, PAGE))
    fill(
        store,
        event(path="/a"),
        event(kind=SESSION, extra={"session": "1", "object": "lab"}),
        event(kind=SESSION, extra={"session": "2"}),
    )
    assert store.totals(TODAY).requests == 1
    assert counted(store.series("minute", TODAY)) == {"2026-11-23T11:00": 1}
    assert requests(store.ranking("url", TODAY, 5)) == {"/a": 1}
    assert requests(store.ranking("object", TODAY, 5)) == {"": 1, "lab": 1}


def test_sessions_add_no_visitors(store: Store) -> None:
    store.sync_views(by_name(SESSIONS, COUNTRY))
    fill(
        store,
        event(kind=SESSION, visitor=1, country="AT", extra={"object": "lab"}),
        event(visitor=1, country="DE"),
        event(kind=SESSION, visitor=1, country="FR", extra={"object": "lab"}),
    )
    assert visitors(store.ranking("object", TODAY, 5)) == {"lab": 0}
    assert visitors(store.ranking("country", TODAY, 5)) == {"DE": 1}
    assert store.totals(TODAY).visitors == 1


def test_the_key_of_an_absent_field_is_the_empty_text(store: Store) -> None:
    names = [
        "country",
        "os",
        "host",
        "username",
        "status",
        "referrer",
        "referrer_site",
        "utm_term",
        "ip",
        "team",
        "lat",
    ]
    store.sync_views(by_name(*(View(name, name, name) for name in names)))
    fill(store, event())
    assert {name: requests(store.ranking(name, TODAY, 5)) for name in names} == {
        name: {"": 1} for name in names
    }


def test_keys_are_the_texts_of_their_fields(store: Store) -> None:
    fields = {
        "country": "AT",
        "region": "Tyrol",
        "city": "Hall",
        "lat": "47.25",
        "lon": "11",
        "os": "Linux",
        "browser": "Firefox",
        "device": "phone",
        "model": "P9",
        "bot": "false",
        "useragent": "UA/1",
        "url": "/p",
        "path": "/p",
        "host": "h",
        "method": "PUT",
        "status": "404",
        "duration_ms": "0.25",
        "bytes": "12",
        "username": "anna",
        "ip": "2001:db8::",
        "referrer": "https://x.example/y",
        "referrer_site": "x.example",
        "utm_source": "s",
        "utm_medium": "m",
        "utm_campaign": "c",
        "utm_term": "t",
        "utm_content": "o",
        "kind": "request",
        "source": "web-1",
        "team": "a",
        "flag": "true",
        "count": "3",
        "share": "0.1",
        "whole": "4",
    }
    store.sync_views(by_name(*(View(name, name, name) for name in fields)))
    one = event(
        country="AT",
        region="Tyrol",
        city="Hall",
        lat=47.25,
        lon=11.0,
        os="Linux",
        browser="Firefox",
        device="phone",
        model="P9",
        useragent="UA/1",
        path="/p",
        query="q=1",
        host="h",
        method="PUT",
        status=404,
        duration_us=250,
        bytes=12,
        username="anna",
        ip="2001:db8::",
        referrer="https://x.example/y",
        referrer_site="x.example",
        utm_source="s",
        utm_medium="m",
        utm_campaign="c",
        utm_term="t",
        utm_content="o",
        extra={"team": "a", "flag": True, "count": 3, "share": 0.1, "whole": 4.0},
    )
    store.append([envelope(one, source="web-1")])
    store.settle()
    assert {name: requests(store.ranking(name, TODAY, 5)) for name in fields} == {
        name: {key: 1} for name, key in fields.items()
    }


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (1e15, "1000000000000000.0"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775808"),
        (False, "false"),
        ("1.0", "1.0"),
        ("", ""),
        ("a'\"\\b", "a'\"\\b"),
    ],
)
def test_any_extra_value_is_a_key(store: Store, value: float | str, key: str) -> None:
    store.sync_views(by_name(View("n", "N", "n")))
    fill(store, event(extra={"n": value}))
    assert requests(store.ranking("n", TODAY, 5)) == {key: 1}


@pytest.mark.parametrize("field", ["a.b", "a-b", "A", "_", "x.y.z"])
def test_an_extra_field_of_any_name_can_be_a_view(store: Store, field: str) -> None:
    store.sync_views(by_name(View("v", "V", field)))
    fill(store, event(extra={field: "x"}), event(extra={"a": "nested?"}))
    assert requests(store.ranking("v", TODAY, 5)) == {"": 1, "x": 1}


def test_numbers_fall_into_classes(store: Store) -> None:
    latency = View("latency", "Latency", "duration_ms", visitors="none", classes=Classes(1, 600_000, 1.1))
    size = View("size", "Size", "size", visitors="none", classes=Classes(10, 1000, 10))
    store.sync_views(by_name(latency, size))
    fill(
        store,
        event(duration_us=999, extra={"size": 9.99}),
        event(duration_us=1_000, extra={"size": 10}),
        event(duration_us=1_099, extra={"size": "10"}),
        event(duration_us=1_100, extra={"size": True}),
        event(duration_us=10**12, extra={"size": 1e12}),
    )
    fill(store, event("2026-11-23T10:00", duration_us=None))
    assert requests(store.ranking("latency", TODAY, 9)) == {"1": 2, "": 1, "0": 1, "1.1": 1, "567000": 1}
    assert requests(store.ranking("size", TODAY, 9)) == {"": 3, "0": 1, "10": 1, "1000": 1}


# -- rankings and the limit of keys ---------------------------------------------------------------------------------


def pages(*names: str, at: str = "2026-11-23T11:00") -> list[Event]:
    return [event(at, path=name, visitor=number) for number, name in enumerate(names)]


def test_a_ranking_is_by_requests_and_ties_are_by_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("/b", "/a", "/c", "/c"))
    assert list(requests(store.ranking("url", TODAY, 10)).items()) == [("/c", 2), ("/a", 1), ("/b", 1)]


def test_ties_are_by_code_point(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("Z", "a", "\u00e9", "\U0001f980"))
    assert list(requests(store.ranking("url", TODAY, 10))) == ["Z", "a", "\u00e9", "\U0001f980"]


def test_what_a_limit_cuts_off_is_the_remainder(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("/a", "/a", "/a", "/b", "/b", "/c"))
    rows, other = store.ranking("url", TODAY, 1)
    assert rows == [("/a", Measures(requests=3, visitors=3))]
    assert other == Measures(requests=3, visitors=3)
    assert store.ranking("url", TODAY, 0) == ([], Measures(requests=6, visitors=6))
    assert store.ranking("url", TODAY, 3).other is None


def test_a_limit_cuts_ties_by_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("/d", "/c", "/b", "/a"))
    assert list(requests(store.ranking("url", TODAY, 2))) == ["/a", "/b"]


def test_an_open_hour_takes_keys_in_the_order_of_their_first_events(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("/e", "/d", "/c", "/b", "/a", "/a", "/a", "/e"))
    assert store.ranking("url", HOUR_11, 10) == (
        [
            ("/e", Measures(2, 2)),
            ("/b", Measures(1, 1)),
            ("/c", Measures(1, 1)),
            ("/d", Measures(1, 1)),
        ],
        Measures(3, 3),
    )
    assert store.ranking("url", TODAY, 10) == store.ranking("url", HOUR_11, 10)
    month = period("2026-10-31T23:00", "2026-11-30T23:00", "month")
    assert store.ranking("url", month, 10) == store.ranking("url", HOUR_11, 10)


def test_keys_are_admitted_alike_in_however_small_steps_the_views_advance(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    for name in ("/e", "/d", "/c", "/a", "/b", "/e", "/b"):
        fill(store, *pages(name))
    assert requests(store.ranking("url", TODAY, 10)) == {"/e": 2, "/a": 1, "/c": 1, "/d": 1}
    assert store.ranking("url", TODAY, 10).other == Measures(2, 1)


def test_each_hour_and_each_view_has_its_own_limit(store: Store) -> None:
    store.sync_views(by_name(PAGE, STATUS))
    fill(store, *pages("/a", "/b", "/c", "/d", "/x"))
    fill(store, *pages("/x", "/y", "/z", "/a", "/b", at="2026-11-23T10:00"))
    assert requests(store.ranking("url", TODAY, 10)) == {
        "/a": 2,
        "/b": 1,
        "/c": 1,
        "/d": 1,
        "/x": 1,
        "/y": 1,
        "/z": 1,
    }
    assert store.ranking("url", TODAY, 10).other == Measures(2, 2)
    assert requests(store.ranking("status", TODAY, 10)) == {"": 10}


def test_totals_stay_exact_where_keys_are_not_kept(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages(*(f"/{number}" for number in range(40))))
    rows, other = store.ranking("url", TODAY, 10)
    assert other is not None
    assert sum((measures.requests for _, measures in rows), other.requests) == 40
    assert store.totals(TODAY) == Measures(40, 40)


def test_a_visitor_of_a_key_that_is_not_kept_counts_once_for_that_key(store: Store) -> None:
    store.sync_views(by_name(PAGE))
    fill(store, *pages("/a", "/b", "/c", "/d"))
    for _ in range(2):
        fill(store, event(path="/x", visitor=9), event(path="/y", visitor=9), event(path="/x", visitor=9))
    assert store.ranking("url", TODAY, 10).other == Measures(requests=6, visitors=2)


def test_a_users_empty_name_is_a_key_like_any_other(store: Store) -> None:
    store.sync_views(by_name(USERNAME))
    fill(store, event(username=""), event(username=None), event(username="anna"))
    assert requests(store.ranking("username", TODAY, 10)) == {"": 2, "anna": 1}
