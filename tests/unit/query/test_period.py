# SPDX-License-Identifier: GPL-3.0-or-later
"""Periods: what `from` and `to` cover together, and the buckets that answer for it."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.calendar import Calendar
from tmon.server.query.errors import BadQuestion
from tmon.server.query.period import Bounds, bounds, plan, previous
from tmon.server.store.base import Span

VIENNA = Calendar([(float("-inf"), "Europe/Vienna")])
NOW = dt.datetime(2024, 5, 15, 10, 20, 30, tzinfo=dt.UTC).timestamp()

ZONES = (
    [(float("-inf"), "UTC")],
    [(float("-inf"), "Europe/Vienna")],
    [(float("-inf"), "Asia/Kathmandu")],
    [(float("-inf"), "America/St_Johns")],
    [(float("-inf"), "Australia/Lord_Howe")],
    [(float("-inf"), "Pacific/Apia")],
    [
        (float("-inf"), "Europe/Vienna"),
        (1_715_724_000, "Asia/Kathmandu"),
        (1_717_870_500, "America/New_York"),
    ],
)
CALENDARS = [Calendar(zones) for zones in ZONES]


def at(text: str) -> int:
    """A local time in Vienna as Unix seconds."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=VIENNA.local(NOW).tzinfo).timestamp())


def covered(since: str | None = None, until: str | None = None, now: float = NOW) -> tuple[str, str]:
    found = bounds(since, until, VIENNA, now)
    start, end = (VIENNA.local(ts).strftime("%Y-%m-%d %H:%M") for ts in found)
    return start, end


@pytest.mark.parametrize(
    ("since", "until", "start", "end"),
    [
        (None, None, "2024-05-14 12:00", "2024-05-15 13:00"),
        ("-24h", None, "2024-05-14 12:00", "2024-05-15 13:00"),
        ("-24h", "now", "2024-05-14 12:00", "2024-05-15 13:00"),
        ("-7d", None, "2024-05-08 00:00", "2024-05-16 00:00"),
        ("-7d", "-1d", "2024-05-08 00:00", "2024-05-15 00:00"),
        ("-7d", "now", "2024-05-08 00:00", "2024-05-15 13:00"),
        ("today", None, "2024-05-15 00:00", "2024-05-16 00:00"),
        ("yesterday", "yesterday", "2024-05-14 00:00", "2024-05-15 00:00"),
        ("month", None, "2024-05-01 00:00", "2024-05-16 00:00"),
        ("month", "month", "2024-05-01 00:00", "2024-06-01 00:00"),
        ("year", "year", "2024-01-01 00:00", "2025-01-01 00:00"),
        (None, "yesterday", "2024-05-14 00:00", "2024-05-15 00:00"),
        (None, "2024-05-01T10:15", "2024-04-30 11:00", "2024-05-01 11:00"),
        ("2024-05-01", "2024-05-07", "2024-05-01 00:00", "2024-05-08 00:00"),
        ("2024-04", "2024-04", "2024-04-01 00:00", "2024-05-01 00:00"),
        ("2024-05-01T10:15", "2024-05-01T10:20", "2024-05-01 10:00", "2024-05-01 11:00"),
        ("1990-01-01", "2024-05-15", "1990-01-01 00:00", "2024-05-16 00:00"),
    ],
)
def test_from_rounds_down_and_to_rounds_up(
    since: str | None, until: str | None, start: str, end: str
) -> None:
    assert covered(since, until) == (start, end)


def test_the_running_hour_is_covered_also_in_its_first_instant() -> None:
    assert covered(now=at("2024-05-15 12:00")) == ("2024-05-14 12:00", "2024-05-15 13:00")


def test_the_last_24_hours_across_a_change_of_clocks_are_24_hours() -> None:
    assert covered(now=at("2024-03-31 12:30")) == ("2024-03-30 11:00", "2024-03-31 13:00")


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("today", "yesterday", "from must be before to"),
        ("2024-05-01T10:00", "2024-05-01T10:00", "from must be before to"),
        ("-1h", "-24h", "from must be before to"),
        ("today", "2025-12-01", "400 days"),
        ("2199-01-01", "2199-01-02", "400 days"),
        ("1989-12-31", "today", "1990"),
    ],
)
def test_a_period_that_cannot_be_is_refused(since: str, until: str, says: str) -> None:
    with pytest.raises(BadQuestion, match=says):
        bounds(since, until, VIENNA, NOW)


def spans(since: str, until: str) -> list[tuple[str, str, str]]:
    period = plan(7, bounds(since, until, VIENNA, NOW), VIENNA)
    return [
        (grain, *(VIENNA.local(ts).strftime("%Y-%m-%d %H:%M") for ts in (start, end)))
        for grain, start, end in period.spans
    ]


def test_a_long_period_is_months_with_days_and_hours_at_its_edges() -> None:
    assert spans("2023-11-28T22:30", "2024-03-02T03:00") == [
        ("hour", "2023-11-28 22:00", "2023-11-29 00:00"),
        ("day", "2023-11-29 00:00", "2023-12-01 00:00"),
        ("month", "2023-12-01 00:00", "2024-03-01 00:00"),
        ("day", "2024-03-01 00:00", "2024-03-02 00:00"),
        ("hour", "2024-03-02 00:00", "2024-03-02 03:00"),
    ]


def test_whole_days_within_a_month_are_one_span() -> None:
    assert spans("2024-05-02", "2024-05-14") == [("day", "2024-05-02 00:00", "2024-05-15 00:00")]


def test_days_across_a_month_without_a_whole_one_are_one_span() -> None:
    assert spans("2024-04-02", "2024-05-14") == [("day", "2024-04-02 00:00", "2024-05-15 00:00")]


def test_the_running_month_is_a_month_when_all_of_it_is_covered() -> None:
    assert spans("month", "month") == [("month", "2024-05-01 00:00", "2024-06-01 00:00")]


def test_hours_across_midnight_are_one_span() -> None:
    assert spans("2024-05-01T20:00", "2024-05-02T04:00") == [("hour", "2024-05-01 20:00", "2024-05-02 04:00")]


def test_thirty_six_years_are_one_span_of_months() -> None:
    assert spans("1990-01", "2024-04") == [("month", "1990-01-01 00:00", "2024-05-01 00:00")]


def test_a_zone_change_within_a_month_cuts_the_month_where_the_zone_changes() -> None:
    # From 15 May in Kathmandu, from its midnight after 8 June in New York, which has 8 June, 14:15, once more.
    moved = Calendar(ZONES[-1])
    whole = plan(7, bounds("2024-05-01", "2024-06-08", moved, NOW), moved)
    assert whole.spans == (
        Span("month", at("2024-05-01"), 1_717_870_500),
        Span("day", 1_717_870_500, 1_717_905_600),
    )
    inside = plan(7, bounds("2024-05-03", "2024-06-07", moved, NOW), moved)
    assert inside.spans == (
        Span("day", at("2024-05-03"), 1_715_724_000),
        Span("month", 1_715_724_000, 1_717_179_300),
        Span("day", 1_717_179_300, 1_717_784_100),
    )


def before(start: str, end: str) -> tuple[str, str]:
    found = previous(Bounds(at(start), at(end)), VIENNA)
    return VIENNA.local(found.start).strftime("%Y-%m-%d %H:%M"), VIENNA.local(found.end).strftime(
        "%Y-%m-%d %H:%M"
    )


@pytest.mark.parametrize(
    ("start", "end", "earlier"),
    [
        ("2024-05-14T12:00", "2024-05-15T13:00", "2024-05-13 11:00"),
        ("2024-05-15T00:00", "2024-05-16T00:00", "2024-05-14 00:00"),
        ("2024-05-08T00:00", "2024-05-16T00:00", "2024-04-30 00:00"),
        ("2024-05-01T00:00", "2024-06-01T00:00", "2024-03-31 00:00"),
        ("2024-02-01T00:00", "2024-03-01T00:00", "2024-01-03 00:00"),
        # clocks go forward on 2024-03-31, back on 2024-10-27: as many days, not as many hours
        ("2024-03-31T00:00", "2024-04-01T00:00", "2024-03-30 00:00"),
        ("2024-04-01T00:00", "2024-04-02T00:00", "2024-03-31 00:00"),
        ("2024-10-27T00:00", "2024-10-28T00:00", "2024-10-26 00:00"),
        ("2024-10-28T00:00", "2024-11-04T00:00", "2024-10-21 00:00"),
        # of hours as many hours
        ("2024-03-31T12:00", "2024-04-01T12:00", "2024-03-30 11:00"),
        ("2024-10-27T12:00", "2024-10-28T12:00", "2024-10-26 13:00"),
        ("2024-05-15T12:00", "2024-05-15T13:00", "2024-05-15 11:00"),
    ],
)
def test_the_period_before_is_as_long(start: str, end: str, earlier: str) -> None:
    assert before(start, end) == (earlier, start.replace("T", " "))


def test_the_period_before_starts_with_a_local_hour_where_the_zone_has_long_ones() -> None:
    lord_howe = CALENDARS[4]
    zone = lord_howe.local(NOW).tzinfo
    start = int(
        dt.datetime(2024, 4, 7, 3, 0, tzinfo=zone).timestamp()
    )  # 01:30 was shown twice an hour before
    found = previous(Bounds(start, start + 2 * 3600), lord_howe)
    assert (start - found.start, found.end) == (9_000, start)


def test_a_day_that_a_zone_skipped_is_not_the_day_before_itself() -> None:
    apia = CALENDARS[5]  # had no 30 December 2011
    zone = apia.local(NOW).tzinfo
    start = int(dt.datetime(2011, 12, 31, tzinfo=zone).timestamp())
    found = previous(Bounds(start, apia.day(start).end), apia)
    assert apia.local(found.start).isoformat() == "2011-12-29T00:00:00-10:00"
    assert found.end == start


def test_there_is_nothing_before_1990_to_compare_with() -> None:
    with pytest.raises(BadQuestion, match="older than 1990"):
        previous(Bounds(at("1990-01-01"), at("2024-01-01")), VIENNA)


@given(
    first=st.integers(min_value=1_700_000_000, max_value=1_730_000_000),
    second=st.integers(min_value=1_700_000_000, max_value=1_730_000_000),
    calendar=st.sampled_from(CALENDARS),
)
def test_the_period_before_ends_where_the_period_starts_and_is_of_whole_hours_or_days(
    first: int, second: int, calendar: Calendar
) -> None:
    asked = Bounds(calendar.hour(min(first, second)).start, calendar.hour(max(first, second)).end)
    found = previous(asked, calendar)
    assert found.end == asked.start
    assert calendar.hour(found.start).start == found.start < found.end
    if calendar.day(asked.start).start == asked.start and calendar.day(asked.end).start == asked.end:
        assert calendar.day(found.start).start == found.start
    assert abs((found.end - found.start) - (asked.end - asked.start)) <= 12 * 3600


def test_a_filtered_question_names_the_days_that_it_touches() -> None:
    found = plan(7, bounds("2024-05-01T10:00", "2024-05-02T00:00", VIENNA, NOW), VIENNA)
    assert (found.day_start, found.day_end) == (at("2024-05-01"), at("2024-05-02"))


hours = st.integers(min_value=1_700_000_000, max_value=1_730_000_000)


@given(first=hours, second=hours, calendar=st.sampled_from(CALENDARS))
def test_spans_cover_the_period_exactly_with_buckets_of_the_calendar(
    first: int, second: int, calendar: Calendar
) -> None:
    covered = Bounds(calendar.hour(min(first, second)).start, calendar.hour(max(first, second)).end)
    spans = plan(7, covered, calendar).spans
    assert spans[0].start == covered.start
    assert spans[-1].end == covered.end
    assert all(one.end == other.start for one, other in pairwise(spans))
    assert all(one.grain != other.grain for one, other in pairwise(spans))
    assert len(spans) <= 5
    for grain, start, end in spans:
        for edge in (start, end):
            day = calendar.day(edge)
            bucket = {"hour": calendar.hour(edge), "day": day, "month": day.month}[grain]
            assert bucket.start == edge


@given(first=hours, second=hours, calendar=st.sampled_from(CALENDARS))
def test_no_larger_bucket_fits_into_smaller_ones(first: int, second: int, calendar: Calendar) -> None:
    covered = Bounds(calendar.hour(min(first, second)).start, calendar.hour(max(first, second)).end)
    for grain, start, end in plan(7, covered, calendar).spans:
        at = start
        while at < end:
            day = calendar.day(at)
            if grain == "hour":
                assert not (covered.start <= day.start and day.end <= covered.end)
            if grain == "day":
                assert not (covered.start <= day.month.start and day.month.end <= covered.end)
            at = day.end
