# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON API over HTTP requests that Django handles: accounts, store, query and encoding together."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmon.server.calendar import Calendar
from tmon.server.catalogue import View, read_views
from tmon.server.events import SESSION, Agent, Event, Place
from tmon.server.store.base import Damaged, Envelope, Unavailable
from tmon.server.store.sqlite import SqliteStore, open_store
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0
"""2024-05-15 16:05:30 in Kathmandu, which is 5:45 ahead of UTC."""
ZONE = "Asia/Kathmandu"
PLACE = ("country", "city", "lat", "lon")
KATHMANDU = Calendar([(float("-inf"), ZONE)])


@dataclass
class Api:
    """A web service's data as its owner's token reads it."""

    wsid: int
    store: SqliteStore
    token: str
    client: Any
    owner: Any
    ids: int = 0

    def add(self, *events: Mapping[str, Any], wsid: int | None = None) -> None:
        """Store one event per mapping: its fields, `ts` in Unix seconds (default: now) and `country`."""
        made = []
        for given_fields in events:
            fields = dict(given_fields)
            ts = fields.pop("ts", NOW)
            place = Place(**{name: fields.pop(name) for name in PLACE if name in fields})
            values = {"path": "/", "agent": Agent(useragent="x"), **fields}
            made.append(Event(ts_ms=int(ts * 1000), hour=KATHMANDU.hour(ts), place=place, **values))
        self.ids += 1
        one = Envelope(
            wsid=wsid or self.wsid, id=self.ids.to_bytes(16, "big"), received_ms=int(NOW * 1000), events=made
        )
        self.store.append([one])

    def ask(self, path: str, **headers: str) -> Any:
        """GET a path below `/<wsid>/data/`, as it is on the wire."""
        authorization = {"Authorization": f"Bearer {self.token}"}
        return self.client.get(f"/{self.wsid}/data/{path}", headers={**authorization, **headers})

    def json(self, path: str, status: int = 200) -> Any:
        response = self.ask(path)
        assert response.status_code == status, response.content
        body = json.loads(response.content)
        assert body["status_code"] == status
        return body


@pytest.fixture
def api(prepared: Path, tmp_path: Path) -> Iterator[Api]:
    from django.contrib.auth.models import User
    from django.test import Client

    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts

    name = f"reading {tmp_path.name}"
    owner = User.objects.create(username=f"reading-{tmp_path.name}")  # logs in without a password
    wsid = accounts.create_webservice(name, owner, ZONE).webservice.wsid
    store = open_store(tmp_path)
    store.sync_views(read_views([shipped("views")]))
    keyring = Keyring()
    keyring.refresh()
    services.wire(store, lambda timeout_s: store.settle(), keyring, lambda: NOW)
    yield Api(wsid, store, accounts.create_token(owner)[1], Client(SERVER_NAME="127.0.0.1"), owner)
    store.close()


def test_a_ranking_is_answered_in_the_web_services_own_zone(api: Api) -> None:
    api.add({"country": "NP"}, {"country": "NP", "status": 500}, {"country": "DE", "ts": NOW - 90_000})
    assert api.json("users/country") == {
        "status_code": 200,
        "results": [
            {
                "key": "NP",
                "requests": 2,
                "visitors": 0,
                "bots": 0,
                "errors": 1,
                "duration_ms": None,
                "bytes": 0,
            }
        ],
        "from": "2024-05-14T16:00:00+05:45",
        "to": "2024-05-15T17:00:00+05:45",
        "complete_from": None,
        "as_of": "2024-05-15T16:05:30.000+05:45",
    }


def test_answers_are_json_that_no_cache_keeps(api: Api) -> None:
    response = api.ask("summary")
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_long_answers_are_gzipped_for_those_who_accept_it(api: Api) -> None:
    plain = api.ask("requests/minute/60")
    packed = api.ask("requests/minute/60", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 4
    assert "Accept-Encoding" in packed["Vary"]


def test_head_is_answered_like_get(api: Api) -> None:
    path = f"/{api.wsid}/data/summary"
    response = api.client.head(path, headers={"Authorization": f"Bearer {api.token}"})
    assert (response.status_code, response.content) == (200, b"")


def test_a_login_reads_as_well_as_a_token(api: Api) -> None:
    api.client.force_login(api.owner, backend="django.contrib.auth.backends.ModelBackend")
    assert api.client.get(f"/{api.wsid}/data/summary").status_code == 200


def test_a_bad_token_is_refused_even_beside_a_login(api: Api) -> None:
    api.client.force_login(api.owner, backend="django.contrib.auth.backends.ModelBackend")
    response = api.client.get(f"/{api.wsid}/data/summary", headers={"Authorization": "Bearer nonsense"})
    assert response.status_code == 401
    assert json.loads(response.content)["status_code"] == 401


def test_a_filter_is_percent_decoded_once(api: Api) -> None:
    api.add({"path": "/a b&c"}, {"path": "/100%25"}, {"path": "/ü*"})
    for path in ("/a b&c", "/100%25", "/ü"):
        filtered = api.json(f"users/url?filter=url:{quote(path, safe='')}*")
        assert [row["requests"] for row in filtered["results"]] == [1]


def test_a_filter_can_name_any_key_exactly(api: Api) -> None:
    keys = ["!a", "a*b", "axb", "c:\\d", "c:\\\\d", "\\*", ""]
    api.add(*({"path": key} for key in keys))
    for key in keys:
        exactly = "".join(f"\\{sign}" if sign in "*!\\" else sign for sign in key)
        assert [
            row["key"] for row in api.json(f"users/url?filter=url:{quote(exactly, safe='')}")["results"]
        ] == [key]
        others = api.json(f"summary?filter=!url:{quote(exactly, safe='')}")["results"]
        assert others["requests"] == len(keys) - 1


def test_a_ranking_is_sought_sorted_and_paged_with_exact_totals(api: Api) -> None:
    api.add(*({"path": f"/Seite/{n}", "bytes": n} for n in range(9)), {"path": "/else", "status": 500})
    answer = api.json("users/url?search=seite&sort=bytes&limit=2&offset=3&compare=previous")
    assert [row["key"] for row in answer["results"]] == ["/Seite/5", "/Seite/4", None]
    assert [row["requests"] for row in answer["results"]] == [1, 1, 8]
    assert [row["previous"]["requests"] for row in answer["results"]] == [0, 0, 0]
    assert answer["keys"] == 9
    filtered = api.json("users/url?search=seite&filter=!url:*8&offset=7")
    assert ([row["key"] for row in filtered["results"]], filtered["keys"]) == (["/Seite/7", None], 8)
    assert "keys" not in api.json("users/url?limit=2")
    table = api.ask("users/url?search=SEITE&limit=1&format=csv")
    assert table["TMon-Keys"] == "9"
    assert api.ask("users/url?search=nothing&format=csv")["TMon-Keys"] == "0"


def test_what_a_page_cannot_be_is_explained(api: Api) -> None:
    assert "sort is one of" in api.json("users/url?sort=name", 400)["message"]
    assert "offset is a whole number" in api.json("users/url?offset=x", 400)["message"]
    assert "no parameter 'offset'" in api.json("summary?offset=1", 400)["message"]


def test_filters_repeat_and_are_anded(api: Api) -> None:
    api.add({"country": "NP", "path": "/a"}, {"country": "NP", "path": "/b"}, {"country": "DE", "path": "/a"})
    assert api.json("summary?filter=country:NP&filter=!url:/a")["results"]["requests"] == 1


def test_a_comparison_sets_each_figure_beside_that_of_the_period_before(api: Api) -> None:
    api.add({"country": "NP"}, {"country": "NP"}, {"country": "DE"})
    api.add(
        {"country": "NP", "ts": NOW - 86_400, "status": 500},
        {"country": "FR", "ts": NOW - 86_400, "bytes": 3},
    )
    answer = api.json("users/country?from=today&limit=1&compare=previous")
    nothing = {"requests": 0, "visitors": 0, "bots": 0, "errors": 0, "duration_ms": None, "bytes": 0}
    assert answer["results"] == [
        {"key": "NP", **nothing, "requests": 2, "previous": {**nothing, "requests": 1, "errors": 1}},
        {
            "key": None,
            "other": True,
            **nothing,
            "requests": 1,
            "previous": {**nothing, "requests": 1, "bytes": 3},
        },
    ]
    assert (answer["previous_from"], answer["previous_to"], answer["from"]) == (
        "2024-05-14T00:00:00+05:45",
        "2024-05-15T00:00:00+05:45",
        "2024-05-15T00:00:00+05:45",
    )
    summary = api.json("summary?from=today&compare=previous")["results"]
    assert (summary["requests"], summary["previous"]["requests"]) == (3, 2)
    [day] = api.json("requests/day/1?compare=previous")["results"]
    assert (day["requests"], day["previous"]["requests"]) == (3, 2)
    assert (day["t"], day["previous"]["t"]) == ("2024-05-15T00:00:00+05:45", "2024-05-14T00:00:00+05:45")


AUCKLAND = {"country": "NZ", "city": "Auckland", "lat": -36.875, "lon": 174.75}
HONOLULU = {"country": "US", "city": "Honolulu", "lat": 21.25, "lon": -157.75}
PATAN = {"country": "NP", "city": "Patan", "lat": 27.625, "lon": 85.375}


def test_a_ranking_is_a_table_that_a_spreadsheet_opens_without_harm(api: Api) -> None:
    api.add(
        {"path": "/a", "status": 500}, {"path": "/a", "duration_us": 1500}, {"path": '=1+cmd|"x"', "bytes": 7}
    )
    response = api.ask("users/url?format=csv")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="tmon-{api.wsid}-url.csv"'
    assert response["Cache-Control"] == "private, no-store"
    assert response["TMon-From"] == "2024-05-14T16:00:00+05:45"
    assert response["TMon-To"] == "2024-05-15T17:00:00+05:45"
    assert response["TMon-As-Of"] == "2024-05-15T16:05:30.000+05:45"
    for absent in ("TMon-Complete-From", "TMon-Approximate", "TMon-Previous-From", "TMon-Previous-To"):
        assert absent not in response
    assert response.content.decode() == (
        "key,other,requests,visitors,bots,errors,duration_ms,bytes\r\n"
        "/a,,2,0,0,1,1.5,0\r\n"
        '"\'=1+cmd|""x""",,1,0,0,0,,7\r\n'
    )


def test_a_compared_ranking_as_a_table_has_the_previous_figures_beside_it(api: Api) -> None:
    api.add({"country": "NP"}, {"country": "DE"}, {"country": "NP", "ts": NOW - 86_400, "bytes": 3})
    response = api.ask("users/country?from=today&limit=1&compare=previous&format=csv")
    assert response.content.decode() == (
        "key,other,requests,visitors,bots,errors,duration_ms,bytes,previous_requests,previous_visitors,"
        "previous_bots,previous_errors,previous_duration_ms,previous_bytes\r\n"
        "DE,,1,0,0,0,,0,0,0,0,0,,0\r\n"
        ",true,1,0,0,0,,0,1,0,0,0,,3\r\n"
    )
    assert response["TMon-Previous-From"] == "2024-05-14T00:00:00+05:45"
    assert response["TMon-Previous-To"] == "2024-05-15T00:00:00+05:45"


def test_series_and_summary_are_tables(api: Api) -> None:
    api.add({"duration_us": 100}, {"duration_us": 300, "ts": NOW - 3600})
    series = api.ask("requests/hour/2?format=csv")
    assert series["Content-Disposition"] == f'attachment; filename="tmon-{api.wsid}-requests-by-hour.csv"'
    assert series.content.decode() == (
        "t,requests,visitors,bots,errors,duration_ms,bytes,visits,bounces\r\n"
        "2024-05-15T15:00:00+05:45,1,0,0,0,0.3,0,0,0\r\n"
        "2024-05-15T16:00:00+05:45,1,0,0,0,0.1,0,0,0\r\n"
    )
    compared = api.ask("requests/hour/1?format=csv&compare=previous")
    assert compared.content.decode() == (
        "t,requests,visitors,bots,errors,duration_ms,bytes,visits,bounces,previous_t,previous_requests,"
        "previous_visitors,previous_bots,previous_errors,previous_duration_ms,previous_bytes,previous_visits,"
        "previous_bounces\r\n"
        "2024-05-15T16:00:00+05:45,1,0,0,0,0.1,0,0,0,2024-05-15T15:00:00+05:45,1,0,0,0,0.3,0,0,0\r\n"
    )
    summary = api.ask("summary?format=csv")
    assert summary["TMon-Approximate"] == "p50_ms, p95_ms, p99_ms"
    assert summary.content.decode() == (
        "requests,visitors,bots,errors,bytes,p50_ms,p95_ms,p99_ms,visits,bounces,pages,visit_s,median_visit_s\r\n"
        "2,0,0,0,0,0.2,0.2,0.2,0,0,0,,\r\n"
    )


def test_events_sources_locations_and_the_quarantine_are_tables(api: Api) -> None:
    api.add({**AUCKLAND, "path": "/a", "query": "b=1", "extra": {"team": "-red"}})
    [names, event] = csv.reader(io.StringIO(api.ask("events?format=csv").content.decode(), newline=""))
    found = dict(zip(names, event, strict=True))
    assert {name: found[name] for name in ("kind", "url", "lat", "bot", "visitor", "city", "team")} == {
        "kind": "request",
        "url": "/a?b=1",
        "lat": "-36.875",
        "bot": "false",
        "visitor": "",
        "city": "Auckland",
        "team": "'-red",
    }
    assert api.ask("users/locations/0/180/-90/0?format=csv").content.decode() == (
        "lat,lon,city,country,requests,errors,latest\r\n"
        "-36.875,174.75,Auckland,NZ,1,0,2024-05-15T16:05:30.000+05:45\r\n"
    )
    assert api.ask("sources?format=csv").content.decode() == (
        "source,run,first_seen,last_seen,sent,stored,repeated,rejected,reasons,missing,lost,refused,closed,"
        "unconfirmed,key,old_key\r\n"
        ",,2024-05-15T16:05:30.000+05:45,2024-05-15T16:05:30.000+05:45,1,1,0,0,{},0,{},0,false,false,,false\r\n"
    )
    assert api.ask("quarantine?format=csv").content.decode() == "received,source,reason,payload\r\n"


def test_what_is_wrong_with_a_table_is_said_in_json(api: Api) -> None:
    assert "is no time" in api.json("users/country?format=csv&from=tomorrow", 400)["message"]
    assert "there is no view" in api.json("users/weather?format=csv", 404)["message"]
    assert "format is given 2 times" in api.json("users/country?format=csv&format=csv", 400)["message"]
    anonymous = api.client.get(f"/{api.wsid}/data/users/country?format=csv")
    assert (anonymous.status_code, json.loads(anonymous.content)["status_code"]) == (401, 401)


def test_a_table_of_an_incomplete_period_says_from_when_it_is_complete(api: Api) -> None:
    api.add({"ts": NOW - 20 * 86_400}, {})
    response = api.ask("requests/minute/1440?to=-20d&format=csv")
    assert response["TMon-Complete-From"] == "2024-05-08"


def test_locations_are_the_places_inside_a_box(api: Api) -> None:
    api.add({**PATAN, "ts": NOW - 3}, {**PATAN, "ts": NOW - 7200}, AUCKLAND, {"country": "NP"})
    assert api.json("users/locations/30.5/90/-30.25/80") == {
        "status_code": 200,
        "results": [
            {
                "lat": 27.625,
                "lon": 85.375,
                "city": "Patan",
                "country": "NP",
                "requests": 2,
                "errors": 0,
                "latest": "2024-05-15T16:05:27.000+05:45",
            }
        ],
        "from": None,
        "to": None,
        "complete_from": None,
        "as_of": "2024-05-15T16:05:30.000+05:45",
    }


def cities(answer: Any) -> dict[str, int]:
    return {one["city"]: one["requests"] for one in answer["results"]}


def test_a_box_of_locations_may_cross_the_antimeridian(api: Api) -> None:
    api.add(AUCKLAND, HONOLULU, PATAN)
    assert cities(api.json("users/locations/60/-150/-60/150")) == {"Auckland": 1, "Honolulu": 1}
    assert cities(api.json("users/locations/6e1/1.5E2/-60./-.15e3")) == {"Patan": 1}
    assert cities(api.json("users/locations/90/180/-90/-180")) == {"Auckland": 1, "Honolulu": 1, "Patan": 1}


def test_locations_are_narrowed_by_a_period_and_filters(api: Api) -> None:
    api.add({**PATAN, "ts": NOW - 90_000}, AUCKLAND, HONOLULU)
    world = "users/locations/90/180/-90/-180"
    today = api.json(f"{world}?from=today")
    assert cities(today) == {"Auckland": 1, "Honolulu": 1}
    assert (today["from"], today["to"]) == ("2024-05-15T00:00:00+05:45", "2024-05-16T00:00:00+05:45")
    assert cities(api.json(f"{world}?from=today&filter=!country:US")) == {"Auckland": 1}


def test_locations_are_the_500_latest_requests(api: Api) -> None:
    api.add(*[PATAN] * 300, *[AUCKLAND] * 300)
    assert cities(api.json("users/locations/90/180/-90/-180")) == {"Auckland": 300, "Patan": 200}


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        ("nan/180/-90/-180", "ne_lat is a number of degrees from -90 to 90, not 'nan'"),
        ("90/inf/-90/-180", "ne_lng is a number of degrees from -180 to 180, not 'inf'"),
        ("90/180/-Infinity/-180", "sw_lat"),
        ("90/180/-90/1e309", "sw_lng"),
        ("90.0001/180/-90/-180", "ne_lat"),
        ("90/180.5/-90/-180", "ne_lng"),
        ("90/180/-91/-180", "sw_lat"),
        ("90/180/-90/-1e999", "sw_lng"),
        ("10/180/20/-180", "ne_lat is below sw_lat"),
        ("%D9%A9/180/-90/-180", "ne_lat"),
        ("1_0/180/-90/-180", "ne_lat"),
        ("0x10/180/-90/-180", "ne_lat"),
        ("%2010/180/-90/-180", "ne_lat"),
        ("10%0A/180/-90/-180", "ne_lat"),
        ("10%00/180/-90/-180", "ne_lat"),
        ("1,5/180/-90/-180", "ne_lat"),
        ("./180/-90/-180", "ne_lat"),
        ("1" * 5000 + "/180/-90/-180", "ne_lat"),
        ("90/180/-90/-180?limit=5", "no parameter 'limit'"),
    ],
)
def test_a_box_that_makes_no_sense_is_answered_with_what_would_be_right(
    api: Api, corners: str, says: str
) -> None:
    assert says in api.json(f"users/locations/{corners}", 400)["message"]


@pytest.mark.parametrize(
    "path", ["", "/90", "/90/180/-90", "/90/180/-90/-180/", "//180/-90/-180", "/90/180/-90/-180/1"]
)
def test_a_box_has_four_numbers(api: Api, path: str) -> None:
    api.json(f"users/locations{path}", 404)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("users/weather", 404, "there is no view 'weather'"),
        ("users/country?form=-7d", 400, "no parameter 'form'"),
        ("users/country?from=tomorrow", 400, "'tomorrow' is no time; write a date"),
        ("users/country?from=today&to=yesterday", 400, "from must be before to"),
        ("users/country?from=1970-01-01", 400, "1990"),
        ("users/country?limit=10001", 400, "limit is at most 10000"),
        ("users/country?filter=weather:rain", 400, "there is no view 'weather'"),
        ("users/country?compare=next", 400, "compare is previous, not 'next'"),
        ("users/country?compare=previous&compare=previous", 400, "compare is given 2 times"),
        ("users/country?from=1990&to=2020&compare=previous", 400, "'1990' is no time"),
        ("users/country?from=1990-01&compare=previous", 400, "older than 1990"),
        ("events?compare=previous", 400, "no parameter 'compare'"),
        ("sources?compare=previous", 400, "no parameter 'compare'"),
        ("users/locations/90/180/-90/-180?compare=previous", 400, "no parameter 'compare'"),
        ("users/country?format=xml", 400, "there is no format 'xml'; there are json, csv"),
        ("requests/week/3", 404, "second, minute, hour, day"),
        ("requests/second/7201", 400, "1 to 7200"),
        ("requests/second/x", 400, "limit is a whole number"),
        ("events?from=-7d", 400, "no parameter 'from'"),
        ("sources?limit=5", 400, "no parameter 'limit'"),
        ("nothing", 404, "nothing here"),
        ("users/", 404, "nothing here"),
    ],
)
def test_what_is_asked_wrongly_is_answered_with_what_would_be_right(
    api: Api, path: str, status: int, says: str
) -> None:
    assert says in api.json(path, status)["message"]


@pytest.mark.parametrize(
    "wsid",
    [
        "0",
        "00",
        "007",
        "+7",
        "-7",
        "7.0",
        "1e3",
        "%EF%BC%97",
        "7%00",
        "7%0A",
        "9223372036854775808",
        "9" * 19,
        "9" * 500,
    ],
)
def test_a_wsid_that_is_no_number_of_ours_is_not_there(api: Api, wsid: str) -> None:
    response = api.client.get(f"/{wsid}/data/summary", headers={"Authorization": f"Bearer {api.token}"})
    assert response.status_code == 404


def test_a_view_added_on_an_extra_field_has_its_endpoint_and_counts(api: Api, tmp_path: Path) -> None:
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "team.toml").write_text('title = "Teams"\nfield = "team"\n')
    api.add({"extra": {"team": "red"}}, {"extra": {"team": "red"}}, {"extra": {"team": "blue"}}, {})
    assert api.ask("users/team").status_code == 404
    api.store.sync_views(read_views([shipped("views"), folder]))
    rows = api.json("users/team")["results"]
    assert {row["key"]: row["requests"] for row in rows} == {"red": 2, "blue": 1, "": 1}
    assert api.json("summary?filter=team:red")["results"]["requests"] == 2


def test_a_web_service_made_a_moment_ago_is_answered_at_once(api: Api) -> None:
    from tmon.server.tenants import accounts

    wsid = accounts.create_webservice(
        f"made later {api.wsid}", api.owner, "Australia/Lord_Howe"
    ).webservice.wsid
    response = api.client.get(f"/{wsid}/data/summary", headers={"Authorization": f"Bearer {api.token}"})
    assert response.status_code == 200
    assert json.loads(response.content)["to"] == "2024-05-15T21:00:00+10:30"


def test_a_store_that_is_away_is_503_and_says_when_to_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.store, "totals", _raising(Unavailable("disk full")))
    response = api.ask("summary")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "disk" not in json.loads(response.content)["message"]


def test_a_damaged_store_is_500_in_json_and_shows_nothing_of_itself(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.store, "totals", _raising(Damaged("/secret/path/log.db")))
    body = api.json("summary", 500)
    assert "secret" not in body["message"]


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


QUERIES = st.one_of(
    st.text(max_size=60).map(lambda text: quote(text, safe="=&%+:;")),
    st.binary(max_size=40).map(lambda data: "from=" + quote(data)),
    st.lists(
        st.tuples(
            st.sampled_from(["from", "to", "limit", "after", "filter", "format", "compare", "x"]),
            st.one_of(
                st.sampled_from(
                    [
                        "",
                        "-24h",
                        "month",
                        "2024-05-01",
                        "2024-03-31T02:30",
                        "country:DE",
                        "!url:*a",
                        "\0",
                        "csv",
                        "previous",
                    ]
                ),
                st.integers().map(str),
                st.text(max_size=20),
                st.from_regex(r"-[0-9]{1,6}(h|d|w|mo|y)", fullmatch=True),
                st.text(max_size=10).map(lambda text: f"url:{text}"),
            ),
        ),
        max_size=4,
    ).map(
        lambda pairs: "&".join(f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in pairs)
    ),
)
PATHS = st.sampled_from(
    [
        *(
            "users/country",
            "users/url",
            "requests/second/5",
            "requests/day/5",
            "summary",
            "events",
            "sources",
        ),
        *("users/locations/90/180/-90/-180", "users/locations/1e1/-170/-0/170.5"),
    ]
) | st.one_of(
    st.text(max_size=20).map(lambda text: "users/" + quote(text.encode("utf-8", "replace"), safe="")),
    st.lists(st.floats().map(repr) | st.text(max_size=6), min_size=4, max_size=4).map(
        lambda corners: (
            "users/locations/" + "/".join(quote(one.encode("utf-8", "replace"), safe="") for one in corners)
        )
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(
    path=PATHS,
    query=QUERIES,
    more=st.sampled_from(["", "", "&compare=previous", "&format=csv", "&compare=previous&format=csv"]),
)
def test_nothing_that_is_asked_is_the_servers_fault(api: Api, path: str, query: str, more: str) -> None:
    response = api.ask(f"{path}?{query}{more}")
    assert response.status_code in (200, 400, 404)
    if response["Content-Type"] == "text/csv; charset=utf-8":
        assert response.status_code == 200
        names, *rows = csv.reader(io.StringIO(response.content.decode(), newline=""))
        assert all(len(row) == len(names) for row in rows)
    else:
        assert json.loads(response.content)["status_code"] == response.status_code


def test_more_parameters_than_anyone_needs_are_refused(api: Api) -> None:
    many = "&".join(f"x{n}=1" for n in range(1001))
    assert api.json(f"summary?{many}", 400)["message"]


def test_a_view_is_called_by_its_exact_name(api: Api) -> None:
    for name in ("Country", "country%20", "country%00", "co*", "..", "%2e%2e"):
        assert api.ask(f"users/{name}").status_code == 404


def test_every_shipped_view_has_an_endpoint(api: Api) -> None:
    views: dict[str, View] = read_views([shipped("views")])
    api.add({"visitor": 1})
    told = {"kind": SESSION, "extra": {"session": "1", "subject": "ada", "object": "desk", "state": "start"}}
    api.add(told)
    for name in views:
        assert len(api.json(f"users/{name}")["results"]) == 1
