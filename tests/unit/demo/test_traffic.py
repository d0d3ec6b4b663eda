# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's traffic: the same for the same plan, with the rhythm, the visitors and the incident that its docs name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from statistics import median

import pytest

from tmon.demo import SITES, Event, Plan, Traffic
from tmon.demo.sites import API, DOCS, SHOP, Site
from tmon.server.pipeline import Locator
from tmon.server.pipeline.agent import _Parsed
from tmon.server.pipeline.bots import is_bot
from tmon.settings.paths import geoip_files

PLAN = Plan(seed=1, start=1_795_647_600, days=14)
"""Made on Wednesday, 2026-11-25 at 23:00 UTC."""
START_HOUR = 498_791
HOURS = range(START_HOUR - 24 * 14, START_HOUR)
TUESDAY = START_HOUR - 47 - 24 * 7
"""2026-11-17, 0 h UTC, is a Tuesday; nine days before the plan's end there is no surge yet."""

automatic = cache(is_bot)
Month = Callable[[Site], dict[int, list[Event]]]


@pytest.fixture(scope="module")
def hours() -> Month:
    """The events of a site by the number of their hour, made once."""
    made = {
        site.name: {number: traffic.hour(number) for number in HOURS}
        for site, traffic in ((site, Traffic(site, PLAN)) for site in SITES)
    }
    return lambda site: made[site.name]


def flat(hours: dict[int, list[Event]]) -> list[Event]:
    return [event for events in hours.values() for event in events]


def share(events: list[Event], holds: Callable[[Event], bool]) -> float:
    return sum(map(holds, events)) / len(events)


def test_a_plan_begins_days_before_its_start() -> None:
    assert PLAN.first_hour == START_HOUR - 336


def test_the_same_plan_makes_the_same_events() -> None:
    again = Plan(seed=1, start=1_795_647_600, days=14)
    assert Traffic(SHOP, PLAN).hour(498_700) == Traffic(SHOP, again).hour(498_700)


def test_another_seed_makes_others() -> None:
    other = PLAN._replace(seed=2)
    assert Traffic(SHOP, PLAN).hour(498_700) != Traffic(SHOP, other).hour(498_700)


def test_an_hour_is_the_same_whatever_was_made_before(hours: Month) -> None:
    assert Traffic(API, PLAN).hour(498_700) == hours(API)[498_700]


def test_the_numbers_of_an_hour_are_known() -> None:
    assert [len(Traffic(site, PLAN).hour(498_700)) for site in SITES] == [225, 290, 576]


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_offsets_and_times_only_grow_and_times_are_of_their_hour(site: Site, hours: Month) -> None:
    events = flat(hours(site))
    assert all(one["offset"] < two["offset"] for one, two in pairwise(events))
    assert all(one["ts"] <= two["ts"] for one, two in pairwise(events))
    for number, of_hour in hours(site).items():
        assert all(number * 3600 <= event["ts"] <= (number + 1) * 3600 for event in of_hour)


def by_local_hour(hours: dict[int, list[Event]], offset_h: int) -> Counter[int]:
    """How many requests each local hour had in the week of the test."""
    return Counter(
        {
            clock: sum(len(hours[TUESDAY + day * 24 + (clock - offset_h) % 24]) for day in range(7))
            for clock in range(24)
        }
    )


def test_the_shop_is_busiest_in_its_evening_and_quiet_at_night(hours: Month) -> None:
    counts = by_local_hour(hours(SHOP), 1)
    assert max(counts, key=counts.__getitem__) in {18, 19, 20, 21}
    assert counts[20] > 5 * counts[3]


def test_the_api_follows_the_clock_of_its_own_zone(hours: Month) -> None:
    counts = by_local_hour(hours(API), -5)
    assert max(counts, key=counts.__getitem__) in {18, 19, 20, 21}
    assert counts[20] > 2 * counts[4]


def test_readers_of_the_documentation_rest_at_weekends(hours: Month) -> None:
    people = {
        number: sum(not automatic(str(event["useragent"])) for event in events)
        for number, events in hours(DOCS).items()
    }
    days = [sum(people[TUESDAY + day * 24 + hour] for hour in range(24)) for day in range(7)]
    saturday, sunday = days[4], days[5]
    assert max(saturday, sunday) < 0.6 * min(days[:4] + days[6:])


def test_people_buy_at_weekends(hours: Month) -> None:
    days = [sum(len(hours(SHOP)[TUESDAY + day * 24 + hour]) for hour in range(24)) for day in range(7)]
    assert max(days) in {days[4], days[5]}


def test_a_surge_has_begun_when_the_demo_starts(hours: Month) -> None:
    traffic = Traffic(SHOP, PLAN)
    live = sum(len(traffic.hour(START_HOUR + hour)) for hour in range(12))
    week_before = sum(len(hours(SHOP)[START_HOUR + hour - 168]) for hour in range(12))
    assert 3.0 < live / week_before < 5.5


def test_the_last_day_can_be_compared_with_the_day_before(hours: Month) -> None:
    last, before = (
        sum(len(hours(SHOP)[number]) for number in range(START_HOUR - ago - 24, START_HOUR - ago))
        for ago in (0, 24)
    )
    assert 1.0 < last / before < 1.8


@pytest.mark.parametrize(
    ("site", "least", "most"), [(SHOP, 0.08, 0.22), (DOCS, 0.25, 0.40), (API, 0.30, 0.45)]
)
def test_the_share_of_bots(site: Site, least: float, most: float, hours: Month) -> None:
    assert least < share(flat(hours(site)), lambda event: automatic(str(event["useragent"]))) < most


@pytest.mark.parametrize(
    ("site", "least", "most"), [(SHOP, 0.35, 0.55), (DOCS, 0.04, 0.12), (API, 0.50, 0.75)]
)
def test_the_share_of_phones_and_tablets(site: Site, least: float, most: float, hours: Month) -> None:
    mobile: dict[object, bool] = {}

    def is_mobile(event: Event) -> bool:
        useragent = event["useragent"]
        if useragent not in mobile:
            parsed = _Parsed(str(useragent))
            mobile[useragent] = (parsed.is_mobile or parsed.is_tablet) and not automatic(str(useragent))
        return mobile[useragent]

    assert least < share(flat(hours(site)), is_mobile) < most


def test_what_is_read_makes_nothing_and_what_is_made_is_new(hours: Month) -> None:
    pairs = Counter((event["method"], event["status"]) for event in flat(hours(API)))
    assert pairs["POST", 201] > 100
    assert pairs["GET", 304] > 100
    assert (pairs["GET", 201], pairs["POST", 304]) == (0, 0)


def test_errors_are_rare_but_in_the_incident(hours: Month) -> None:
    incident = PLAN.incident // 3600
    for number, events in hours(API).items():
        errors = share(events, lambda event: event["status"] >= 500)
        assert 0.28 < errors < 0.48 if number == incident else errors < 0.05, number


def test_the_incident_is_slow(hours: Month) -> None:
    incident = PLAN.incident // 3600
    usual, troubled = (
        median(event["duration_ms"] for event in hours(API)[number]) for number in (incident - 24, incident)
    )
    assert troubled > 4 * usual


def test_the_incident_reaches_the_shop_and_not_the_documentation(hours: Month) -> None:
    incident = PLAN.incident // 3600
    shop, docs = (share(hours(site)[incident], lambda event: event["status"] >= 500) for site in (SHOP, DOCS))
    assert shop > 0.04
    assert docs < 0.03


@pytest.mark.parametrize("start", range(1_795_647_600, 1_795_647_600 + 86_400, 3_600))
def test_the_incident_was_in_the_last_two_days(start: int) -> None:
    plan = PLAN._replace(start=start)
    assert 20 * 3600 <= start - plan.incident <= 45 * 3600
    assert plan.incident % 86_400 == 19 * 3600


def test_latencies_are_log_normal(hours: Month) -> None:
    pages = sorted(
        event["duration_ms"]
        for event in flat(hours(DOCS))
        if event["url"] == "/guide/accounts" and not PLAN.incident <= event["ts"] < PLAN.incident + 3600
    )
    low, middle, high = (pages[int(len(pages) * place)] for place in (0.16, 0.5, 0.84))
    assert 0.9 * 11 < middle < 1.1 * 11
    assert 1.6 < high / middle < 2.05
    assert 1.6 < middle / low < 2.05


def test_some_are_logged_in_some_follow_campaigns_and_some_come_from_elsewhere(hours: Month) -> None:
    events = flat(hours(SHOP))
    assert 0.03 < share(events, lambda event: "username" in event) < 0.15
    assert 0.005 < share(events, lambda event: "utm_campaign=" in str(event["url"])) < 0.05
    assert 0.02 < share(events, lambda event: "google.com" in str(event.get("referrer"))) < 0.10
    assert 0.10 < share(events, lambda event: ":" in str(event["ip"])) < 0.40


def test_the_addresses_are_found_in_the_countries_that_are_meant(hours: Month) -> None:
    if not geoip_files():
        pytest.skip("this installation was built without GeoIP data")
    locator = Locator(geoip_files())
    countries = Counter(locator.places[str(event["ip"])].country for event in flat(hours(SHOP)))
    shares = {country: count / countries.total() for country, count in countries.items()}
    assert shares.get("", 0) < 0.005
    assert 0.25 < shares["DE"] < 0.38
    assert 0.12 < shares["AT"] < 0.22
    assert {country for country, part in shares.items() if part > 0.01} >= {
        "CH",
        "NL",
        "FR",
        "IT",
        "PL",
        "GB",
    }
