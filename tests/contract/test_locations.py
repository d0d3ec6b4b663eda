# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the latest requests came from: boxes on the map, what is looked at, and how places are told apart."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.build import COUNTRY, DAY_MS, NOW, SMALL, WSID, envelope, event, ms, s

from tmon.server.events import SESSION, Event
from tmon.server.store import Box, Filter, Located, Locations, Store
from tmon.server.store.memory import MemoryStore
from tmon.server.store.sqlite import open_store

WORLD = Box(90, 180, -90, -180)
EUROPE = Box(north=60, east=30, south=40, west=-10)
PACIFIC = Box(north=60, east=-150, south=-60, west=150)
VIENNA = {"country": "AT", "city": "Vienna", "lat": 48.25, "lon": 16.5}
AUCKLAND = {"country": "NZ", "city": "Auckland", "lat": -36.875, "lon": 174.75}
HONOLULU = {"country": "US", "city": "Honolulu", "lat": 21.25, "lon": -157.75}
AT_ELEVEN = ms("2026-11-23T11:00")


def at(lat: float | None, lon: float | None, **fields: object) -> Event:
    return event(**{"country": "FJ", "city": "Suva", "lat": lat, "lon": lon, **fields})


def cities(found: Locations) -> dict[str, int]:
    return {one.city: one.requests for one in found.places}


def test_requests_are_grouped_by_place_with_the_time_of_the_latest(store: Store) -> None:
    store.append(
        [
            envelope(
                event("2026-11-23T10:00", **VIENNA),
                event("2026-11-23T09:00", **VIENNA),
                event("2026-11-23T11:30", country="FR", city="Paris", lat=48.875, lon=2.25),
                event("2026-11-23T11:00", **AUCKLAND),
            )
        ]
    )
    assert store.locations(WSID, EUROPE, 500, 1000) == Locations(
        [
            Located(48.25, 16.5, "Vienna", "AT", 2, 0, ms("2026-11-23T10:00")),
            Located(48.875, 2.25, "Paris", "FR", 1, 0, ms("2026-11-23T11:30")),
        ],
        to_the_end=True,
    )


def test_errors_of_a_place_are_counted_among_its_requests(store: Store) -> None:
    store.append(
        [
            envelope(
                event(**VIENNA, status=503),
                event(**VIENNA, status=500),
                event(**VIENNA, status=499),
                event(**VIENNA, bot=True, status=200),
                event(**AUCKLAND),
            )
        ]
    )
    found = store.locations(WSID, WORLD, 500, 1000).places
    assert [(one.city, one.requests, one.errors) for one in found] == [("Vienna", 4, 2), ("Auckland", 1, 0)]


def test_a_box_may_cross_the_antimeridian(store: Store) -> None:
    store.append([envelope(event(**VIENNA), event(**AUCKLAND), event(**HONOLULU))])
    assert cities(store.locations(WSID, PACIFIC, 500, 1000)) == {"Auckland": 1, "Honolulu": 1}
    other_side = Box(north=60, east=150, south=-60, west=-150)
    assert cities(store.locations(WSID, other_side, 500, 1000)) == {"Vienna": 1}


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(10, 20, 10, 20), True),
        (Box(10, 30, 0, 20), True),
        (Box(9.9, 30, 0, 10), False),
        (Box(20, 30, 10.1, 10), False),
        (Box(20, 19.9, 0, 10), False),
        (Box(20, 30, 0, 20.1), False),
        (Box(20, 20, 0, 170), True),
        (Box(20, 19.9, 0, 20.1), False),
    ],
)
def test_the_bounds_of_a_box_belong_to_it(store: Store, box: Box, inside: bool) -> None:
    store.append([envelope(at(10.0, 20.0))])
    assert bool(store.locations(WSID, box, 500, 1000).places) is inside


@pytest.mark.parametrize("lon", [180.0, -180.0])
@pytest.mark.parametrize(
    ("east", "west", "inside"),
    [
        (180, 170, True),
        (-170, -180, True),
        (-170, 170, True),
        (180, -180, True),
        (-180, 180, True),
        (170, -170, False),
    ],
)
def test_the_antimeridian_is_one_line(
    store: Store, lon: float, east: float, west: float, inside: bool
) -> None:
    store.append([envelope(at(0.0, lon))])
    assert bool(store.locations(WSID, Box(10, east, -10, west), 500, 1000).places) is inside


def test_what_has_no_coordinates_or_is_a_session_is_in_no_box(store: Store) -> None:
    store.append([envelope(at(None, None), at(None, 1.0), at(1.0, None), event(kind=SESSION, **VIENNA))])
    assert store.locations(WSID, WORLD, 500, 1000) == Locations([], to_the_end=True)


def test_the_null_island_is_a_place(store: Store) -> None:
    store.append([envelope(at(0.0, 0.0))])
    assert store.locations(WSID, WORLD, 500, 1000).places == [
        Located(0.0, 0.0, "Suva", "FJ", 1, 0, AT_ELEVEN)
    ]


def test_the_latest_are_those_with_the_highest_numbers(store: Store) -> None:
    store.append([envelope(event("2026-11-23T11:00", **VIENNA), event("2026-11-23T11:00", **VIENNA))])
    store.append([envelope(event("2026-11-22T11:00", **AUCKLAND), event("2026-11-21T11:00", **HONOLULU))])
    found = store.locations(WSID, WORLD, 3, 1000)
    assert (cities(found), found.to_the_end) == ({"Vienna": 1, "Auckland": 1, "Honolulu": 1}, False)
    assert cities(store.locations(WSID, EUROPE, 3, 1000)) == {"Vienna": 2}


def test_no_more_than_the_newest_events_are_looked_at(store: Store) -> None:
    elsewhere = [event() for _ in range(5)]
    store.append([envelope(event(**VIENNA)), envelope(*elsewhere)])
    assert store.locations(WSID, WORLD, 500, 5) == Locations([], to_the_end=False)
    assert store.locations(WSID, WORLD, 500, 6) == Locations(
        [Located(48.25, 16.5, "Vienna", "AT", 1, 0, AT_ELEVEN)], to_the_end=False
    )
    assert store.locations(WSID, WORLD, 500, 7).to_the_end


def test_a_request_behind_thousands_from_elsewhere_is_found(store: Store) -> None:
    store.append([envelope(event(**VIENNA)), envelope(*([event(**AUCKLAND)] * 4_100))])
    assert cities(store.locations(WSID, EUROPE, 500, 100_000)) == {"Vienna": 1}
    assert store.locations(WSID, EUROPE, 500, 4_100) == Locations([], to_the_end=False)
    assert cities(store.locations(WSID, WORLD, 4_101, 100_000)) == {"Auckland": 4_100, "Vienna": 1}


def test_other_web_services_neither_show_nor_count_as_looked_at(store: Store) -> None:
    store.append([envelope(event(**VIENNA)), envelope(*(event(**AUCKLAND) for _ in range(5)), wsid=8)])
    assert cities(store.locations(WSID, WORLD, 500, 2)) == {"Vienna": 1}
    assert cities(store.locations(8, WORLD, 500, 2)) == {"Auckland": 2}
    assert store.locations(9, WORLD, 500, 2) == Locations([], to_the_end=True)


def test_places_with_the_same_coordinates_are_told_apart_by_city_and_country_only(store: Store) -> None:
    store.append(
        [
            envelope(
                at(1.0, 2.0, region="A"),
                at(1.0, 2.0, region="B"),
                at(1.0, 2.0, city="Nadi"),
                at(1.0, 2.0, country="XK"),
            )
        ]
    )
    assert store.locations(WSID, WORLD, 500, 1000).places == [
        Located(1.0, 2.0, "Suva", "FJ", 2, 0, AT_ELEVEN),
        Located(1.0, 2.0, "Nadi", "FJ", 1, 0, AT_ELEVEN),
        Located(1.0, 2.0, "Suva", "XK", 1, 0, AT_ELEVEN),
    ]


def test_places_with_as_many_requests_come_with_the_latest_first(store: Store) -> None:
    store.append([envelope(event("2026-11-23T10:00", **AUCKLAND), event("2026-11-23T10:01", **VIENNA))])
    assert list(cities(store.locations(WSID, WORLD, 500, 1000))) == ["Vienna", "Auckland"]


def test_a_period_and_filters_narrow_it(store: Store) -> None:
    store.append(
        [
            envelope(
                event("2026-11-23T09:59:59.999", **VIENNA),
                event("2026-11-23T10:00", **VIENNA),
                event("2026-11-23T10:59:59.999", **AUCKLAND),
                event("2026-11-23T11:00", **HONOLULU),
            )
        ]
    )
    hour = (s("2026-11-23T10:00"), s("2026-11-23T11:00"))
    assert cities(store.locations(WSID, WORLD, 500, 1000, between=hour)) == {"Vienna": 1, "Auckland": 1}
    nz = [Filter(COUNTRY, "NZ")]
    assert cities(store.locations(WSID, WORLD, 500, 1000, filters=nz)) == {"Auckland": 1}
    not_nz = [Filter(COUNTRY, "NZ", negated=True)]
    assert cities(store.locations(WSID, WORLD, 500, 1000, between=hour, filters=not_nz)) == {"Vienna": 1}


def test_expired_events_are_on_no_map(store: Store) -> None:
    store.append([envelope(event(**VIENNA)), envelope(event(**AUCKLAND), received_ms=NOW + DAY_MS)])
    store.settle()
    store.close_days(NOW + 3 * DAY_MS)
    store.settle()
    while store.expire(NOW + 14 * DAY_MS, {}):
        pass
    assert cities(store.locations(WSID, WORLD, 500, 1000)) == {"Auckland": 1}


LATS = st.sampled_from([None, -90.0, -1.5, 0.0, 1.5, 90.0])
LONS = st.sampled_from([None, -180.0, -90.0, 0.0, 0.5, 90.0, 180.0])
BOXES = st.tuples(
    st.sampled_from([-90.0, -1.5, 0.0, 90.0]),
    st.sampled_from([-180.0, -90.0, 0.0, 90.0, 180.0]),
    st.sampled_from([-90.0, -1.5, 0.0]),
    st.sampled_from([-180.0, -90.0, 0.0, 90.0, 180.0]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(st.tuples(LATS, LONS, st.integers(0, 3)), max_size=12),
    corners=BOXES,
    limit=st.integers(1, 6),
    most=st.integers(1, 12),
)
def test_every_store_shows_the_same_map(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[float | None, float | None, int]],
    corners: tuple[float, float, float, float],
    limit: int,
    most: int,
) -> None:
    stores = (MemoryStore(SMALL), open_store(tmp_path_factory.mktemp("map"), SMALL))
    made = [event(NOW - ago_ms, country="FJ", lat=lat, lon=lon) for lat, lon, ago_ms in events]
    for one in stores:
        one.append([envelope(*made, name="the same")])
    plain, embedded = (one.locations(WSID, Box(*corners), limit, most) for one in stores)
    stores[1].close()
    assert plain == embedded
