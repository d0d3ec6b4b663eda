# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of `from` and `to`."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.calendar import Calendar
from tmon.server.query.errors import BadQuestion
from tmon.server.query.moments import NAMED, stretch

VIENNA = "Europe/Vienna"
NOW = dt.datetime(2024, 5, 15, 10, 20, 30, tzinfo=dt.UTC).timestamp()
"""A Wednesday; 12:20:30 in Vienna, 16:05:30 in Kathmandu."""
calendars = {
    name: Calendar([(float("-inf"), name)])
    for name in ("UTC", VIENNA, "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia")
}


def covered(text: str, zone: str = VIENNA, now: float = NOW) -> tuple[str, str]:
    """The local times at which the stretch starts and ends."""
    found = stretch(text, calendars[zone], now)
    start, end = (calendars[zone].local(ts).strftime("%Y-%m-%d %H:%M") for ts in (found.start, found.end))
    return start, end


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("now", "2024-05-15 12:00", "2024-05-15 13:00"),
        ("today", "2024-05-15 00:00", "2024-05-16 00:00"),
        ("yesterday", "2024-05-14 00:00", "2024-05-15 00:00"),
        ("week", "2024-05-13 00:00", "2024-05-20 00:00"),
        ("month", "2024-05-01 00:00", "2024-06-01 00:00"),
        ("year", "2024-01-01 00:00", "2025-01-01 00:00"),
        ("-0h", "2024-05-15 12:00", "2024-05-15 13:00"),
        ("-1h", "2024-05-15 11:00", "2024-05-15 12:00"),
        ("-24h", "2024-05-14 12:00", "2024-05-14 13:00"),
        ("-0d", "2024-05-15 00:00", "2024-05-16 00:00"),
        ("-7d", "2024-05-08 00:00", "2024-05-09 00:00"),
        ("-2w", "2024-05-01 00:00", "2024-05-02 00:00"),
        ("-3mo", "2024-02-15 00:00", "2024-02-16 00:00"),
        ("-5mo", "2023-12-15 00:00", "2023-12-16 00:00"),
        ("-1y", "2023-05-15 00:00", "2023-05-16 00:00"),
        ("2024-02-29", "2024-02-29 00:00", "2024-03-01 00:00"),
        ("2024-02", "2024-02-01 00:00", "2024-03-01 00:00"),
        ("2023-12", "2023-12-01 00:00", "2024-01-01 00:00"),
        ("2024-05-01T10:15", "2024-05-01 10:00", "2024-05-01 11:00"),
        ("2024-05-01 10:15", "2024-05-01 10:00", "2024-05-01 11:00"),
        ("2024-05-01t10:15:59", "2024-05-01 10:00", "2024-05-01 11:00"),
        ("2024-05-01T10:00", "2024-05-01 10:00", "2024-05-01 10:00"),
        ("2024-05-01T10:00:00.000", "2024-05-01 10:00", "2024-05-01 10:00"),
        ("2024-05-01T10:00:00.001", "2024-05-01 10:00", "2024-05-01 11:00"),
        ("2024-05-01T10:15Z", "2024-05-01 12:00", "2024-05-01 13:00"),
        ("2024-05-01T10:15+00:00", "2024-05-01 12:00", "2024-05-01 13:00"),
        ("2024-05-01T10:15-0300", "2024-05-01 15:00", "2024-05-01 16:00"),
        ("2024-05-01T23:15+05:45", "2024-05-01 19:00", "2024-05-01 20:00"),
    ],
)
def test_a_text_names_a_stretch_of_local_hours_or_days(text: str, start: str, end: str) -> None:
    assert covered(text) == (start, end)


def test_a_plus_that_was_not_percent_encoded_is_still_a_plus() -> None:
    assert stretch("2024-05-01T10:15 02:00", calendars["UTC"], NOW) == stretch(
        "2024-05-01T10:15+02:00", calendars["UTC"], NOW
    )


def test_a_month_ago_from_the_last_of_a_month_is_the_last_of_the_month_before() -> None:
    now = dt.datetime(2024, 3, 31, 12, tzinfo=dt.UTC).timestamp()
    assert covered("-1mo", now=now) == ("2024-02-29 00:00", "2024-03-01 00:00")
    assert covered("-13mo", now=now) == ("2023-02-28 00:00", "2023-03-01 00:00")


def test_the_hours_of_kathmandu_start_at_a_quarter_to_utc_hours() -> None:
    found = stretch("-1h", calendars["Asia/Kathmandu"], NOW)
    assert found.start == dt.datetime(2024, 5, 15, 9, 15, tzinfo=dt.UTC).timestamp()
    assert found.end == dt.datetime(2024, 5, 15, 10, 15, tzinfo=dt.UTC).timestamp()


def test_a_time_that_the_clock_shows_twice_covers_both() -> None:
    found = stretch("2024-10-27T02:30", calendars[VIENNA], NOW)
    assert found.start == dt.datetime(2024, 10, 27, 0, tzinfo=dt.UTC).timestamp()
    assert found.end == dt.datetime(2024, 10, 27, 2, tzinfo=dt.UTC).timestamp()


def test_a_time_that_the_clock_skips_covers_what_it_may_mean() -> None:
    found = stretch("2024-03-31T02:30", calendars[VIENNA], NOW)
    assert found.start == dt.datetime(2024, 3, 31, 0, tzinfo=dt.UTC).timestamp()
    assert found.end == dt.datetime(2024, 3, 31, 2, tzinfo=dt.UTC).timestamp()


def test_days_with_a_change_of_clocks_are_23_and_25_hours_long() -> None:
    spring = stretch("2024-03-31", calendars[VIENNA], NOW)
    autumn = stretch("2024-10-27", calendars[VIENNA], NOW)
    assert (spring.end - spring.start, autumn.end - autumn.start) == (23 * 3600, 25 * 3600)


def test_lord_howe_has_an_hour_of_ninety_minutes() -> None:
    found = stretch("2024-04-07T01:45", calendars["Australia/Lord_Howe"], NOW)
    assert found.end - found.start == 5400


def test_a_date_that_a_zone_skipped_is_the_day_after() -> None:
    assert covered("2011-12-30", "Pacific/Apia") == ("2011-12-31 00:00", "2012-01-01 00:00")


def test_a_time_without_an_offset_is_read_in_the_zone_that_held_then() -> None:
    change = int(dt.datetime(2024, 4, 30, 22, tzinfo=dt.UTC).timestamp())  # midnight of 1 May in Vienna
    moved = Calendar([(float("-inf"), VIENNA), (change, "Asia/Kathmandu")])
    before = stretch("2024-04-20T10:00", moved, NOW)
    after = stretch("2024-05-10T10:00", moved, NOW)
    assert before.start == dt.datetime(2024, 4, 20, 8, tzinfo=dt.UTC).timestamp()
    assert after.start == dt.datetime(2024, 5, 10, 4, 15, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "24h",
            "-24",
            "-h",
            "-24H",
            "--24h",
            "-1.5h",
            "-1000000h",
            "tomorrow",
            "Today",
            "now ",
            "0",
        ),
        *("1700000000", "2024", "2024-13", "2024-00", "2024-02-30", "2024-5-1", "24-05-01", "2024-W18-3"),
        *("2024-05-01T25:00", "2024-05-01T10", "2024-05-01T10:15+99:00", "2024-05-01T10:15+01:60"),
        *(
            "2024-05-01T10:15:61",
            "2024-05-01T10:15Europe/Vienna",
            "2024-05-01T10:15\n",
            "\uff12024-05-01",
        ),
        *(
            "1989-12-31",
            "0001-01-01",
            "0000-01-01",
            "9999-12-31",
            "9999-12",
            "2200-01-01",
            "0001-01-01T00:00Z",
        ),
        *(
            "9999-12-31T23:59",
            "9999-12-31T23:59-12:00",
            "-999999d",
            "-999999w",
            "-999999mo",
            "-999999y",
            "-999999h",
        ),
    ],
)
def test_what_is_no_time_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        stretch(text, calendars[VIENNA], NOW)
    assert len(str(caught.value)) > 10


@given(
    text=st.text(max_size=40)
    | st.from_regex(r"-[0-9]{1,7}(h|d|w|mo|y)", fullmatch=True)
    | st.from_regex(
        r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?)?)?", fullmatch=True
    )
    | st.datetimes().map(dt.datetime.isoformat)
    | st.sampled_from(sorted(NAMED)),
    zone=st.sampled_from(sorted(calendars)),
    now=st.floats(min_value=946_684_800, max_value=4_102_444_800),
)
def test_any_text_names_whole_local_hours_or_is_refused(text: str, zone: str, now: float) -> None:
    calendar = calendars[zone]
    try:
        found = stretch(text, calendar, now)
    except BadQuestion:
        return
    assert found.start <= found.end
    find = calendar.hour if found.unit == "hour" else calendar.day
    assert find(found.start).start == found.start
    assert find(found.end).start == found.end
