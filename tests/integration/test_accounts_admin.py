# SPDX-License-Identifier: GPL-3.0-or-later
"""The administration as an administrator uses it: forms, filled in and sent."""

from __future__ import annotations

import html
import itertools
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

SECRET = re.compile(r"tmon\+http://([0-9a-f]{64})@127\.0\.0\.1:8000/([0-9]+)")
NUMBERS = itertools.count()


class Form(HTMLParser):
    """Collects what the browser would send with the form whose id is `wanted`."""

    def __init__(self, page: str, wanted: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._wanted, self._inside, self._select = wanted, False, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = values.get("id") == self._wanted
        elif (
            self._inside
            and tag == "input"
            and values.get("name")
            and values.get("type") not in ("submit", "checkbox")
        ):
            self.values[values["name"]] = values.get("value", "")
        elif self._inside and tag == "select":
            self._select = values.get("name", "")
        elif self._inside and tag == "option" and "selected" in values:
            self.values[self._select] = values["value"]


@pytest.fixture
def name() -> str:
    return f"admin-{time.monotonic_ns()}-{next(NUMBERS)}"


@pytest.fixture
def administrator(prepared: Path, name: str) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user(name, admin=True)[0]


@pytest.fixture
def client(administrator: Any) -> Any:
    from django.test import Client

    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", HTTP_HOST="127.0.0.1:8000")
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def made(administrator: Any, name: str) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_webservice(f"shop {name}", administrator)


def send(client: Any, path: str, form: str, **values: Any) -> Any:
    page = client.get(path).content.decode()
    return client.post(path, Form(page, form).values | values, follow=True)


def act(client: Any, model: str, action: str, *ids: int) -> Any:
    path = f"/admin/tenants/{model}/"
    return send(client, path, "changelist-form", action=action, _selected_action=[str(one) for one in ids])


def log_of_changes() -> str:
    from django.contrib.admin.models import LogEntry

    return " ".join(f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all())


def test_a_web_service_is_created_and_its_id_and_secret_are_seen_on_save(client: Any, name: str) -> None:
    from tmon.server.tenants import Keyring
    from tmon.server.tenants.models import WebService

    response = send(
        client,
        "/admin/tenants/webservice/add/",
        "webservice_form",
        name=f"new {name}",
        timezone="Asia/Kathmandu",
    )
    row = WebService.objects.get(name=f"new {name}")
    assert response.redirect_chain == [(f"/admin/tenants/webservice/{row.wsid}/change/", 302)]
    page = html.unescape(response.content.decode())
    found = SECRET.findall(page)
    assert [wsid for _, wsid in found] == [str(row.wsid)]
    assert "is ready. Its id and its DSN are below." in page
    assert "no-store" in response["Cache-Control"]
    assert row.owner.username == name
    assert row.zones() == ((float("-inf"), "Asia/Kathmandu"),)
    keyring = Keyring()
    keyring.refresh()
    assert [key.secret.hex() for key in keyring.services()[row.wsid].keys] == [found[0][0]]


def test_a_name_that_is_taken_and_a_zone_that_is_none_are_said_in_the_form(client: Any, made: Any) -> None:
    response = send(
        client,
        "/admin/tenants/webservice/add/",
        "webservice_form",
        name=made.webservice.name,
        timezone="Mars/Olympus",
    )
    page = html.unescape(response.content.decode())
    assert "Web service with this Name already exists." in page
    assert "'Mars/Olympus' is not a time zone" in page


def test_the_secret_is_in_no_list_and_in_no_log(client: Any, made: Any) -> None:
    act(client, "webservice", "rotate_key", made.webservice.wsid)
    secrets = [secret for secret, _ in SECRET.findall(change_page(client, made))]
    assert len(secrets) == 2
    assert made.secret.hex() in secrets
    lists = [
        client.get(f"/admin/{path}").content.decode() for path in ("tenants/webservice/", "tenants/key/", "")
    ]
    history = client.get(f"/admin/tenants/webservice/{made.webservice.wsid}/history/").content.decode()
    for text in (*lists, history, log_of_changes()):
        assert not any(secret in text for secret in secrets)


def change_page(client: Any, made: Any) -> str:
    page: str = client.get(f"/admin/tenants/webservice/{made.webservice.wsid}/change/").content.decode()
    return html.unescape(page)


def test_a_key_is_rotated_and_the_older_one_revoked_by_actions(client: Any, made: Any) -> None:
    wsid = made.webservice.wsid
    assert (
        "has a new key; its DSN is on its page"
        in act(client, "webservice", "rotate_key", wsid).content.decode()
    )
    third = act(client, "webservice", "rotate_key", wsid).content.decode()
    assert f"web service {wsid} has 2 active keys; revoke one of them first" in third
    assert len(SECRET.findall(change_page(client, made))) == 2
    assert "has one active key left" in act(client, "webservice", "revoke_older_key", wsid).content.decode()
    ((secret, _),) = SECRET.findall(change_page(client, made))
    assert secret != made.secret.hex()


def test_the_last_key_is_revoked_in_the_list_of_keys(client: Any, made: Any) -> None:
    assert (
        f"Key {made.key.pk} of {made.webservice.name} is revoked."
        in act(client, "key", "revoke", made.key.pk).content.decode()
    )
    assert "no active key" in change_page(client, made)


def test_a_member_is_added_on_the_page_of_the_web_service(client: Any, made: Any, name: str) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import Role, role_of

    friend, _ = accounts.create_user(f"friend-{name}")
    members = {"memberships-0-user": str(friend.pk), "memberships-0-role": "manager"}
    send(client, f"/admin/tenants/webservice/{made.webservice.wsid}/change/", "webservice_form", **members)
    assert role_of(friend, made.webservice.wsid) is Role.MANAGER


def test_deleting_a_web_service_leaves_its_events_to_be_dropped(client: Any, made: Any) -> None:
    from tmon.server.tenants import deletions
    from tmon.server.tenants.models import WebService

    wsid = made.webservice.wsid
    path = f"/admin/tenants/webservice/{wsid}/delete/"
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    client.post(path, {"post": "yes", "csrfmiddlewaretoken": token[1]})
    assert not WebService.objects.filter(pk=wsid).exists()
    assert wsid in deletions.pending()


def test_an_owner_is_not_deleted_with_what_is_his(client: Any, made: Any, administrator: Any) -> None:
    page = client.get(f"/admin/auth/user/{administrator.pk}/delete/").content.decode()
    assert "would require deleting the following protected related objects" in page


def test_tokens_are_listed_and_revoked_but_neither_made_nor_shown(client: Any, administrator: Any) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import user_of_token

    token, text = accounts.create_token(administrator, name="report")
    page = client.get("/admin/tenants/token/").content.decode()
    assert "report" in page
    assert text not in page
    assert client.get("/admin/tenants/token/add/").status_code == 403
    assert user_of_token(text) is not None
    assert "API token report is revoked." in act(client, "token", "revoke", token.pk).content.decode()
    assert user_of_token(text) is None


def test_an_administrator_reads_the_data_of_no_web_service_that_is_not_his(client: Any, name: str) -> None:
    from tmon.server.tenants import accounts

    other, _ = accounts.create_user(f"other-{name}")
    made = accounts.create_webservice(f"private {name}", other)
    assert client.get(f"/{made.webservice.wsid}/data/summary").status_code == 404


def test_the_login_of_the_administration_is_the_one_login(prepared: Path) -> None:
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    response = client.get("/admin/tenants/webservice/", follow=True)
    assert [location for location, _ in response.redirect_chain][
        -1
    ] == "/login?next=/admin/tenants/webservice/"
    assert client.get("/admin/login/?next=//evil.example/")["Location"] == "/login?next=/admin/"
    posted = client.post("/admin/login/", {"username": "a", "password": "b"})
    assert (posted.status_code, posted["Location"]) == (302, "/login?next=/admin/")


def test_whoever_is_no_administrator_is_refused(prepared: Path, name: str) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(accounts.create_user(name)[0], backend="django.contrib.auth.backends.ModelBackend")
    response = client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "Only administrators may see this." in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "auth/user/",
        "auth/user/add/",
        "auth/group/",
        "tenants/webservice/",
        "tenants/webservice/add/",
        "tenants/webservice/{wsid}/change/",
        "tenants/webservice/{wsid}/history/",
        "tenants/webservice/{wsid}/delete/",
        "tenants/key/",
        "tenants/token/",
        "password_change/",
    ],
)
def test_the_administration_works_under_the_policy(client: Any, made: Any, path: str) -> None:
    response = client.get("/admin/" + path.format(wsid=made.webservice.wsid))
    page = response.content.decode()
    assert response.status_code == 200
    assert "script-src 'self'; style-src 'self'" in response["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son(?:click|load|change|submit)=|javascript:", page)
    scripts = re.findall(r"<script([^>]*)>", page)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
