# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log: what is done by functions, commands and in the administration is in it, without secrets."""

from __future__ import annotations

import datetime as dt
import getpass
import itertools
import json
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server_process import ServerProcess, until
from tests.integration.test_accounts_admin import act, send

NUMBERS = itertools.count()


@pytest.fixture
def name(prepared: Path) -> str:
    return f"audit-{time.monotonic_ns()}-{next(NUMBERS)}"


@pytest.fixture
def owner(name: str) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user(name)[0]


@pytest.fixture
def by(owner: Any) -> Any:
    from tmon.server.tenants import audit

    return audit.on_page(owner)


def acts(wsid: int) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Who did what by which way to a web service, oldest first."""
    from tmon.server.tenants import audit

    return [(one.actor, one.way, one.act, one.details) for one in reversed(audit.of_webservice(wsid))]


def test_what_is_done_to_a_web_service_is_in_its_log(name: str, owner: Any, by: Any) -> None:
    from tmon.server.tenants import accounts, keys

    friend, _ = accounts.create_user(f"friend-{name}")
    made = accounts.create_webservice(f"shop {name}", owner, by=by)
    wsid = made.webservice.wsid
    accounts.change_webservice(wsid, by, retention_days=30, timezone="UTC")
    second = keys.issue(wsid, by)
    keys.revoke(wsid, by=by)
    accounts.add_member(wsid, friend, "viewer", by)
    accounts.add_member(wsid, friend, "viewer", by)
    accounts.add_member(wsid, friend, "manager", by)
    token, _ = accounts.create_token(friend, wsid, "report", by)
    accounts.revoke_token(token.pk, by)
    accounts.remove_member(wsid, friend, by)
    accounts.delete_webservice(wsid, by)
    them = friend.get_username()
    assert [(act, details) for _, _, act, details in acts(wsid)] == [
        ("webservice-created", {"owner": name}),
        ("key-issued", {"key": made.key.pk}),
        ("webservice-changed", {"retention_days": "14 → 30"}),
        ("key-issued", {"key": second.pk}),
        ("key-revoked", {"key": made.key.pk}),
        ("member-added", {"user": them, "role": "viewer"}),
        ("member-changed", {"user": them, "role": "manager"}),
        ("token-created", {"user": them, "token": token.pk, "name": "report"}),
        ("token-revoked", {"user": them, "token": token.pk, "name": "report"}),
        ("member-removed", {"user": them}),
        ("webservice-deleted", {}),
    ]
    assert {(actor, way) for actor, way, _, _ in acts(wsid)} == {(name, "page")}


def test_what_is_refused_is_not_in_the_log(name: str, owner: Any, by: Any) -> None:
    from tmon.server.tenants import Refused, accounts

    wsid = accounts.create_webservice(f"shop {name}", owner, by=by).webservice.wsid
    before = acts(wsid)
    with pytest.raises(Refused):
        accounts.change_webservice(wsid, by, timezone="Mars/Olympus")
    with pytest.raises(Refused):
        accounts.add_member(wsid, owner, "viewer", by)
    with pytest.raises(Refused):
        accounts.create_webservice(f"shop {name}", owner, by=by)
    assert acts(wsid) == before


def test_entries_outlive_their_user_and_keep_the_name(name: str) -> None:
    from tmon.server.tenants import accounts, audit

    one, _ = accounts.create_user(f"leaver-{name}")
    made = accounts.create_webservice(f"shop {name}", accounts.create_user(f"stays-{name}")[0])
    audit.record(audit.on_page(one), audit.Act.KEY_ISSUED, made.webservice, key=1)
    one.delete()
    assert acts(made.webservice.wsid)[-1] == (f"leaver-{name}", "page", "key-issued", {"key": 1})


def test_details_are_bounded(name: str, owner: Any, by: Any) -> None:
    from tmon.server.tenants import accounts, audit

    made = accounts.create_webservice(f"shop {name}", owner, by=by)
    entry = audit.record(
        by, audit.Act.KEY_ISSUED, made.webservice, **{f"{n:02}": "x" * 10_000 for n in range(50)}
    )
    entry.refresh_from_db()
    assert sorted(entry.details) == [f"{n:02}" for n in range(12)]
    assert {len(value) for value in entry.details.values()} == {200}


def test_no_secret_is_in_the_log(name: str, owner: Any, by: Any) -> None:
    from tmon.server.tenants import accounts, keys
    from tmon.server.tenants.models import AuditEntry

    made = accounts.create_webservice(f"shop {name}", owner, by=by)
    second = keys.secret_of(keys.issue(made.webservice.wsid, by)).hex()
    password = accounts.set_password(name, by=by)
    _, token = accounts.create_token(owner, name="report", by=by)
    kept = repr(list(AuditEntry.objects.values()))
    assert name in kept
    assert not any(secret in kept for secret in (made.secret.hex(), second, password, token))


def test_an_act_of_an_unknown_kind_is_shown_by_its_name(name: str, owner: Any, by: Any) -> None:
    from tmon.server.tenants import audit

    assert audit.in_words(audit.record(by, "of-a-later-version")) == "of-a-later-version"


def test_what_is_done_in_the_administration_is_in_the_log(name: str) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import AuditEntry, WebService

    administrator, _ = accounts.create_user(name, admin=True)
    friend, _ = accounts.create_user(f"friend-{name}")
    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", HTTP_HOST="127.0.0.1:8000")
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    send(client, "/admin/tenants/webservice/add/", "webservice_form", name=f"new {name}", timezone="UTC")
    wsid = WebService.objects.get(name=f"new {name}").wsid
    change = f"/admin/tenants/webservice/{wsid}/change/"
    send(client, change, "webservice_form", retention_days="7")
    members = {"memberships-0-user": str(friend.pk), "memberships-0-role": "viewer"}
    send(client, change, "webservice_form", **members)
    send(client, change, "webservice_form", **{"memberships-0-role": "manager"})
    send(client, change, "webservice_form", **{"memberships-0-DELETE": "on"})
    act(client, "webservice", "rotate_key", wsid)
    act(client, "webservice", "revoke_older_key", wsid)
    page = client.get(f"/admin/tenants/webservice/{wsid}/delete/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    client.post(f"/admin/tenants/webservice/{wsid}/delete/", {"post": "yes", "csrfmiddlewaretoken": token[1]})
    assert [act for _, _, act, _ in acts(wsid)] == [
        "webservice-created",
        "key-issued",
        "webservice-changed",
        "member-added",
        "member-changed",
        "member-removed",
        "key-issued",
        "key-revoked",
        "webservice-deleted",
    ]
    assert {(actor, way) for actor, way, _, _ in acts(wsid)} == {(name, "administration")}

    send(client, f"/admin/auth/user/{friend.pk}/change/", "user_form", first_name="Erika")
    fresh = {"password1": "nine lives of a cat", "password2": "nine lives of a cat"}
    send(client, f"/admin/auth/user/{friend.pk}/password/", "user_form", **fresh)
    of_user = AuditEntry.objects.filter(details__user=f"friend-{name}", wsid__isnull=True).order_by("id")
    assert [(one.act, one.way) for one in of_user] == [
        ("user-created", "command"),
        ("user-changed", "administration"),
        ("password-changed", "administration"),
    ]
    listed = client.get("/admin/tenants/auditentry/", {"q": str(wsid)}).content.decode()
    assert "deleted the web service" in listed
    assert f"new {name} ({wsid})" in listed
    assert client.get("/admin/tenants/auditentry/add/").status_code == 403


def test_a_refused_member_is_said_in_the_administration(name: str) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts

    administrator, _ = accounts.create_user(name, admin=True)
    wsid = accounts.create_webservice(f"shop {name}", administrator).webservice.wsid
    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", HTTP_HOST="127.0.0.1:8000")
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    members = {"memberships-0-user": str(administrator.pk), "memberships-0-role": "viewer"}
    page = send(client, f"/admin/tenants/webservice/{wsid}/change/", "webservice_form", **members)
    assert "owns web service" in page.content.decode()


def test_tokens_that_the_administration_deletes_are_in_the_log_as_revoked(name: str) -> None:
    from django.test import Client

    from tmon.server.tenants import accounts

    administrator, _ = accounts.create_user(name, admin=True)
    wsid = accounts.create_webservice(f"shop {name}", administrator).webservice.wsid
    token, _ = accounts.create_token(administrator, wsid, "report")
    client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", HTTP_HOST="127.0.0.1:8000")
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    page = act(client, "token", "delete_selected", token.pk).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found is not None
    confirmed = {"post": "yes", "action": "delete_selected", "_selected_action": str(token.pk)}
    client.post("/admin/tenants/token/", {**confirmed, "csrfmiddlewaretoken": found[1]})
    assert acts(wsid)[-1][:3] == (name, "administration", "token-revoked")


def test_commands_are_in_the_log_and_old_entries_go(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.command("user", "create", "jo")
    made = json.loads(server.command("webservice", "create", "shop.example", "--owner", "jo", "--json"))
    server.command("webservice", "delete", str(made["wsid"]))
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as database, database:
        found = database.execute(
            "SELECT actor, way, act FROM tenants_auditentry WHERE wsid = ? ORDER BY id", [made["wsid"]]
        )
        assert list(found) == [
            (getpass.getuser(), "command", "webservice-created"),
            (getpass.getuser(), "command", "key-issued"),
            (getpass.getuser(), "command", "webservice-deleted"),
        ]
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=731)
        database.execute(
            "UPDATE tenants_auditentry SET at = ? WHERE act = 'key-issued'",
            [long_ago.replace(tzinfo=None).isoformat(" ")],
        )

    def kept() -> int:
        with closing(sqlite3.connect(tmp_path / "accounts.db", timeout=30)) as database:
            return int(
                database.execute(
                    "SELECT count(*) FROM tenants_auditentry WHERE act = 'key-issued'"
                ).fetchone()[0]
            )

    with server:
        until(lambda: kept() == 0, "the old entry is deleted")
    assert server.troubles == []
