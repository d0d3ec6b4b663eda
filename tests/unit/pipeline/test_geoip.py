# SPDX-License-Identifier: GPL-3.0-or-later
"""Places of addresses: flat and nested records, files that change, files that are broken."""

from __future__ import annotations

import csv
import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from tests.unit.pipeline.conftest import Run
from tests.unit.pipeline.mmdb import EPOCH, write_mmdb

from tmon.server.events import NOWHERE, Place
from tmon.server.pipeline import Locator, Pipeline, standard_steps
from tmon.settings import paths

DALLAS = {
    "country_code": "US",
    "state1": "Texas",
    "city": "Dallas",
    "latitude": 32.77669906616211,
    "longitude": -96.7969970703125,
}
VIENNA = {
    "country": {"iso_code": "AT", "names": {"en": "Austria"}},
    "subdivisions": [{"iso_code": "9", "names": {"de": "Wien", "en": "Vienna"}}],
    "city": {"names": {"de": "Wien"}},
    "location": {"latitude": 48.2082, "longitude": 16.3738, "time_zone": "Europe/Vienna"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "city.mmdb"
    write_mmdb(path, {"::72.32.231.0/120": DALLAS, "2001:db8::/32": VIENNA})
    return path


def place_in(tmp_path: Path, record: Any) -> Place:
    path = tmp_path / "one.mmdb"
    write_mmdb(path, {"2001:db8::/32": record})
    return Locator([path]).places["2001:db8::1"]


def test_a_flat_record_is_read_and_its_position_rounded_to_four_places(file: Path) -> None:
    expected = Place(country="US", region="Texas", city="Dallas", lat=32.7767, lon=-96.797)
    assert Locator([file]).places["72.32.231.8"] == expected


def test_a_nested_record_is_read_in_english_or_else_in_the_language_it_has(file: Path) -> None:
    expected = Place(country="AT", region="Vienna", city="Wien", lat=48.2082, lon=16.3738)
    assert Locator([file]).places["2001:db8::1"] == expected


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "::1", "fe80::1", "fc00::1", "203.0.113.7"]
)
def test_private_and_unknown_addresses_are_nowhere(file: Path, address: str) -> None:
    assert Locator([file]).places[address] is NOWHERE


def test_addresses_of_one_place_share_it(file: Path) -> None:
    locator = Locator([file])
    assert locator.places["72.32.231.8"] is locator.places["72.32.231.9"]


def test_ipv4_and_ipv6_may_come_in_files_of_their_own(tmp_path: Path) -> None:
    v4, v6 = tmp_path / "v4.mmdb", tmp_path / "v6.mmdb"
    write_mmdb(v4, {"72.32.231.0/24": DALLAS}, ip_version=4)
    write_mmdb(v6, {"2001:db8::/32": VIENNA})
    for order in ([v4, v6], [v6, v4]):
        places = Locator(order).places
        assert (places["72.32.231.8"].city, places["2001:db8::1"].city, places["8.8.8.8"]) == (
            "Dallas",
            "Wien",
            NOWHERE,
        )


def test_without_files_every_address_is_nowhere() -> None:
    assert Locator().places["72.32.231.8"] is NOWHERE


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({}, NOWHERE),
        ("text", NOWHERE),
        ([1, 2], NOWHERE),
        ({"country_code": 5, "city": [], "state1": {}, "latitude": "32", "longitude": 1.0}, NOWHERE),
        ({"country_code": "us"}, Place(country="US")),
        ({"country_code": "USA", "city": "x"}, Place(city="x")),
        ({"country_code": "U1", "latitude": math.nan, "longitude": 1.0}, NOWHERE),
        ({"country_code": "", "latitude": 91.0, "longitude": 1.0}, NOWHERE),
        ({"country_code": "", "latitude": 90.0, "longitude": math.inf}, NOWHERE),
        ({"country_code": "", "latitude": 0.0, "longitude": 0.0}, Place(lat=0.0, lon=0.0)),
        ({"country_code": "", "city": "a\0b"}, Place(city="a\ufffdb")),
        ({"country_code": "", "city": "c" * 2000}, Place(city="c" * 1023 + "…")),
        ({"country": "US", "city": "x", "subdivisions": "y", "location": 5}, NOWHERE),
        (
            {"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BY"}]},
            Place(country="DE", region="BY"),
        ),
        ({"country": {"iso_code": "DE"}, "subdivisions": [], "city": {"names": []}}, Place(country="DE")),
    ],
)
def test_a_record_in_an_unexpected_form_is_unknown_in_part_or_whole(
    tmp_path: Path, record: Any, place: Place
) -> None:
    assert place_in(tmp_path, record) == place


def test_the_files_in_use_are_named(file: Path) -> None:
    assert Locator([file]).databases == [(file, "Test-City", EPOCH)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_file_that_is_replaced_is_read_again(file: Path) -> None:
    locator = Locator([file])
    assert locator.places["72.32.231.8"].city == "Dallas"
    assert locator.check() is False
    newer = file.with_suffix(".new")
    write_mmdb(newer, {"::72.32.231.0/120": DALLAS | {"city": "Fort Worth"}})
    newer.rename(file)
    assert locator.check() is True
    assert locator.places["72.32.231.8"].city == "Fort Worth"


def test_the_thread_notices_a_change_by_itself(file: Path) -> None:
    locator = Locator([file])
    locator.start()
    try:
        newer = file.with_suffix(".new")
        write_mmdb(newer, {"::72.32.231.0/120": DALLAS | {"city": "Fort Worth"}})
        newer.rename(file)
        wait_for(lambda: locator.places["72.32.231.8"].city == "Fort Worth")
    finally:
        locator.stop()


def test_with_copies_a_file_may_be_written_over_in_place_and_even_be_cut(file: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    locator = Locator([file], copies)
    os.truncate(file, 0)
    assert locator.places["72.32.231.8"].city == "Dallas"
    assert list(copies.iterdir()) == []
    with structlog.testing.capture_logs() as logs:
        assert locator.check() is False
    assert [entry["event"] for entry in logs] == ["GeoIP file cannot be read; replace or touch it"]
    assert locator.places["2001:db8::1"].city == "Wien"
    write_mmdb(file, {"::72.32.231.0/120": DALLAS | {"city": "Fort Worth"}})
    assert locator.check() is True
    assert locator.places["72.32.231.8"].city == "Fort Worth"


def test_a_broken_new_file_is_logged_once_and_the_old_one_stays_in_use(file: Path) -> None:
    locator = Locator([file])
    newer = file.with_suffix(".new")
    newer.write_bytes(b"this is no database")
    newer.rename(file)
    with structlog.testing.capture_logs() as logs:
        assert locator.check() is False
        assert locator.check() is False
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("error", "GeoIP file cannot be read; replace or touch it")
    ]
    assert locator.places["72.32.231.8"].city == "Dallas"


def test_a_missing_file_is_logged_once_and_read_when_it_appears(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "later.mmdb"
    with structlog.testing.capture_logs() as logs:
        locator = Locator([path])
        locator.check()
    assert [entry["event"] for entry in logs] == ["GeoIP file is missing; it is read when it appears"]
    assert locator.places["72.32.231.8"] is NOWHERE
    shutil.copy(file, path)
    assert locator.check() is True
    assert locator.places["72.32.231.8"].city == "Dallas"


def test_events_are_located(file: Path, run: Run) -> None:
    pipeline = Pipeline(standard_steps(Locator([file])))
    event = {"url": "/", "useragent": None}
    batch = run(
        [event | {"ip": ip} for ip in ("72.32.231.8", "::ffff:72.32.231.8", "2001:DB8::7", "10.0.0.1", None)],
        pipeline=pipeline,
    )
    assert [event.place.city for event in batch.events] == ["Dallas", "Dallas", "Wien", "", ""]
    assert batch.events[0].place is batch.events[1].place


# -- real files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GeoLite2-City-Test", "GeoLite2-Country-Test"])
def test_maxminds_test_databases_give_what_their_sources_say(data_dir: Path, name: str) -> None:
    places = Locator([data_dir / "geo" / "test-data" / f"{name}.mmdb"]).places
    with (data_dir / "geo" / f"expected_{name}.tsv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if row and not row[0].startswith("#")]
    assert len(rows) > 100
    for address, country, region, city, lat, lon, *_ in rows:
        place = places[address]
        assert (place.country, place.city) == (country, city), address
        assert bool(place.region) == bool(region), address
        if lat:
            assert place.lat == pytest.approx(float(lat), abs=5.1e-5), address
            assert place.lon == pytest.approx(float(lon), abs=5.1e-5), address
        else:
            assert (place.lat, place.lon) == (None, None), address


def test_corrupt_databases_make_addresses_unknown_and_raise_nothing(data_dir: Path) -> None:
    files = sorted((data_dir / "geo" / "bad-data").glob("*.mmdb")) + sorted(
        (data_dir / "geo" / "test-data").glob("*.mmdb")
    )
    assert len(files) > 20
    for file in files:
        with structlog.testing.capture_logs() as logs:
            places = Locator([file]).places
            for address in ("1.1.1.1", "81.2.69.142", "8.8.8.8", "2001:218::1", "::1", "255.255.255.255"):
                assert isinstance(places[address], Place), (file.name, address)
                assert address not in repr(logs)


def test_a_file_that_makes_the_reader_crash_is_not_used(data_dir: Path, tmp_path: Path) -> None:
    content = bytearray((data_dir / "geo" / "test-data" / "GeoLite2-City-Test.mmdb").read_bytes())
    content[11021] = 50  # the pointer to a name now points to a map: maxminddb 3.2.0 crashes at it
    file = tmp_path / "city.mmdb"
    file.write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        locator = Locator([file], tmp_path / "copies")
        assert locator.places["67.43.156.0"] is NOWHERE
    # A reader in which this is mended takes the file, and finds the record corrupt.
    assert [entry["log_level"] for entry in logs if entry["log_level"] != "info"] == ["error"]
    assert list((tmp_path / "copies").iterdir()) == []


def test_the_shipped_data_knows_well_known_addresses() -> None:
    files = paths.geoip_files()
    if not files:
        pytest.skip("the shipped GeoIP data is missing: build/geoip is empty, `make setup` fills it")
    places = Locator(files).places
    assert places["72.32.231.8"] == Place(
        country="US", region="Texas", city="Dallas", lat=32.7767, lon=-96.797
    )
    assert places["8.8.8.8"].country == "US"
    assert places["2a00:1450:4001::1"].country == "DE"
    assert places["192.168.1.1"] is NOWHERE
    assert places["fe80::1"] is NOWHERE


def test_figures_say_when_files_were_read_and_built(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    locator = Locator([tmp_path / "places.mmdb"], registry=registry)
    assert registry.get_sample_value("tmon_geoip_read_seconds") == 0
    assert registry.get_sample_value("tmon_geoip_built_seconds") == 0
    write_mmdb(tmp_path / "places.mmdb", {})
    before = time.time()
    assert locator.check()
    read = registry.get_sample_value("tmon_geoip_read_seconds")
    assert read is not None
    assert before <= read <= time.time()
    assert registry.get_sample_value("tmon_geoip_built_seconds") == locator.databases[0][2]
