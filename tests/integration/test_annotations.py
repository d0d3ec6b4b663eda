# SPDX-License-Identifier: GPL-3.0-or-later
"""What people note about moments: who may, what is kept of it, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.server.catalogue import read_views
from tmon.server.store.memory import MemoryStore
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0
"""2024-05-15T12:20:30 in Vienna."""
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("noting")[0]


@pytest.fixture
def shop(owner: Any) -> Iterator[Any]:
    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts

    store = MemoryStore()
    store.sync_views(read_views([shipped("views")]))
    services.wire(store, lambda timeout_s: store.settle(), Keyring(), lambda: NOW)
    yield accounts.create_webservice(f"noted {next(NUMBERS)}", owner, "Europe/Vienna").webservice
    store.close()


def logged_in(user: Any) -> Any:
    """A browser that has a page of ours open, which is where it has the token against forgery from."""
    from django.test import Client

    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/logout")
    client.defaults["HTTP_X_CSRFTOKEN"] = client.cookies["csrftoken"].value
    return client


def send(client: Any, shop: Any, content: Any, number: int | None = None) -> Any:
    path = f"/{shop.wsid}/data/annotations" + (f"/{number}" if number is not None else "")
    return client.post(path, json.dumps(content), content_type="application/json")


def listed(client: Any, shop: Any, **parameters: str) -> list[dict[str, Any]]:
    response = client.get(f"/{shop.wsid}/data/annotations", parameters)
    assert response.status_code == 200
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_what_is_noted_is_read_by_every_reader(shop: Any) -> None:
    from tmon.server.tenants import accounts

    made = send(logged_in(shop.owner), shop, {"t": "2024-05-15T10:00:00Z", "text": "Release 2.4"})
    assert made.status_code == 201
    content = made.json()
    assert content["status_code"] == 201
    assert content["results"]["t"] == "2024-05-15T12:00:00.000+02:00"
    viewer = accounts.create_user(f"viewer-{next(NUMBERS)}")[0]
    accounts.add_member(shop.wsid, viewer, "viewer")
    [found] = listed(logged_in(viewer), shop)
    assert found == content["results"]
    assert (found["text"], found["by"]) == ("Release 2.4", shop.owner.username)


def test_the_answer_is_about_a_period_like_every_other(shop: Any) -> None:
    client = logged_in(shop.owner)
    for moment in (
        "2024-05-14T09:59:59Z",
        "2024-05-15T09:00:00Z",
        "2024-05-15T10:00:00Z",
        "2024-05-15T08:00:00Z",
    ):
        assert send(client, shop, {"t": moment, "text": moment}).status_code == 201
    answer = client.get(
        f"/{shop.wsid}/data/annotations", {"from": "2024-05-15T08:00Z", "to": "2024-05-15T10:00Z"}
    )
    assert [one["text"] for one in answer.json()["results"]] == [
        "2024-05-15T08:00:00Z",
        "2024-05-15T09:00:00Z",
    ]
    assert answer.json()["from"] == "2024-05-15T10:00:00+02:00"
    assert answer.json()["complete_from"] is None
    assert len(listed(client, shop)) == 3
    assert len(listed(client, shop, **{"from": "-7d"})) == 4
    assert client.get(f"/{shop.wsid}/data/annotations", {"limit": "3"}).status_code == 400


def test_without_a_moment_it_is_about_now_and_without_an_offset_about_the_web_services_clock(
    shop: Any,
) -> None:
    client = logged_in(shop.owner)
    assert send(client, shop, {"text": "now"}).json()["results"]["t"] == "2024-05-15T12:20:30.000+02:00"
    told = send(client, shop, {"text": "noon", "t": "2024-05-15T12:00:00.25"})
    assert told.json()["results"]["t"] == "2024-05-15T12:00:00.250+02:00"


def test_an_annotation_is_changed_and_deleted(shop: Any) -> None:
    client = logged_in(shop.owner)
    number = send(client, shop, {"text": "Relaese"}).json()["results"]["id"]
    changed = send(client, shop, {"text": "Release"}, number)
    assert (changed.status_code, changed.json()["results"]["text"]) == (200, "Release")
    moved = send(client, shop, {"t": "2024-05-15T08:00:00Z"}, number)
    assert moved.json()["results"]["t"] == "2024-05-15T10:00:00.000+02:00"
    assert moved.json()["results"]["text"] == "Release"
    path = f"/{shop.wsid}/data/annotations/{number}"
    assert client.get(path).json()["results"] == moved.json()["results"]
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.json()["results"]["text"]) == (200, "Release")
    assert client.delete(path).status_code == client.get(path).status_code == 404
    assert listed(client, shop) == []


def test_one_of_another_web_service_is_not_there(shop: Any) -> None:
    from tmon.server.tenants import accounts, annotating

    other = accounts.create_webservice(f"other {next(NUMBERS)}", shop.owner).webservice
    number = annotating.add(other, shop.owner, NOW, "elsewhere").pk
    client = logged_in(shop.owner)
    path = f"/{shop.wsid}/data/annotations/{number}"
    assert client.get(path).status_code == client.delete(path).status_code == 404
    assert send(client, shop, {"text": "mine"}, number).status_code == 404
    assert annotating.one(other.wsid, number).text == "elsewhere"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"text": ""}, "1 to 200 characters, not 0"),
        ({"text": " \u0000\n "}, "1 to 200 characters, not 0"),
        ({"text": "x" * 201}, "1 to 200 characters, not 201"),
        ({"text": 3}, "Expected `str`"),
        ({}, "missing required field `text`"),
        ({"text": "x", "wsid": 1}, "unknown field `wsid`"),
        ({"text": "x", "t": "yesterday"}, "'yesterday' is no time"),
        ({"text": "x", "t": "2024-02-30T10:00"}, "no time that exists"),
        ({"text": "x", "t": "1989-12-30T10:00Z"}, "nothing is older than 1990"),
        ({"text": "x", "t": "2026-05-15T10:00Z"}, "at most 400 days ahead"),
        ([], "Expected `object`"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Any, content: Any, why: str) -> None:
    client = logged_in(shop.owner)
    response = send(client, shop, content)
    assert response.status_code == 400
    assert why in response.json()["message"]
    assert listed(client, shop) == []


@pytest.mark.parametrize("body", [b"", b"\xff", b'{"text": "\\ud800"}', b"{" * 10_000])
def test_what_is_no_json_is_refused(shop: Any, body: bytes) -> None:
    client = logged_in(shop.owner)
    path = f"/{shop.wsid}/data/annotations"
    assert client.post(path, body, content_type="application/json").status_code == 400
    assert client.post(path, {"text": "a form"}).status_code == 400
    assert listed(client, shop) == []


def test_a_text_is_one_line(shop: Any) -> None:
    made = send(logged_in(shop.owner), shop, {"text": " a\tb\r\nc\u0000\u0085 <b>d</b> "})
    assert made.json()["results"]["text"] == "a b c <b>d</b>"


def test_there_is_an_end_to_annotations(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.tenants import annotating

    monkeypatch.setattr(annotating, "MOST", 2)
    client = logged_in(shop.owner)
    answers = [send(client, shop, {"text": "one more"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 400]
    assert answers[2].json()["message"] == "there are 2 annotations already; delete some first"


def test_what_comes_from_another_site_changes_nothing(shop: Any) -> None:
    from tmon.server.tenants import annotating

    number = annotating.add(shop, shop.owner, NOW, "here").pk
    client = logged_in(shop.owner)
    del client.defaults["HTTP_X_CSRFTOKEN"]
    refused = [
        send(client, shop, {"text": "forged"}),
        send(client, shop, {"text": "forged"}, number),
        client.delete(f"/{shop.wsid}/data/annotations/{number}"),
    ]
    assert [one.status_code for one in refused] == [403, 403, 403]
    assert {one.json()["message"] for one in refused} == {
        "This form has expired or came from elsewhere. Go back, reload and try again."
    }
    assert [one["text"] for one in listed(client, shop)] == ["here"]


def test_an_annotation_outlives_who_wrote_it(shop: Any) -> None:
    from tmon.server.tenants import accounts, annotating

    writer = accounts.create_user(f"writer-{next(NUMBERS)}")[0]
    annotating.add(shop, writer, NOW, "kept")
    writer.delete()
    [found] = listed(logged_in(shop.owner), shop)
    assert (found["text"], found["by"]) == ("kept", None)


def test_annotations_go_with_their_web_service(shop: Any) -> None:
    from tmon.server.tenants import accounts, annotating
    from tmon.server.tenants.models import Annotation

    annotating.add(shop, shop.owner, NOW, "gone")
    wsid = shop.wsid
    accounts.delete_webservice(wsid)
    assert not Annotation.objects.filter(webservice_id=wsid).exists()


def test_as_a_table_a_text_that_looks_like_a_formula_is_harmless(shop: Any) -> None:
    client = logged_in(shop.owner)
    number = send(client, shop, {"text": "=1+1", "t": "2024-05-15T10:00:00Z"}).json()["results"]["id"]
    table = client.get(f"/{shop.wsid}/data/annotations", {"format": "csv"}).content.decode().splitlines()
    assert table[0] == "id,t,text,by,created"
    assert table[1].startswith(f"{number},2024-05-15T12:00:00.000+02:00,'=1+1,{shop.owner.username},")
