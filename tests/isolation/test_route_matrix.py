# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route of the URL conf, asked for by everyone who may ask. A route without an expectation fails this test."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tmon.server.calendar import Calendar
from tmon.server.catalogue import read_views
from tmon.server.events import Agent, Event, Rejected
from tmon.server.store.base import Envelope
from tmon.server.store.sqlite import open_store
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0

MANAGERS = ("owner", "manager", "token", "token of a manager")
READERS = (*MANAGERS, "viewer", "token of the web service")
STRANGERS = ("stranger", "token of a stranger", "token of another web service", "administrator")
NOBODY = (
    "anonymous",
    "revoked token",
    "invented token",
    "revoked token beside a login",
    "token as a parameter",
    "share link",
)
ASKERS = (*READERS, *STRANGERS, *NOBODY)


def per_asker(readers: int, strangers: int, nobody: int) -> dict[str, int]:
    return {
        **dict.fromkeys(READERS, readers),
        **dict.fromkeys(STRANGERS, strangers),
        **dict.fromkeys(NOBODY, nobody),
    }


DATA = per_asker(200, 404, 401)
MANAGED = {**per_asker(403, 404, 401), **dict.fromkeys(MANAGERS, 200)}
PAGE = {**per_asker(200, 404, 401), "anonymous": 302, "token as a parameter": 302, "share link": 302}
ADMIN = {**dict.fromkeys(ASKERS, 302), "administrator": 200}
EVERYBODY = dict.fromkeys(ASKERS, 200)
SHARED = {**dict.fromkeys(ASKERS, 404), "share link": 200}
LOGGED_IN = ("owner", "manager", "viewer", "stranger", "administrator", "revoked token beside a login")
MANAGED_PAGE = {**PAGE, "viewer": 403, "token of the web service": 403}
OWNED_PAGE = {**MANAGED_PAGE, "manager": 403, "token of a manager": 403}
ACCOUNT = {asker: 200 if asker in LOGGED_IN else 302 for asker in ASKERS}
ACCOUNT_ACT = {asker: 405 if asker in LOGGED_IN else 302 for asker in ASKERS}

EXPECTED: dict[str, tuple[str, dict[str, int]]] = {
    # route: (path, with the web service's id for {wsid}; status of a GET per asker)
    "": ("/", EVERYBODY),
    "login": ("/login", EVERYBODY),
    "logout": ("/logout", {asker: 200 if asker in LOGGED_IN else 302 for asker in ASKERS}),
    "view/dashboard/": ("/view/dashboard/", dict.fromkeys(ASKERS, 302)),
    "view/live/<wsid:wsid>": ("/view/live/{wsid}", PAGE),
    "view/dashboard/<wsid:wsid>": ("/view/dashboard/{wsid}", PAGE),
    "settings/": ("/settings/", ACCOUNT),
    "settings/leave/<wsid:wsid>": ("/settings/leave/{wsid}", ACCOUNT_ACT),
    "settings/tokens": ("/settings/tokens", ACCOUNT),
    "settings/tokens/<wsid:token>/revoke": ("/settings/tokens/1/revoke", ACCOUNT_ACT),
    "settings/password": ("/settings/password", ACCOUNT),
    "settings/email": ("/settings/email", ACCOUNT),
    "password/lost": ("/password/lost", EVERYBODY),
    "password/set/<str:uidb64>/<str:token>": ("/password/set/MQ/of-nobody", dict.fromkeys(ASKERS, 404)),
    "password/done": ("/password/done", EVERYBODY),
    "invitation/<str:token>": ("/invitation/{invitation}", EVERYBODY),
    "view/settings/<wsid:wsid>": ("/view/settings/{wsid}", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/keys": ("/view/settings/{wsid}/keys", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/members": ("/view/settings/{wsid}/members", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/invitations": ("/view/settings/{wsid}/invitations", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/sharing": ("/view/settings/{wsid}/sharing", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/alerts": ("/view/settings/{wsid}/alerts", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/sessions": ("/view/settings/{wsid}/sessions", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/modules": ("/view/settings/{wsid}/modules", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/privacy": ("/view/settings/{wsid}/privacy", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/sources": ("/view/settings/{wsid}/sources", PAGE),
    "view/settings/<wsid:wsid>/quarantine": ("/view/settings/{wsid}/quarantine", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/erase": ("/view/settings/{wsid}/erase", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/audit": ("/view/settings/{wsid}/audit", MANAGED_PAGE),
    "view/settings/<wsid:wsid>/delete": ("/view/settings/{wsid}/delete", OWNED_PAGE),
    "<wsid:wsid>/data/users/<str:view>": ("/{wsid}/data/users/country", DATA),
    "<wsid:wsid>/data/users/locations/<str:ne_lat>/<str:ne_lng>/<str:sw_lat>/<str:sw_lng>": (
        "/{wsid}/data/users/locations/90/180/-90/-180",
        DATA,
    ),
    "<wsid:wsid>/data/requests/<str:grain>/<str:limit>": ("/{wsid}/data/requests/hour/24", DATA),
    "<wsid:wsid>/data/summary": ("/{wsid}/data/summary", DATA),
    "<wsid:wsid>/data/events": ("/{wsid}/data/events", DATA),
    "<wsid:wsid>/data/sessions": ("/{wsid}/data/sessions", DATA),
    "<wsid:wsid>/data/sessions/live": ("/{wsid}/data/sessions/live", DATA),
    "<wsid:wsid>/data/sessions/<str:grain>/<str:limit>": ("/{wsid}/data/sessions/hour/24", DATA),
    "<wsid:wsid>/data/modules": ("/{wsid}/data/modules", DATA),
    "<wsid:wsid>/data/sources": ("/{wsid}/data/sources", DATA),
    "<wsid:wsid>/data/live": ("/{wsid}/data/live", DATA),
    "<wsid:wsid>/data/quarantine": ("/{wsid}/data/quarantine", MANAGED),
    "share/<slug:slug>": ("/share/{slug}", EVERYBODY),  # it has no password
    "share/<slug:slug>/data/users/<str:view>": ("/share/{slug}/data/users/country", SHARED),
    "share/<slug:slug>/data/users/locations/<str:ne_lat>/<str:ne_lng>/<str:sw_lat>/<str:sw_lng>": (
        "/share/{slug}/data/users/locations/90/180/-90/-180",
        SHARED,
    ),
    "share/<slug:slug>/data/requests/<str:grain>/<str:limit>": (
        "/share/{slug}/data/requests/hour/24",
        SHARED,
    ),
    "share/<slug:slug>/data/summary": ("/share/{slug}/data/summary", SHARED),
    "share/<slug:slug>/data/live": ("/share/{slug}/data/live", SHARED),
    "<wsid:wsid>/data/annotations": ("/{wsid}/data/annotations", DATA),
    "<wsid:wsid>/data/annotations/<id:number>": ("/{wsid}/data/annotations/{annotation}", DATA),
    "<wsid:wsid>/data/limits": ("/{wsid}/data/limits", DATA),
    "<wsid:wsid>/data/warnings": ("/{wsid}/data/warnings", DATA),
}
ADMINISTRATION = "admin/"


WRITTEN: dict[str, tuple[str, dict[str, Any] | None, int]] = {
    # what managers do: (route, content of a POST or None for a DELETE, status)
    "note something": ("<wsid:wsid>/data/annotations", {"text": "a release"}, 201),
    "change it": ("<wsid:wsid>/data/annotations/<id:number>", {"text": "another"}, 200),
    "delete it": ("<wsid:wsid>/data/annotations/<id:number>", None, 200),
    "set a limit": ("<wsid:wsid>/data/limits", {"object": "of the matrix", "minutes": 5}, 200),
    "remove it": ("<wsid:wsid>/data/limits", None, 200),
}


@dataclass
class Asker:
    """Somebody with a browser or a program."""

    client: Any
    headers: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)

    guest: bool = False

    def get(self, path: str, method: str = "get", **parameters: str) -> Any:
        ask = getattr(self.client, method)
        response = ask(path, {**self.parameters, **parameters}, headers=self.headers)
        if not self.guest:  # whoever has looked at a link's page is a guest as well
            self.client.cookies.pop("tmon_share", None)
        return response


@dataclass
class Matrix:
    wsid: int
    foreign: int
    annotation: int
    slug: str
    invitation: str
    askers: dict[str, Asker]
    wire: Callable[[], None]

    def path(self, route: str, wsid: int | None = None) -> str:
        """An address of the route, at the web service unless another one is said."""
        return EXPECTED[route][0].format(
            wsid=wsid or self.wsid,
            annotation=self.annotation,
            slug=self.slug,
            invitation=self.invitation,
        )


@pytest.fixture
def matrix(made: Matrix) -> Matrix:
    """The web services and askers, with the views asking their store."""
    made.wire()
    made.askers["share link"].get(f"/share/{made.slug}")
    return made


@pytest.fixture(scope="module")
def made(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    from django.test import Client

    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring, accounts, annotating, invitations, sharing

    users = {
        name: accounts.create_user(f"matrix-{name}", admin=name == "administrator")[0]
        for name in ("owner", "manager", "viewer", "stranger", "administrator")
    }
    shop = accounts.create_webservice("matrix", users["owner"], "Europe/Vienna").webservice
    wsid = shop.wsid
    other = accounts.create_webservice("matrix, another of the owner", users["owner"]).webservice.wsid
    foreign = accounts.create_webservice("matrix, of the stranger", users["stranger"]).webservice.wsid
    accounts.add_member(wsid, users["manager"], "manager")
    accounts.add_member(wsid, users["viewer"], "viewer")

    slug = sharing.create(shop, "secret-of-the-owner")[1]
    invitation = invitations.create(shop, "viewer", users["owner"])[1]
    annotation = annotating.add(shop, users["owner"], NOW, "secret-of-the-owner").pk

    revoked, revoked_text = accounts.create_token(users["owner"])
    accounts.revoke_token(revoked.pk)
    token = accounts.create_token(users["owner"])[1]

    def logged_in(name: str, **headers: str) -> Asker:
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(users[name], backend="django.contrib.auth.backends.ModelBackend")
        return Asker(client, headers)

    def bearer(text: str) -> Asker:
        return Asker(Client(SERVER_NAME="127.0.0.1"), {"Authorization": f"Bearer {text}"})

    askers = {
        "owner": logged_in("owner"),
        "manager": logged_in("manager"),
        "viewer": logged_in("viewer"),
        "token": bearer(token),
        "token of a manager": bearer(accounts.create_token(users["manager"])[1]),
        "token of the web service": bearer(accounts.create_token(users["viewer"], wsid)[1]),
        "stranger": logged_in("stranger"),
        "token of a stranger": bearer(accounts.create_token(users["stranger"])[1]),
        "token of another web service": bearer(accounts.create_token(users["owner"], other)[1]),
        "administrator": logged_in("administrator"),
        "anonymous": Asker(Client(SERVER_NAME="127.0.0.1")),
        "revoked token": bearer(revoked_text),
        "invented token": bearer("tmon_" + "A" * 43),
        "revoked token beside a login": logged_in("owner", Authorization=f"Bearer {revoked_text}"),
        "token as a parameter": Asker(Client(SERVER_NAME="127.0.0.1"), parameters={"token": token}),
        "share link": Asker(Client(SERVER_NAME="127.0.0.1"), guest=True),
    }

    store = open_store(tmp_path_factory.mktemp("matrix"))
    store.sync_views(read_views([shipped("views")]))
    for number, (one, path) in enumerate([(wsid, "/secret-of-the-owner"), (foreign, "/of-the-stranger")]):
        calendar = Calendar([(float("-inf"), "UTC")])
        event = Event(ts_ms=int(NOW * 1000), hour=calendar.hour(NOW), agent=Agent(useragent="x"), path=path)
        envelope = Envelope(wsid=one, id=bytes([number] * 16), received_ms=int(NOW * 1000), events=[event])
        envelope.rejected, envelope.payloads = [Rejected(1, "no url", "url missing")], [("url missing", path)]
        store.append([envelope])
    keyring = Keyring()
    keyring.refresh()

    def wire() -> None:
        services.wire(store, lambda timeout_s: store.settle(), keyring, lambda: NOW)

    yield Matrix(wsid, foreign, annotation, slug, invitation, askers, wire)
    store.close()


def routes() -> list[str]:
    """Every route of the URL conf, as it is written there."""
    from django.urls import URLPattern, get_resolver

    found: list[str] = []

    def walk(patterns: Any, prefix: str) -> None:
        for one in patterns:
            route = prefix + str(one.pattern)
            if isinstance(one, URLPattern):
                found.append(route)
            else:
                walk(one.url_patterns, route)

    walk(get_resolver().url_patterns, "")
    return found


def test_every_route_has_an_expectation_and_every_expectation_a_route(prepared: Path) -> None:
    found = {route for route in routes() if not route.startswith(ADMINISTRATION)}
    assert found == set(EXPECTED)


def test_every_expectation_names_every_asker() -> None:
    for route, (_, expected) in EXPECTED.items():
        assert set(expected) == set(ASKERS), route


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("route", EXPECTED)
def test_a_route_answers_each_asker_as_expected(matrix: Matrix, route: str, asker: str) -> None:
    path, expected = EXPECTED[route]
    response = matrix.askers[asker].get(matrix.path(route))
    assert response.status_code == expected[asker]
    if "/data/" in path:
        assert json.loads(response.content)["status_code"] == expected[asker]
        assert "no-store" in response["Cache-Control"]
    if expected[asker] not in (200, 302) and ("/data/" in path or expected[asker] == 401):
        assert set(json.loads(response.content)) == {"status_code", "message"}


@pytest.mark.parametrize("asker", [*STRANGERS, *NOBODY])
@pytest.mark.parametrize("route", [route for route in EXPECTED if "<wsid:wsid>" in route])
def test_whoever_may_not_read_cannot_tell_whether_it_is_there(matrix: Matrix, route: str, asker: str) -> None:
    def seen(wsid: int) -> tuple[int, str, dict[str, str]]:
        """The answer, but for what was asked for (a login leads back there) and the random token of the page's form."""
        response = matrix.askers[asker].get(matrix.path(route, wsid))
        headers = dict(response.headers)
        if "Location" in headers:
            assert headers["Location"].startswith("/login?next=")
            headers["Location"] = headers["Location"].replace(f"/{wsid}", "/WSID")
        content = re.sub(r'(name="csrfmiddlewaretoken" value=")\w+', r"\1", response.content.decode())
        return response.status_code, content, headers

    there = seen(matrix.wsid)
    assert there == seen(999_999_999)
    assert "secret" not in there[1]


FORMS = [route for route in EXPECTED if route.startswith("view/settings/")]
CHANGEABLE = ("/annotations", "/annotations/<id:number>", "/limits")
READ_ONLY_PAGES = ("sources", "quarantine", "audit")


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("route", FORMS)
def test_a_form_is_taken_from_those_who_see_it_and_never_from_a_token(
    matrix: Matrix, route: str, asker: str
) -> None:
    path, expected = EXPECTED[route]
    wanted = expected[asker]
    if wanted == 200 and "token" in asker:
        wanted = 403
    elif wanted == 200 and route.endswith(READ_ONLY_PAGES):
        wanted = 405
    response = matrix.askers[asker].get(path.format(wsid=matrix.wsid), "post")
    assert response.status_code == wanted


@pytest.mark.parametrize("asker", [*STRANGERS, *NOBODY])
@pytest.mark.parametrize("route", FORMS)
def test_a_form_of_a_stranger_does_not_tell_whether_it_is_there(
    matrix: Matrix, route: str, asker: str
) -> None:
    path = EXPECTED[route][0]
    there, nowhere = (
        matrix.askers[asker].get(path.format(wsid=wsid), "post").status_code
        for wsid in (matrix.wsid, 999_999_999)
    )
    assert there == nowhere


@pytest.mark.parametrize("asker", READERS)
def test_readers_see_their_own_web_service_only(matrix: Matrix, asker: str) -> None:
    own = matrix.askers[asker].get(f"/{matrix.wsid}/data/users/url")
    assert [row["key"] for row in json.loads(own.content)["results"]] == ["/secret-of-the-owner"]
    assert matrix.askers[asker].get(f"/{matrix.foreign}/data/users/url").status_code == 404


@pytest.mark.parametrize("asker", MANAGERS)
def test_managers_see_their_own_quarantine_only(matrix: Matrix, asker: str) -> None:
    own = matrix.askers[asker].get(f"/{matrix.wsid}/data/quarantine")
    assert [row["payload"] for row in json.loads(own.content)["results"]] == ["/secret-of-the-owner"]
    assert matrix.askers[asker].get(f"/{matrix.foreign}/data/quarantine").status_code == 404


def test_a_viewer_is_told_whose_the_quarantine_is(matrix: Matrix) -> None:
    refused = matrix.askers["viewer"].get(f"/{matrix.wsid}/data/quarantine")
    assert json.loads(refused.content) == {
        "status_code": 403,
        "message": "This is for the managers and the owner of this web service.",
    }


def test_a_stranger_reads_his_own(matrix: Matrix) -> None:
    own = matrix.askers["stranger"].get(f"/{matrix.foreign}/data/users/url")
    assert [row["key"] for row in json.loads(own.content)["results"]] == ["/of-the-stranger"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize(
    "route", [route for route in EXPECTED if "/data/" in route and not route.endswith(CHANGEABLE)]
)
def test_data_can_only_be_read(matrix: Matrix, route: str, method: str) -> None:
    from django.test import Client

    path = matrix.path(route)
    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    if "slug" in route:
        client.cookies.update(matrix.askers["share link"].client.cookies)
    response = getattr(client, method)(path, headers=matrix.askers["token"].headers)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert json.loads(response.content)["status_code"] == 405


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("act", WRITTEN)
def test_only_managers_who_are_logged_in_write(matrix: Matrix, act: str, asker: str) -> None:
    from django.contrib.auth.models import User

    from tmon.server.limits import limiting
    from tmon.server.limits.models import Limit
    from tmon.server.tenants import annotating
    from tmon.server.tenants.models import WebService

    shop, owner = WebService.objects.get(pk=matrix.wsid), User.objects.get(username="matrix-owner")
    number = annotating.add(shop, owner, NOW, "as it was").pk
    route, content, done = WRITTEN[act]
    path = EXPECTED[route][0].format(wsid=matrix.wsid, annotation=number)
    client, headers = matrix.askers[asker].client, matrix.askers[asker].headers
    limits = route.endswith("/limits")
    if limits and content is None:
        limiting.put(shop, owner, "of the matrix", 7)
        path += "?object=of%20the%20matrix"
    if content is None:
        response = client.delete(path, headers=headers)
    else:
        response = client.post(path, json.dumps(content), content_type="application/json", headers=headers)
    expected = {**per_asker(403, 404, 401), "owner": done, "manager": done}
    assert response.status_code == json.loads(response.content)["status_code"] == expected[asker]
    if expected[asker] != done:
        assert annotating.one(matrix.wsid, number).text == "as it was"
        assert [one.minutes for one in limiting.of_webservice(matrix.wsid)] == [7] * (
            limits and content is None
        )
    Limit.objects.filter(webservice=shop).delete()


@pytest.mark.parametrize("method", ["put", "patch", "options"])
@pytest.mark.parametrize("route", [route for route in EXPECTED if route.endswith(CHANGEABLE)])
def test_what_can_be_written_is_written_by_no_other_method(matrix: Matrix, route: str, method: str) -> None:
    response = getattr(matrix.askers["owner"].client, method)(matrix.path(route))
    allowed = "GET, HEAD, POST" + ("" if route.endswith("annotations") else ", DELETE")
    assert (response.status_code, response["Allow"]) == (405, allowed)


def test_a_member_who_is_one_no_more_reads_nothing(matrix: Matrix) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts

    user, _ = accounts.create_user("matrix-leaver")
    accounts.add_member(matrix.wsid, user, "viewer")
    text = accounts.create_token(user, matrix.wsid)[1]
    asker = Asker(Client(SERVER_NAME="127.0.0.1"), {"Authorization": f"Bearer {text}"})
    path = f"/{matrix.wsid}/data/summary"
    assert asker.get(path).status_code == 200
    accounts.remove_member(matrix.wsid, user)
    assert asker.get(path).status_code == 404


@pytest.mark.parametrize("asker", ASKERS)
def test_the_administration_is_for_administrators(matrix: Matrix, asker: str) -> None:
    assert matrix.askers[asker].get("/admin/").status_code == ADMIN[asker]
    for route in routes():
        if not route.startswith(ADMINISTRATION) or asker == "administrator":
            continue
        path = "/" + route.replace("<path:object_id>", "1").replace(
            "<path:content_type_id>/<path:object_id>", "1/1"
        )
        if "<" in path or "(" in path or "^" in path or path == "/admin/login/":
            continue
        response = matrix.askers[asker].get(path)
        assert response.status_code in (302, 403), path
        assert b"matrix" not in response.content


@pytest.mark.parametrize(
    "path", ["events", "sources", "quarantine", "annotations", "annotations/1", "limits", "warnings", "", "x"]
)
def test_a_guest_finds_nothing_else_under_his_link(matrix: Matrix, path: str) -> None:
    response = matrix.askers["share link"].get(f"/share/{matrix.slug}/data/{path}")
    assert (response.status_code, json.loads(response.content)["status_code"]) == (404, 404)


@pytest.mark.parametrize("view", ["username", "source", "status", "method", "latency", "nothing"])
def test_a_guest_can_neither_ask_for_what_is_not_public_nor_filter_by_it(matrix: Matrix, view: str) -> None:
    guest = matrix.askers["share link"]
    assert guest.get(f"/share/{matrix.slug}/data/users/{view}").status_code == 404
    for path in ("summary", "users/country", "requests/hour/24", "users/locations/90/180/-90/-180"):
        address = f"/share/{matrix.slug}/data/{path}"
        assert guest.get(address, filter=f"{view}:*").status_code == 404
        assert guest.get(address, filter=f"!{view}:").status_code == 404
        assert guest.get(address, filter="country:DE").status_code == 200


def test_a_guest_sees_the_web_service_of_his_link_only(matrix: Matrix) -> None:
    guest = matrix.askers["share link"]
    own = guest.get(f"/share/{matrix.slug}/data/users/url")
    assert [row["key"] for row in json.loads(own.content)["results"]] == ["/secret-of-the-owner"]
    for wsid in (matrix.wsid, matrix.foreign):
        assert guest.get(f"/{wsid}/data/users/url").status_code == 401
    assert "secret-of-the-owner" not in guest.get(f"/share/{matrix.slug}").content.decode()


@pytest.mark.parametrize("asker", ASKERS)
def test_an_invitation_says_where_to_and_shows_nothing_of_it(matrix: Matrix, asker: str) -> None:
    page = matrix.askers[asker].get(f"/invitation/{matrix.invitation}").content.decode()
    assert "matrix-owner" in page
    assert "secret" not in page
    without = page.replace(
        matrix.invitation, ""
    )  # one in 16 of them begins with the number of the web service
    assert f"/{matrix.wsid}" not in without
