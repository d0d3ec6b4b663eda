# SPDX-License-Identifier: GPL-3.0-or-later
"""Periods as the dashboard's address names them: what they are of, and what is before and after them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from .conftest import Opening

NOW = "2026-11-26T11:42:10Z"


@pytest.fixture
def page(opened: Opening) -> Page:
    return opened("/").page


def period(page: Page, address: str, then: str, zone: str = "Europe/Berlin", now: str = NOW) -> Any:
    """What `then` is worth of the `period` that an address names at the time `now`."""
    return page.evaluate(
        f"""async ([search, zone, now]) => {{
            const m = await import("/static/js/dashboard/period.js");
            const {{ timesIn }} = await import("/static/js/dashboard/times.js");
            const times = timesIn(zone);
            const given = new URLSearchParams(search);
            Date.now = () => Date.parse(now);
            const period = m.periodOf({{ get: (name) => given.get(name) }}, times);
            const moved = (way) => {{
                const to = m.moved(period, way, times);
                return to && `${{to.from}} ${{to.to}}`;
            }};
            return {then};
        }}""",
        [address, zone, now],
    )


@pytest.mark.parametrize(
    ("search", "back", "forward"),
    [
        ("period=now", "2026-11-26T11:22Z 2026-11-26T11:32Z", None),
        ("period=24h", "2026-11-24T11:00Z 2026-11-25T11:00Z", None),
        ("period=today", "2026-11-25 2026-11-25", None),
        ("period=yesterday", "2026-11-24 2026-11-24", "2026-11-26 2026-11-26"),
        ("period=7d", "2026-11-11 2026-11-18", None),
        ("period=30d", "2026-09-26 2026-10-26", None),
        ("period=month", "2026-10-01 2026-10-31", None),
        ("period=year", "2025-01-01 2025-12-31", None),
        ("from=2026-03-01&to=2026-03-31", "2026-02-01 2026-02-28", "2026-04-01 2026-04-30"),
        ("from=2026-01-01&to=2026-03-31", "2025-10-01 2025-12-31", "2026-04-01 2026-06-30"),
        ("from=2024-01-01&to=2024-12-31", "2023-01-01 2023-12-31", "2025-01-01 2025-12-31"),
        ("from=2026-11-20&to=2026-11-22", "2026-11-17 2026-11-19", "2026-11-23 2026-11-25"),
        ("from=2026-11-24&to=2026-11-26", "2026-11-21 2026-11-23", None),
        (
            "from=2026-11-26T09:00Z&to=2026-11-26T10:30Z",
            "2026-11-26T07:30Z 2026-11-26T09:00Z",
            "2026-11-26T10:30Z 2026-11-26T12:00Z",
        ),
        (
            "from=2026-11-26T10:00:10Z&to=2026-11-26T10:00:40Z",
            "2026-11-26T09:59:40Z 2026-11-26T10:00:10Z",
            "2026-11-26T10:00:40Z 2026-11-26T10:01:10Z",
        ),
    ],
)
def test_a_period_is_moved_back_and_forward(page: Page, search: str, back: str, forward: str | None) -> None:
    assert period(page, search, "[moved(-1), moved(1)]") == [back, forward]


@pytest.mark.parametrize(
    "search",
    [
        "from=2026-13-01&to=2026-14-01",
        "from=2026-02-30&to=2026-03-01",
        "from=0000-01-01&to=9999-12-31",
        "from=1989-12-31&to=1990-01-02",
        "from=2026-11-01&to=2027-12-31",
        "from=2026-11-02&to=2026-11-01",
        "from=2026-11-26T24:00Z&to=2026-11-27T25:00Z",
        "from=1970-01-01T00:00Z&to=9999-12-31T23:59Z",
        "from=2026-11-01",
        "from=x&to=2026-11-01&period=decade",
        "period=__proto__",
    ],
)
def test_what_is_no_period_gives_way_to_the_usual_one_which_says_so(page: Page, search: str) -> None:
    assert period(page, search, "[period.name, period.instead]") == ["24h", True]


@pytest.mark.parametrize(
    "search", ["", "period=7d", "from=1990-01-01&to=1990-01-01", "from=2027-12-01&to=2027-12-29"]
)
def test_a_period_that_can_be_shown_is(page: Page, search: str) -> None:
    assert period(page, search, "period.instead ?? false") is False


def test_nothing_is_asked_of_a_time_before_the_first_event_that_there_can_be(page: Page) -> None:
    assert period(page, "", 'm.possible({ from: "1989-12-31T00:00:00" })') is False
    assert period(page, "", 'm.possible({ from: "1990-01-01T00:00:00" })') is True


def test_today_is_that_of_the_web_service(page: Page) -> None:
    for zone, day in (("Pacific/Auckland", "2026-11-26"), ("America/New_York", "2026-11-25")):
        assert period(page, "period=today", "moved(-1)", zone) == f"{day} {day}"


@pytest.mark.parametrize(
    ("search", "fine", "grains"),
    [
        # Berlin's hours are those of UTC, Kathmandu's start at a quarter past.
        ("from=2026-11-26T09:00Z&to=2026-11-26T11:00Z", None, ["minute", "hour"]),
        ("from=2026-11-26T10:00Z&to=2026-11-26T11:00Z", None, ["second", "minute"]),
        ("from=2026-11-26T10:00:10Z&to=2026-11-26T10:00:40Z", "second", ["second"]),
        ("from=2026-11-26T10:00Z&to=2026-11-26T10:30Z", "minute", ["second", "minute"]),
        ("from=2026-11-26T08:05Z&to=2026-11-26T10:30Z", "minute", ["minute", "hour"]),
        ("from=2026-11-10T08:05Z&to=2026-11-10T08:30Z", None, ["hour"]),
        ("from=2026-11-10T08:05Z&to=2026-11-12T08:30Z", None, ["hour", "day"]),
    ],
)
def test_what_is_not_made_of_whole_hours_is_fine_while_its_seconds_or_minutes_are_kept(
    page: Page, search: str, fine: str | None, grains: list[str]
) -> None:
    assert period(page, search, "[period.fine && period.fine.step, period.grains]") == [fine, grains]
    if fine is None and "11-26" in search:
        assert period(page, search, "period.fine.step", "Asia/Kathmandu") == "minute"


@pytest.mark.parametrize(
    ("period_", "first", "last"),
    [
        ("month", "2026-10-01T00:00:00", "2026-10-26T13:00:00"),
        ("year", "2025-01-01T00:00:00", "2025-11-26T13:00:00"),
    ],
)
def test_a_running_month_is_compared_with_the_one_before_up_to_the_same_point(
    page: Page, period_: str, first: str, last: str
) -> None:
    start = {"month": "2026-11-01", "year": "2026-01-01"}[period_]
    end, as_of = "2026-11-27T00:00:00+01:00", "2026-11-26T12:42:10+01:00"
    answer = f'{{ from: "{start}T00:00:00+01:00", to: "{end}", as_of: "{as_of}" }}'
    assert period(page, f"period={period_}", f"m.before(period, {answer})") == {"from": first, "to": last}


def test_a_long_month_is_not_compared_with_days_of_its_own(page: Page) -> None:
    start, end, as_of = "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", "2026-03-31T12:42:10+02:00"
    answer = f'{{ from: "{start}", to: "{end}", as_of: "{as_of}" }}'
    assert period(page, "period=month", f"m.before(period, {answer})") == {
        "from": "2026-02-01T00:00:00",
        "to": "2026-03-01T00:00:00",
    }


def test_a_name_that_is_none_and_moments_that_make_no_sense_are_the_usual_period(page: Page) -> None:
    for address in (
        "period=12mo",
        "period=constructor",
        "from=2026-02-02&to=2026-02-01",
        "from=x&to=y",
        "from=2026-11-26T11:00Z&to=2026-11-26T10:00Z",
    ):
        assert period(page, address, "period.name") == "24h"
