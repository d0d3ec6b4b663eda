# SPDX-License-Identifier: GPL-3.0-or-later
"""The buckets of a series and how their starts are written."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.calendar import Calendar
from tmon.server.query.errors import BadQuestion
from tmon.server.query.series import buckets, check_limit, spanned, stamps
from tmon.server.store.base import Grain

VIENNA = Calendar([(float("-inf"), "Europe/Vienna")])
KATHMANDU = Calendar([(float("-inf"), "Asia/Kathmandu")])
LORD_HOWE = Calendar([(float("-inf"), "Australia/Lord_Howe")])


def utc(text: str) -> int:
    return int(dt.datetime.fromisoformat(text + "+00:00").timestamp())


def test_seconds_end_with_the_running_second() -> None:
    found = buckets("second", 3, VIENNA, utc("2024-05-15T10:20:30"))
    assert stamps(found.starts, VIENNA) == [
        "2024-05-15T12:20:28+02:00",
        "2024-05-15T12:20:29+02:00",
        "2024-05-15T12:20:30+02:00",
    ]
    assert found.end == utc("2024-05-15T10:20:31")


def test_minutes_end_with_the_running_minute() -> None:
    found = buckets("minute", 2, KATHMANDU, utc("2024-05-15T10:15:30"))
    assert stamps(found.starts, KATHMANDU) == ["2024-05-15T15:59:00+05:45", "2024-05-15T16:00:00+05:45"]


def test_hours_follow_the_zone_across_a_change_of_clocks() -> None:
    found = buckets("hour", 4, VIENNA, utc("2024-10-27T02:10:00"))
    assert stamps(found.starts, VIENNA) == [
        "2024-10-27T01:00:00+02:00",
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]


def test_the_hour_of_ninety_minutes_is_one_bucket() -> None:
    found = buckets("hour", 3, LORD_HOWE, utc("2024-04-06T15:40:00"))
    assert stamps(found.starts, LORD_HOWE) == [
        "2024-04-07T00:00:00+11:00",
        "2024-04-07T01:00:00+11:00",
        "2024-04-07T02:00:00+10:30",
    ]


def test_days_follow_the_calendar() -> None:
    found = buckets("day", 3, VIENNA, utc("2024-04-01T10:00:00"))
    assert stamps(found.starts, VIENNA) == [
        "2024-03-30T00:00:00+01:00",
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
    ]
    assert found.end == utc("2024-04-01T22:00:00")


@pytest.mark.parametrize(("grain", "expected"), [("second", 60), ("minute", 1), ("hour", 1), ("day", 1)])
def test_no_bucket_is_before_the_first_that_is_asked_for(grain: Grain, expected: int) -> None:
    last = utc("2024-05-15T10:00:59")
    assert len(buckets(grain, 100, VIENNA, last, first=utc("2024-05-15T10:00:00")).starts) == expected


@pytest.mark.parametrize(
    ("grain", "limit"), [("second", 7201), ("minute", 11_521), ("hour", 8785), ("day", 3661), ("second", 0)]
)
def test_a_series_is_bounded(grain: Grain, limit: int) -> None:
    with pytest.raises(BadQuestion, match=f"a series by {grain} has 1 to"):
        check_limit(grain, limit)


@given(
    grain=st.sampled_from(["second", "minute", "hour", "day"]),
    limit=st.integers(min_value=1, max_value=300),
    last=st.integers(min_value=1_700_000_000, max_value=1_730_000_000),
    calendar=st.sampled_from([VIENNA, KATHMANDU, LORD_HOWE]),
)
def test_buckets_are_as_many_as_asked_for_and_without_a_gap(
    grain: Grain, limit: int, last: int, calendar: Calendar
) -> None:
    found = buckets(grain, limit, calendar, last)
    assert len(found.starts) == limit
    assert found.starts[-1] <= last < found.end
    assert spanned(found) == (found.starts[0], found.end)
    ends = [*found.starts[1:], found.end]
    for start, end in zip(found.starts, ends, strict=True):
        match grain:
            case "hour":
                assert (calendar.hour(start).start, calendar.hour(start).end) == (start, end)
            case "day":
                assert (calendar.day(start).start, calendar.day(start).end) == (start, end)
            case _:
                assert end - start == (1 if grain == "second" else 60)


@given(
    starts=st.lists(st.integers(min_value=631_152_000, max_value=1_900_000_000), max_size=20),
    calendar=st.sampled_from([VIENNA, KATHMANDU, LORD_HOWE]),
)
def test_stamps_are_what_the_calendar_shows(starts: list[int], calendar: Calendar) -> None:
    assert stamps(starts, calendar) == [calendar.local(start).isoformat() for start in starts]
