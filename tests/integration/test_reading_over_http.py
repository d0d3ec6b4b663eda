# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server, from sealed events to what is read over HTTP: the map, tables, and the day before beside the day."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.server_process import Answer, ServerProcess, WebService
from tests.unit.pipeline.mmdb import write_mmdb

DAY_S = 86_400
YESTERDAY = int(time.time()) // DAY_S * DAY_S - DAY_S
"""00:00 UTC, the zone of the web services here."""
DATE = time.strftime("%Y-%m-%d", time.gmtime(YESTERDAY))

# Networks for documentation (RFC 5737).
SUVA = {"country_code": "FJ", "city": "Suva", "latitude": -18.125, "longitude": 178.5}
APIA = {"country_code": "WS", "city": "Apia", "latitude": -13.75, "longitude": -171.75}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("reading")
    write_mmdb(folder / "places.mmdb", {"192.0.2.0/24": SUVA, "198.51.100.0/24": APIA})
    with ServerProcess(folder / "data", TMON_GEOIP=str(folder / "places.mmdb")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> WebService:
    """Three requests of yesterday, the last from another place, and two of the day before."""
    made = server.webservice("islands")
    events = [
        hit(YESTERDAY + 3600, "192.0.2.1", status=200),
        hit(YESTERDAY + 3601, "192.0.2.2", status=503),
        hit(YESTERDAY + 3602, "198.51.100.1"),
        hit(YESTERDAY - 3600, "192.0.2.1"),
        hit(YESTERDAY - 3601, None, bytes=9),
    ]
    assert server.collect(made, made.seal(events)).json()["accepted"] == 5
    return made


def hit(ts: int, ip: str | None, **fields: Any) -> dict[str, Any]:
    return {"url": "/", "ip": ip, "useragent": None, "ts": ts, **fields}


def read(server: ServerProcess, service: WebService, path: str, **headers: str) -> Answer:
    """What is answered to a path below `/<wsid>/data/`, as it is on the wire."""
    authorization = f"Bearer {server.token}"
    return server.connection.send(
        "GET", f"/{service.wsid}/data/{path}", Authorization=authorization, **headers
    )


def utc(ts: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime(ts))


def test_the_map_shows_where_requests_came_from_on_both_sides_of_the_antimeridian(
    server: ServerProcess, shop: WebService
) -> None:
    answer = server.ask(shop, "users/locations/0/-170/-20/170")
    assert answer["results"] == [
        {
            "lat": -18.125,
            "lon": 178.5,
            "city": "Suva",
            "country": "FJ",
            "requests": 3,
            "errors": 1,
            "latest": utc(YESTERDAY + 3601),
        },
        {
            "lat": -13.75,
            "lon": -171.75,
            "city": "Apia",
            "country": "WS",
            "requests": 1,
            "errors": 0,
            "latest": utc(YESTERDAY + 3602),
        },
    ]
    east = server.ask(shop, "users/locations/0/180/-20/170", since=DATE, to=DATE)
    assert [(one["city"], one["requests"]) for one in east["results"]] == [("Suva", 2)]


@pytest.mark.parametrize(
    "corners",
    [
        "nan/180/-90/-180",
        "90/inf/-90/-180",
        "%ff/180/-90/-180",
        "90/180/-90/-180%00",
        "%zz/0/0/0",
        "-1/0/1/0",
    ],
)
def test_a_box_that_is_none_is_400_on_the_wire(server: ServerProcess, shop: WebService, corners: str) -> None:
    answer = read(server, shop, f"users/locations/{corners}")
    assert (answer.status, answer.json()["status_code"]) == (400, 400)
    assert answer.headers["content-type"] == "application/json"


def test_yesterday_is_compared_with_the_day_before(server: ServerProcess, shop: WebService) -> None:
    given = {"since": DATE, "to": DATE, "compare": "previous"}
    answer = server.ask(shop, "users/country", **given)
    assert [(one["key"], one["requests"], one["previous"]["requests"]) for one in answer["results"]] == [
        ("FJ", 2, 1),
        ("WS", 1, 0),
        (None, 0, 1),
    ]
    assert answer["previous_to"] == answer["from"]
    summary = server.ask(shop, "summary", **given)["results"]
    assert (summary["requests"], summary["errors"], summary["previous"]["requests"]) == (3, 1, 2)
    [point] = server.ask(shop, "requests/day/1", to=DATE, compare="previous")["results"]
    assert (point["requests"], point["previous"]["requests"], point["previous"]["bytes"]) == (3, 2, 9)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_table_arrives_as_a_file(server: ServerProcess, shop: WebService, coding: str) -> None:
    path = f"users/country?from={DATE}&to={DATE}&compare=previous&format=csv"
    answer = read(server, shop, path, Accept_Encoding=coding)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="tmon-{shop.wsid}-country.csv"'
    assert answer.headers["tmon-from"] == answer.headers["tmon-previous-to"]
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content.decode() == (
        "key,other,requests,visitors,bots,errors,duration_ms,bytes,previous_requests,previous_visitors,"
        "previous_bots,previous_errors,previous_duration_ms,previous_bytes\r\n"
        "FJ,,2,2,0,1,,0,1,1,0,0,,0\r\n"
        "WS,,1,1,0,0,,0,0,0,0,0,,0\r\n"
        ",true,0,0,0,0,,0,1,0,0,0,,9\r\n"
    )


def test_a_table_that_cannot_be_made_is_json(server: ServerProcess, shop: WebService) -> None:
    answer = read(server, shop, "users/country?format=csv&from=never")
    assert (answer.status, answer.json()["status_code"]) == (400, 400)
    assert answer.headers["content-type"] == "application/json"
