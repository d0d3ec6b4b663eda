# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard's pages as they are sent: which one, with what in it, for whom. What they do is in tests/browser."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tmon.server.calendar import Calendar
from tmon.server.catalogue import parse_view, read_views
from tmon.server.events import Agent, Event
from tmon.server.store.base import Envelope
from tmon.server.store.memory import MemoryStore
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0
NUMBERS = itertools.count(1)


@dataclass
class Place:
    """A store that the views ask, and the owner of the web services that are in it."""

    store: Any
    owner: Any
    make: Callable[[str], Any]

    def report(self, webservice: Any) -> None:
        calendar = Calendar([(float("-inf"), "UTC")])
        event = Event(ts_ms=int(NOW * 1000), hour=calendar.hour(NOW), agent=Agent(useragent="x"), path="/")
        identity = next(NUMBERS).to_bytes(16, "big")
        envelope = Envelope(wsid=webservice.wsid, id=identity, received_ms=int(NOW * 1000), events=[event])
        self.store.append([envelope])
        self.store.settle()


@pytest.fixture
def place(prepared: Path) -> Iterator[Place]:
    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts

    store = MemoryStore()
    store.sync_views(read_views([shipped("views")]))
    keyring = Keyring()
    services.wire(store, lambda timeout_s: store.settle(), keyring, lambda: NOW)
    owner = accounts.create_user(f"keeper-{next(NUMBERS)}")[0]

    def make(name: str) -> Any:
        return accounts.create_webservice(f"{name} {next(NUMBERS)}", owner).webservice

    yield Place(store, owner, make)
    store.close()


def browser(user: Any) -> Any:
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Any, webservice: Any, **headers: str) -> str:
    response = client.get(f"/view/dashboard/{webservice.wsid}", headers=headers)
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def dsn_of(webservice: Any) -> str:
    from tmon.server.tenants import keys

    return keys.secret_of(keys.active(webservice.wsid)[0]).hex()


def test_an_empty_web_service_shows_its_key_to_whoever_looks_after_it(place: Place) -> None:
    webservice = place.make("empty")
    text = page(browser(place.owner), webservice)
    key = dsn_of(webservice)
    assert "Waiting for the first event" in text
    assert key[:12] in text
    assert key[12:-4] in text


def test_a_viewer_of_an_empty_web_service_gets_a_hint_and_no_key(place: Place) -> None:
    from tmon.server.tenants import accounts

    webservice = place.make("empty")
    viewer = accounts.create_user(f"viewer-{next(NUMBERS)}")[0]
    accounts.add_member(webservice.wsid, viewer, "viewer")
    text = page(browser(viewer), webservice)
    assert "Waiting for the first event" in text
    assert "The key is for the managers and the owner" in text
    assert dsn_of(webservice)[:12] not in text


def test_an_empty_web_service_without_a_key_says_how_to_get_one(place: Place) -> None:
    from tmon.server.tenants import keys

    webservice = place.make("empty")
    keys.revoke(webservice.wsid, keys.active(webservice.wsid)[0].pk)
    assert f"tmon webservice rotate-key {webservice.wsid}" in page(browser(place.owner), webservice)


def test_the_dashboard_holds_no_key(place: Place) -> None:
    webservice = place.make("full")
    place.report(webservice)
    text = page(browser(place.owner), webservice)
    assert 'id="tiles"' in text
    assert dsn_of(webservice)[:12] not in text


def test_a_new_view_is_a_new_panel_with_nothing_else_edited(place: Place) -> None:
    webservice = place.make("full")
    place.report(webservice)
    views = read_views([shipped("views")])
    views["plan"] = parse_view("plan", 'title = "Plans <b>"\nfield = "plan"\npanel = "pie"\norder = 1')
    views["hidden"] = parse_view("hidden", 'title = "Hidden"\nfield = "hidden"\npanel = "none"')
    place.store.sync_views(views)
    text = page(browser(place.owner), webservice)
    assert 'data-view="plan" data-panel="pie" data-title="Plans &lt;b&gt;"' in text
    assert 'data-view="hidden"' not in text
    assert 'data-view="latency"' not in text


def test_the_dashboard_knows_by_which_field_each_view_groups(place: Place) -> None:
    used = place.make("used")
    place.report(used)
    page = browser(place.owner).get(f"/view/dashboard/{used.wsid}").content.decode()
    views = json.loads(html.unescape(page.split('data-views="', 1)[1].split('"', 1)[0]))
    assert views["url"] == {"field": "path"}
    assert views["referrer"] == {"field": "referrer_site"}
    assert views["latency"]["field"] == "duration_ms"
    assert views["latency"]["bounds"][:3] == [1, 1.1, 1.21]
    assert len(views) == 18


def test_the_last_dashboard_is_gone_to(place: Place) -> None:
    first, second = place.make("a first"), place.make("b second")
    client = browser(place.owner)
    assert client.get("/view/dashboard/")["Location"] == f"/view/dashboard/{first.wsid}"
    page(client, second)
    assert client.get("/view/dashboard/")["Location"] == f"/view/dashboard/{second.wsid}"


@pytest.mark.parametrize("remembered", ["999999999", "-1", "x", "²", "9" * 40, ""])
def test_a_last_dashboard_that_is_none_of_his_leads_to_the_first_one(place: Place, remembered: str) -> None:
    webservice = place.make("only")
    client = browser(place.owner)
    client.cookies["tmon_last"] = remembered
    assert client.get("/view/dashboard/")["Location"] == f"/view/dashboard/{webservice.wsid}"


def test_without_a_web_service_the_first_page_is_gone_to(place: Place) -> None:
    assert browser(place.owner).get("/view/dashboard/")["Location"] == "/"


def test_nobody_is_led_back_after_the_login(place: Place) -> None:
    from django.test import Client

    webservice = place.make("secret")
    response = Client(SERVER_NAME="127.0.0.1").get(f"/view/dashboard/{webservice.wsid}?period=7d")
    assert (response.status_code, response["Location"]) == (
        302,
        f"/login?next=/view/dashboard/{webservice.wsid}%3Fperiod%3D7d",
    )


def test_the_switcher_names_what_the_asker_reads_and_a_restricted_token_only_its_own(place: Place) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts

    here, there = place.make("here"), place.make("there")
    place.report(here)
    assert f'href="/view/dashboard/{there.wsid}"' in page(browser(place.owner), here)
    text = accounts.create_token(place.owner, here.wsid)[1]
    shown = page(Client(SERVER_NAME="127.0.0.1"), here, Authorization=f"Bearer {text}")
    assert f"/view/dashboard/{there.wsid}" not in shown


def test_pages_are_kept_by_no_cache_and_only_read(place: Place) -> None:
    webservice = place.make("full")
    client = browser(place.owner)
    response = client.get(f"/view/dashboard/{webservice.wsid}")
    assert response["Cache-Control"] == "private, no-store"
    cookie = response.cookies["tmon_last"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/view/dashboard/")
    assert client.post(f"/view/dashboard/{webservice.wsid}").status_code == 405
