# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar partitions time into local hours, days and months in every zone."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.calendar import Calendar

UTC = dt.UTC


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp())


def calendar(zone: str) -> Calendar:
    return Calendar([(-math.inf, zone)])


def test_kathmandu_days_start_at_a_quarter_past_six_in_the_evening_utc() -> None:
    day = calendar("Asia/Kathmandu").day(at("2026-11-23T12:00:00+00:00"))
    assert (day.start, day.end) == (at("2026-11-22T18:15:00+00:00"), at("2026-11-23T18:15:00+00:00"))
    assert day.date == dt.date(2026, 11, 23)


def test_kathmandu_hours_start_at_a_quarter_past_the_hour_utc() -> None:
    hour = calendar("Asia/Kathmandu").hour(at("2026-11-23T12:00:00+00:00"))
    assert (hour.start, hour.end) == (at("2026-11-23T11:15:00+00:00"), at("2026-11-23T12:15:00+00:00"))


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Vienna", dt.date(2026, 3, 29), 23),
        ("Europe/Vienna", dt.date(2026, 10, 25), 25),
        ("America/St_Johns", dt.date(2026, 3, 8), 23),
        ("America/St_Johns", dt.date(2026, 11, 1), 25),
        ("Africa/Cairo", dt.date(2024, 4, 26), 23),
    ],
)
def test_a_day_on_which_the_clock_changes_has_one_hour_less_or_more(
    zone: str, date: dt.date, hours: int
) -> None:
    day = calendar(zone).day_of_date(date)
    assert day.end - day.start == hours * 3600
    assert len(day.hours) == hours


def test_lord_howe_sets_its_clock_back_by_half_an_hour_and_that_hour_is_90_minutes_long() -> None:
    lord_howe = calendar("Australia/Lord_Howe")
    day = lord_howe.day_of_date(dt.date(2026, 4, 5))
    assert day.end - day.start == 24 * 3600 + 1800
    lengths = [lord_howe.hour(start).end - start for start in day.hours]
    assert max(lengths) == 5400
    assert len(lengths) == 24


def test_lord_howe_sets_its_clock_ahead_by_half_an_hour_and_that_hour_is_30_minutes_long() -> None:
    lord_howe = calendar("Australia/Lord_Howe")
    day = lord_howe.day_of_date(dt.date(2026, 10, 4))
    assert day.end - day.start == 24 * 3600 - 1800
    assert min(lord_howe.hour(start).end - start for start in day.hours) == 1800


def test_where_a_clock_is_set_back_across_midnight_the_day_starts_at_the_second_midnight() -> None:
    day = calendar("America/St_Johns").day_of_date(dt.date(2010, 11, 7))
    # 00:01 local (02:31 UTC) became 23:01 of the day before; its second midnight came at 03:30 UTC
    assert day.start == at("2010-11-07T03:30:00+00:00")


def test_where_midnight_is_shown_twice_within_a_day_the_day_starts_at_the_first() -> None:
    day = calendar("America/Havana").day_of_date(dt.date(2025, 11, 2))
    assert day.start == at("2025-11-02T04:00:00+00:00")
    assert day.end - day.start == 25 * 3600


def test_a_day_whose_midnight_is_skipped_starts_at_the_jump() -> None:
    day = calendar("America/Sao_Paulo").day_of_date(dt.date(2018, 11, 4))
    assert day.start == at("2018-11-04T03:00:00+00:00")
    assert day.end - day.start == 23 * 3600


def test_a_date_that_a_zone_skipped_gives_the_next_one() -> None:
    assert calendar("Pacific/Apia").day_of_date(dt.date(2011, 12, 30)).date == dt.date(2011, 12, 31)


def test_a_month_runs_from_local_midnight_to_local_midnight() -> None:
    month = calendar("America/New_York").day(at("2026-11-15T12:00:00+00:00")).month
    assert (month.start, month.end) == (at("2026-11-01T04:00:00+00:00"), at("2026-12-01T05:00:00+00:00"))


def test_a_change_of_zone_takes_effect_at_the_next_midnight_and_leaves_the_past() -> None:
    now = at("2026-11-23T10:00:00+00:00")
    tokyo = calendar("Asia/Tokyo")
    change = tokyo.next_change(now)
    assert change == at("2026-11-23T15:00:00+00:00")
    both = Calendar([(-math.inf, "Asia/Tokyo"), (change, "America/New_York")])
    assert both.day(now).end == change
    first = both.day(change)
    assert (first.start, first.end) == (change, at("2026-11-24T05:00:00+00:00"))
    assert both.day(now - 86_400 * 30).start == tokyo.day(now - 86_400 * 30).start
    assert both.zone() == "America/New_York"


def test_a_midnight_that_an_event_may_already_have_passed_is_not_used_for_a_change() -> None:
    assert calendar("UTC").next_change(at("2026-11-23T23:50:00+00:00")) == at("2026-11-25T00:00:00+00:00")


def test_the_same_hour_is_the_same_object() -> None:
    vienna = calendar("Europe/Vienna")
    assert vienna.hour(at("2026-11-23T10:05:00+00:00")) is vienna.hour(at("2026-11-23T10:55:00+00:00"))


@given(
    st.sampled_from(sorted(available_timezones())),
    st.integers(631_152_000, 2_145_916_800),
)
def test_every_instant_is_in_one_hour_one_day_and_one_month(zone: str, ts: int) -> None:
    c = calendar(zone)
    hour = c.hour(ts)
    day = hour.day
    assert hour.start <= ts < hour.end
    assert day.start <= hour.start < hour.end <= day.end
    assert day.month.start <= day.start < day.end <= day.month.end
    assert hour.start % 900 == day.start % 900 == 0
    assert c.hour(hour.end).start == hour.end
    assert c.hour(hour.start - 1).end == hour.start
    assert c.day(day.end).start == day.end
    assert c.day(day.start - 1).end == day.start
    assert day.hours[0] == day.start
    assert sorted(day.hours) == list(day.hours)
