# SPDX-License-Identifier: GPL-3.0-or-later
"""Invitations: links that make members, once; and who may send, accept and end them."""

from __future__ import annotations

import datetime as dt
import html
import itertools
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NUMBERS = itertools.count(1)
ADDRESSES = (f"198.51.101.{number}" for number in itertools.count(1))
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def people(prepared: Path) -> dict[str, Any]:
    from tmon.server.tenants import accounts

    return {
        name: accounts.create_user(f"inviting-{name}", password=PASSWORD)[0]
        for name in ("owner", "manager", "viewer", "stranger")
    }


@pytest.fixture
def shop(people: dict[str, Any]) -> Any:
    from tmon.server.tenants import accounts

    webservice = accounts.create_webservice(f"<b>inviting {next(NUMBERS)}</b>", people["owner"]).webservice
    accounts.add_member(webservice.wsid, people["manager"], "manager")
    accounts.add_member(webservice.wsid, people["viewer"], "viewer")
    return webservice


@pytest.fixture
def browser(prepared: Path) -> Callable[..., Any]:
    from django.test import Client

    def make(user: Any = None) -> Any:
        client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1", REMOTE_ADDR=next(ADDRESSES))
        if user is not None:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make


def send(client: Any, path: str, **values: str) -> Any:
    """Send a form of the page at `path`."""
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None, page
    return client.post(path, {**values, "csrfmiddlewaretoken": token[1]})


def invite(shop: Any, by: Any, role: str = "viewer", email: str = "") -> str:
    """The path of a new invitation."""
    from tmon.server.tenants import invitations

    return f"/invitation/{invitations.create(shop, role, by, email)[1]}"


def role_in(shop: Any, user: Any) -> str | None:
    from tmon.server.tenants.rights import role_of

    role = role_of(user, shop.wsid)
    return role.name.lower() if role is not None else None


def new_name() -> str:
    return f"newcomer-{next(NUMBERS)}"


def test_somebody_with_an_account_joins(shop: Any, people: Any, browser: Any) -> None:
    path = invite(shop, people["manager"], "manager")
    client = browser(people["stranger"])
    page = client.get(path).content.decode()
    assert "inviting-manager" in page
    assert html.escape(shop.name) in page
    assert shop.name not in page
    joined = send(client, path)
    assert (joined.status_code, joined["Location"]) == (302, f"/view/dashboard/{shop.wsid}")
    assert role_in(shop, people["stranger"]) == "manager"


def test_somebody_new_makes_an_account_and_joins(shop: Any, people: Any, browser: Any) -> None:
    from django.contrib.auth.models import User

    path = invite(shop, people["owner"], email="new@example.org")
    client, name = browser(), new_name()
    page = client.get(path).content.decode()
    assert 'value="new@example.org"' in page
    joined = send(client, path, username=name, password=PASSWORD, again=PASSWORD, email="own@example.org")
    assert (joined.status_code, joined["Location"]) == (302, f"/view/dashboard/{shop.wsid}")
    user = User.objects.get(username=name)
    assert role_in(shop, user) == "viewer"
    assert user.email == "own@example.org"
    assert not user.is_staff
    assert user.check_password(PASSWORD)
    assert name in client.get("/").content.decode()


def test_the_address_that_was_invited_is_not_taken_unasked(shop: Any, people: Any, browser: Any) -> None:
    from django.contrib.auth.models import User

    name = new_name()
    path = invite(shop, people["owner"], email="of-the-inviter@example.org")
    send(browser(), path, username=name, password=PASSWORD, again=PASSWORD, email="")
    assert User.objects.get(username=name).email == ""


def test_an_invitation_is_accepted_once(shop: Any, people: Any, browser: Any) -> None:
    path = invite(shop, people["owner"])
    assert send(browser(people["stranger"]), path).status_code == 302
    again = browser().get(path)
    assert again.status_code == 404
    assert "can be used once" in again.content.decode()


def test_of_many_at_once_one_is_let_in(shop: Any, people: Any) -> None:
    from django.db import connections

    from tmon.server.tenants import NotFound, accounts, invitations

    token = invite(shop, people["owner"]).rpartition("/")[2]
    users = [accounts.create_user(new_name(), password=PASSWORD)[0] for _ in range(5)]
    outcomes: list[str] = []
    start = threading.Barrier(len(users))

    def try_(user: Any) -> None:
        start.wait()
        try:
            invitations.accept(token, user)
            outcomes.append("in")
        except NotFound:
            outcomes.append("too late")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=try_, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", *["too late"] * 4]
    assert sum(role_in(shop, user) == "viewer" for user in users) == 1


@pytest.mark.parametrize("how", ["unknown", "revoked", "over", "inviter left", "inviter is off", "deleted"])
def test_an_invitation_that_does_not_hold_is_none(shop: Any, people: Any, browser: Any, how: str) -> None:
    from django.utils import timezone

    from tmon.server.tenants import accounts, audit, invitations
    from tmon.server.tenants.models import Invitation

    inviter = accounts.create_user(new_name())[0]
    accounts.add_member(shop.wsid, inviter, "manager")
    path = invite(shop, inviter)
    row = Invitation.objects.get(webservice=shop)
    if how == "unknown":
        path = "/invitation/" + "A" * 43
    elif how == "revoked":
        invitations.revoke(row.pk, shop.wsid, audit.on_page(people["owner"]))
    elif how == "over":
        Invitation.objects.filter(pk=row.pk).update(expires=timezone.now() - dt.timedelta(seconds=1))
    elif how == "inviter left":
        accounts.add_member(shop.wsid, inviter, "viewer")
    elif how == "inviter is off":
        inviter.is_active = False
        inviter.save()
    else:
        accounts.delete_webservice(shop.wsid)
    for client in (browser(), browser(people["stranger"])):
        page = client.get(path)
        assert page.status_code == 404
        assert not re.search("inviting (?!stranger)", page.content.decode())
    assert role_in(shop, people["stranger"]) is None


def test_an_invitation_holds_for_seven_days(shop: Any, people: Any) -> None:
    from django.utils import timezone

    from tmon.server.tenants.models import Invitation

    invite(shop, people["owner"])
    left = Invitation.objects.get(webservice=shop).expires - timezone.now()
    assert dt.timedelta(days=6, hours=23) < left <= dt.timedelta(days=7)


@pytest.mark.parametrize("who", ["owner", "manager", "viewer"])
def test_whoever_may_as_much_already_leaves_it_for_others(
    shop: Any, people: Any, browser: Any, who: str
) -> None:
    path = invite(shop, people["owner"])
    response = send(browser(people[who]), path)
    assert response.status_code == 200
    assert "of this web service already" in response.content.decode()
    assert role_in(shop, people[who]) == who
    assert send(browser(people["stranger"]), path).status_code == 302


def test_a_viewer_becomes_a_manager(shop: Any, people: Any, browser: Any) -> None:
    send(browser(people["viewer"]), invite(shop, people["owner"], "manager"))
    assert role_in(shop, people["viewer"]) == "manager"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"username": "inviting-owner"}, "This name is taken on this server."),
        ({"username": "a b"}, "Enter a valid username."),
        ({"username": ""}, "This field is required."),
        ({"password": "short", "again": "short"}, "at least 10 characters"),
        ({"password": "password1234", "again": "password1234"}, "too common"),
        ({"again": "something else"}, "This is not the same password."),
        ({"email": "nobody"}, "Enter a valid email address."),
    ],
)
def test_an_account_that_can_not_be_is_not_made(
    shop: Any, people: Any, browser: Any, given: dict[str, str], why: str
) -> None:
    path = invite(shop, people["owner"])
    values = {"username": new_name(), "password": PASSWORD, "again": PASSWORD, "email": "", **given}
    response = send(browser(), path, **values)
    assert response.status_code == 200
    assert why in html.unescape(response.content.decode())
    assert PASSWORD not in response.content.decode()
    assert browser().get(path).status_code == 200


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_only_those_who_add_members_invite(shop: Any, people: Any, who: str) -> None:
    from tmon.server.tenants import Refused

    with pytest.raises(Refused, match="managers and the owner invite"):
        invite(shop, people[who])


def test_nobody_is_invited_as_the_owner(shop: Any, people: Any) -> None:
    from tmon.server.tenants import Refused

    with pytest.raises(Refused, match="'owner' is not a role"):
        invite(shop, people["owner"], "owner")


def test_only_the_hash_of_a_token_is_kept_and_no_log_has_it(shop: Any, people: Any, browser: Any) -> None:
    from tmon.server.tenants import audit
    from tmon.server.tenants.models import Invitation
    from tmon.settings.redaction import redact

    path = invite(shop, people["owner"])
    token = path.rpartition("/")[2]
    assert len(token) == 43
    row = Invitation.objects.filter(webservice=shop).values()[0]
    assert token not in str(row)
    send(browser(people["stranger"]), path)
    entries = list(audit.of_webservice(shop.wsid)[:3])
    assert [one.act for one in entries] == ["invitation-accepted", "member-added", "invited"]
    assert token not in str([one.details for one in entries])
    assert redact(f"request path={path} status=200") == "request path=/invitation/[secret] status=200"


def test_there_is_an_end_to_invitations(shop: Any, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.tenants import Refused, invitations

    monkeypatch.setattr(invitations, "MOST", 1)
    invite(shop, people["owner"])
    with pytest.raises(Refused, match="1 invitations wait already"):
        invite(shop, people["owner"])


def test_nobody_sends_mail_without_end_by_revoking_invitations(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.tenants import Refused, accounts, audit, invitations

    sender, another = (accounts.create_user(new_name(), password=PASSWORD)[0] for _ in range(2))
    for one in (sender, another):
        accounts.add_member(shop.wsid, one, "manager")
    monkeypatch.setattr(invitations, "MOST_MAILS", 2)
    for number in range(2):
        made, _ = invitations.create(shop, "viewer", sender, f"victim-{number}@example.org")
        invitations.revoke(made.pk, shop.wsid, audit.on_page(sender))
    with pytest.raises(Refused, match="you have invited 2 people by e-mail within a day"):
        invitations.create(shop, "viewer", sender, "victim@example.org")
    invitations.create(shop, "viewer", sender)
    invitations.create(shop, "viewer", another, "friend@example.org")


def test_there_is_an_end_to_members(shop: Any, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.tenants import Refused, invitations

    monkeypatch.setattr(invitations, "MEMBERS", 2)
    with pytest.raises(Refused, match="there are 2 members"):
        invitations.create(shop, "viewer", people["owner"])


def test_of_those_that_are_over_the_latest_are_kept(
    shop: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.tenants import audit, invitations
    from tmon.server.tenants.models import Invitation

    monkeypatch.setattr(invitations, "MOST_ENDED", 2)
    for _ in range(5):
        made, _token = invitations.create(shop, "viewer", people["owner"])
        invitations.revoke(made.pk, shop.wsid, audit.on_page(people["owner"]))
    waiting, _token = invitations.create(shop, "viewer", people["owner"])
    left = Invitation.objects.filter(webservice=shop)
    assert [one.revoked is None for one in left] == [True, False, False]
    assert left[0] == waiting


# -- the page of managers ----------------------------------------------------------------------


def test_a_manager_makes_an_invitation_that_is_shown_once(shop: Any, people: Any, browser: Any) -> None:
    client = browser(people["manager"])
    path = f"/view/settings/{shop.wsid}/invitations"
    page = send(client, path, role="manager", email="<i>@example.org").content.decode()
    assert "Enter a valid email address." in page
    made = send(client, path, role="manager", email="new@example.org")
    text = made.content.decode()
    link = re.search(r"http://127\.0\.0\.1(?::\d+)?(/invitation/[A-Za-z0-9_-]{43})", text)
    assert link is not None
    assert "No mail server is set up here, so nothing was sent." in text
    assert "no-store" in made["Cache-Control"]
    again = client.get(path).content.decode()
    assert link[1] not in again
    assert "new@example.org" in again
    assert send(browser(people["stranger"]), link[1]).status_code == 302
    assert role_in(shop, people["stranger"]) == "manager"
    assert "accepted" in client.get(path).content.decode()


def test_a_manager_revokes_an_invitation_and_nobody_one_of_another_web_service(
    shop: Any, people: Any, browser: Any
) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import Invitation

    other = accounts.create_webservice(f"other {next(NUMBERS)}", people["owner"]).webservice
    here, there = invite(shop, people["owner"]), invite(other, people["owner"])
    client, path = browser(people["manager"]), f"/view/settings/{shop.wsid}/invitations"
    for webservice in (shop, other):
        number = Invitation.objects.get(webservice=webservice).pk
        assert send(client, path, do="revoke", invitation=str(number)).status_code == 302
    assert browser().get(here).status_code == 404
    assert browser().get(there).status_code == 200
