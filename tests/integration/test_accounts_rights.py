# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles, and tokens that speak for users."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

NUMBERS = itertools.count()


@pytest.fixture
def people(prepared: Path) -> dict[str, Any]:
    """owner, manager, viewer, stranger, and "wsid", the id of the owner's web service."""
    from tmon.server.tenants import accounts

    mark = f"{time.monotonic_ns()}-{next(NUMBERS)}"
    found: dict[str, Any] = {
        role: accounts.create_user(f"{role}-{mark}")[0] for role in ("owner", "manager", "viewer", "stranger")
    }
    found["wsid"] = accounts.create_webservice(f"rights {mark}", found["owner"]).webservice.wsid
    for role in ("manager", "viewer"):
        accounts.add_member(found["wsid"], found[role], role)
    return found


def test_roles_contain_each_other(people: Any) -> None:
    from tmon.server.tenants.rights import Role, role_of

    roles = {
        name: role_of(people[name], people["wsid"]) for name in ("owner", "manager", "viewer", "stranger")
    }
    assert roles == {"owner": Role.OWNER, "manager": Role.MANAGER, "viewer": Role.VIEWER, "stranger": None}
    assert Role.OWNER > Role.MANAGER > Role.VIEWER


@pytest.mark.parametrize("wsid", [0, -1, 999_999, 2**63, 10**30])
def test_there_is_no_role_in_what_does_not_exist(people: Any, wsid: int) -> None:
    from tmon.server.tenants.rights import role_of

    assert role_of(people["owner"], wsid) is None


def test_nobody_has_a_role(people: Any) -> None:
    from django.contrib.auth.models import AnonymousUser

    from tmon.server.tenants.rights import role_of

    assert role_of(AnonymousUser(), people["wsid"]) is None


def test_whoever_is_switched_off_has_no_role_and_his_tokens_none(people: Any) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import role_of, user_of_token

    _, text = accounts.create_token(people["viewer"])
    people["viewer"].is_active = False
    people["viewer"].save()
    assert role_of(people["viewer"], people["wsid"]) is None
    assert user_of_token(text) is None


def test_each_reads_his_own(people: Any) -> None:
    from tmon.server.tenants.rights import Role, readable_by

    for name, role in (("owner", Role.OWNER), ("manager", Role.MANAGER), ("viewer", Role.VIEWER)):
        assert [(row.wsid, has) for row, has in readable_by(people[name])] == [(people["wsid"], role)]
    assert readable_by(people["stranger"]) == []


def test_a_token_speaks_for_its_user_and_reaches_no_further_than_it_is_meant_to(people: Any) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import Role, user_of_token

    second = accounts.create_webservice(
        f"second of {people['owner'].username}", people["owner"]
    ).webservice.wsid
    _, wide = accounts.create_token(people["owner"])
    _, narrow = accounts.create_token(people["owner"], people["wsid"])
    wide_bearer, narrow_bearer = user_of_token(wide), user_of_token(narrow)
    assert wide_bearer is not None
    assert narrow_bearer is not None
    assert [wide_bearer.role_of(one) for one in (people["wsid"], second)] == [Role.OWNER, Role.OWNER]
    assert [narrow_bearer.role_of(one) for one in (people["wsid"], second)] == [Role.OWNER, None]


@pytest.mark.parametrize(
    "text", ["", "tmon_", "tmon_" + "A" * 43, "tmon_" + "ä" * 43, "x" * 100_000, "tmon_\x00"]
)
def test_a_token_that_was_never_made_speaks_for_nobody(people: Any, text: str) -> None:
    from tmon.server.tenants.rights import user_of_token

    assert user_of_token(text) is None


def test_the_use_of_a_token_is_noted_once_a_minute(people: Any) -> None:
    from tmon.server.tenants import accounts, tokens
    from tmon.server.tenants.models import Token

    token, text = accounts.create_token(people["viewer"])
    assert token.last_used is None

    def used() -> dt.datetime | None:
        assert tokens.find(text) is not None
        return Token.objects.get(pk=token.pk).last_used

    first = used()
    assert first is not None
    assert used() == first
    Token.objects.filter(pk=token.pk).update(last_used=first - dt.timedelta(minutes=1))
    later = used()
    assert later is not None
    assert later > first


def test_deleting_a_web_service_ends_the_tokens_that_were_meant_for_it(people: Any) -> None:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.rights import user_of_token

    _, text = accounts.create_token(people["owner"], people["wsid"])
    accounts.delete_webservice(people["wsid"])
    assert user_of_token(text) is None


def test_the_migrations_say_what_the_models_say(prepared: Path) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_django_finds_nothing_wrong_with_the_settings(prepared: Path) -> None:
    from django.core import checks

    found = [f"{message.id}: {message.msg}" for message in checks.run_checks()]
    assert found == []
