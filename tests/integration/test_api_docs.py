# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/api.md says the truth: its examples are asked and compared, and it names all there is."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tmon.server.calendar import Calendar
from tmon.server.catalogue import read_views
from tmon.server.events import Agent, Event, Place, Referrer
from tmon.server.query.moments import NAMED
from tmon.server.query.series import MOST
from tmon.server.sessions import Rule
from tmon.server.store.base import Envelope, Rejected
from tmon.server.store.sqlite import open_store
from tmon.settings.paths import shipped

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLE = re.compile(r"```http\nGET (/7/data/\S+)\n```\n\n```json\n(.*?)\n```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(DOCS)
TABLES = re.findall(r"```http\nGET (/7/data/\S+)\n```\n\n```csv\n(.*?)```", DOCS, re.DOTALL)
COMMAND = re.compile(r"```sh\n(curl .*?)\n```", re.DOTALL)

VIENNA = Calendar([(float("-inf"), "Europe/Vienna")])
NOW = dt.datetime(2026, 11, 23, 11, 20, 30, tzinfo=dt.UTC).timestamp()
"""12:20:30 in Vienna."""
FIREFOX = Agent(
    useragent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    os="Linux",
    browser="Firefox",
    device="desktop",
)
CRAWLER = Agent(useragent="ExampleBot/1.0", browser="ExampleBot", device="bot", bot=True)
VIENNA_CITY = Place(country="AT", region="Vienna", city="Vienna", lat=48.2085, lon=16.3721)


def request_at(minute: int, country: str, duration_ms: int, status: int = 200, **fields: Any) -> Event:
    """A request that many minutes before NOW."""
    ts = NOW - 60 * minute
    return Event(
        ts_ms=int(ts * 1000),
        hour=VIENNA.hour(ts),
        **{
            "path": "/",
            "place": Place(country=country),
            "agent": FIREFOX,
            "status": status,
            "duration_us": duration_ms * 1000,
            "bytes": 5000,
            **fields,
        },
    )


def envelopes(wsid: int) -> list[Envelope]:
    """What the examples are about."""
    first = [
        request_at(130, "DE", 20, visitor=1),
        request_at(125, "DE", 30, visitor=1, path="/pricing"),
        request_at(70, "DE", 100, visitor=2),
        request_at(65, "US", 40, agent=CRAWLER),
        request_at(64, "", 35, visitor=3, path="/pricing"),
    ]
    second = [
        request_at(2, "AT", 900, status=503, visitor=4),
        request_at(
            0,
            "AT",
            25,
            place=VIENNA_CITY,
            visitor=4,
            path="/pricing",
            query="plan=team",
            referrer=Referrer("https://www.example.net/list", "example.net"),
            host="shop.example",
            method="GET",
            extra={"team": "red"},
        ),
    ]
    received = int(NOW * 1000)
    return [
        Envelope(
            wsid=wsid, id=b"1" * 16, received_ms=received - 7_200_000, events=first, source="web-1", run="9f2c41d0",
            seq=1, sent=5, close=True,
        ),
        Envelope(
            wsid=wsid, id=b"2" * 16, received_ms=received - 250, events=second, source="web-2", run="77ab03ce",
            key=1, seq=1, sent=6, lost={"queue_full": 2}, rejected=[Rejected(2, "url: missing", "url missing")],
            payloads=[("url missing", '{"path":"/cart","ip":"[address]","useragent":null}')],
        ),
    ]  # fmt: skip


def note(wsid: int) -> None:
    """The annotation of the examples."""
    from django.contrib.auth.models import User

    from tmon.server.tenants.models import Annotation

    at = dt.datetime(2026, 11, 23, 10, 5, tzinfo=dt.UTC)
    by = User.objects.create(username="anna")
    Annotation.objects.create(pk=4207, webservice_id=wsid, at=at, text="Release 2.4", by=by)
    Annotation.objects.filter(pk=4207).update(created=at + dt.timedelta(seconds=72))


def warn(wsid: int) -> None:
    """The limit and the warning of the examples."""
    from django.contrib.auth.models import User

    from tmon.server.limits.models import Delivery, Destination, Limit, Violation
    from tmon.server.modules.models import Module

    def at(hour: int, minute: int, second: int = 0) -> dt.datetime:
        return dt.datetime(2026, 11, 23, hour, minute, second, tzinfo=dt.UTC)

    anna = User.objects.get(username="anna")
    Limit.objects.create(webservice_id=wsid, object="algebra-basics", minutes=30, by=anna, since=at(8, 14, 5))
    warning = Violation.objects.create(
        pk=318, webservice_id=wsid, object="algebra-basics", minutes=30, username="ben", place="~1", name="ben",
        number=5120, started=at(10, 40, 12), exceeded=at(11, 10, 12), noticed=at(11, 10, 13),
    )  # fmt: skip
    Module.objects.create(
        webservice_id=wsid, slug="algebra-basics", name="Algebra, the basics", language="en",
        categories=["mathematics"], url="/modules/algebra-basics/index.html", origin="hand",
    )  # fmt: skip
    webhook = Destination.objects.create(
        webservice_id=wsid, kind="webhook", address="https://example.org/warnings"
    )
    Delivery.objects.create(
        violation=warning, destination=webhook, state="pending", attempts=2,
        error="it answered with status 503", created=at(11, 10, 13), due=at(11, 10, 53),
    )  # fmt: skip


@dataclass
class Documented:
    wsid: int
    token: str
    client: Any
    wire: Callable[[], None]


@pytest.fixture
def documented(made: Documented) -> Documented:
    """The documented web service, with the views asking its store."""
    made.wire()
    return made


@pytest.fixture(scope="module")
def made(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Documented]:
    from django.contrib.auth.models import User
    from django.test import Client

    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts, keys

    owner = User.objects.create(username="documented")
    wsid = accounts.create_webservice("documented", owner, "Europe/Vienna").webservice.wsid
    keys.issue(wsid)  # its number is not 1, which the examples have for the old one
    note(wsid)
    warn(wsid)
    store = open_store(tmp_path_factory.mktemp("documented"))
    store.sync_views(read_views([shipped("views")]))
    store.sync_rules({wsid: Rule(failed=True)})
    store.append(envelopes(wsid))
    keyring = Keyring()
    keyring.refresh()

    def wire() -> None:
        services.wire(store, lambda timeout_s: store.settle(), keyring, lambda: NOW)

    yield Documented(wsid, accounts.create_token(owner)[1], Client(SERVER_NAME="127.0.0.1"), wire)
    store.close()


def test_there_are_examples_of_every_endpoint() -> None:
    paths = " ".join(path for path, _ in EXAMPLES)
    for part in (
        "users/",
        "users/locations/",
        "requests/",
        "summary",
        "events",
        "sessions?",
        "sessions/live",
        "sessions/hour/",
        "users/object",
        "modules",
        "sources",
        "quarantine",
        "annotations",
        "limits",
        "warnings",
    ):
        assert f"/7/data/{part}" in paths
    assert TABLES
    assert "compare=previous" in paths


@pytest.mark.parametrize(("path", "answer"), EXAMPLES, ids=[path for path, _ in EXAMPLES])
def test_an_example_is_what_the_server_answers(documented: Documented, path: str, answer: str) -> None:
    headers = {"Authorization": f"Bearer {documented.token}"}
    response = documented.client.get(path.replace("/7/", f"/{documented.wsid}/", 1), headers=headers)
    assert json.loads(response.content) == json.loads(answer)


@pytest.mark.parametrize(("path", "answer"), TABLES, ids=[path for path, _ in TABLES])
def test_a_table_is_what_the_server_answers(documented: Documented, path: str, answer: str) -> None:
    headers = {"Authorization": f"Bearer {documented.token}"}
    response = documented.client.get(path.replace("/7/", f"/{documented.wsid}/", 1), headers=headers)
    assert response.content.decode().replace("\r\n", "\n") == answer
    for name in response.headers:
        if name.startswith("TMon-"):
            assert f"`{name}`" in DOCS


def test_the_command_works_as_it_is_written(documented: Documented) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    [command] = COMMAND.findall(DOCS)

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    def serve() -> None:
        from django.db import connections

        server.handle_request()
        connections.close_all()

    from tmon.server.dashboard.wsgi import application

    with make_server("127.0.0.1", 0, application(), handler_class=Quiet) as server:
        server.timeout = 30
        thread = threading.Thread(target=serve)
        thread.start()
        command = command.replace("127.0.0.1:8000/7/", f"127.0.0.1:{server.server_port}/{documented.wsid}/")
        environment = {**os.environ, "TOKEN": documented.token, "NO_PROXY": "*", "no_proxy": "*"}
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, check=True, timeout=30
        )
        thread.join()
    assert json.loads(done.stdout)["results"][0]["key"] == "DE"


def test_every_route_of_the_api_is_described(prepared: Path) -> None:
    from tmon.server.dashboard.data_urls import urlpatterns

    for one in urlpatterns:
        route = re.sub(r"<\w+:(\w+)>", r"<\1>", str(one.pattern))
        assert f"`/{route}`" in DOCS


def test_every_route_of_share_links_is_described(prepared: Path) -> None:
    from tmon.server.dashboard.shared_urls import urlpatterns

    for one in urlpatterns:
        route = re.sub(r"<\w+:(\w+)>", r"<\1>", str(one.pattern))
        assert f"`/{route}`" in DOCS


def test_everything_that_from_and_to_accept_is_described() -> None:
    for name in NAMED:
        assert f"`{name}`" in DOCS
    for text in ("`-24h`", "`-7d`", "`-4w`", "`-12mo`", "`-1y`"):
        assert text in DOCS


def test_the_bounds_of_series_are_described() -> None:
    for grain, most in MOST.items():
        assert re.search(rf"\| `{grain}` +\| {most:,} +\|", DOCS)
