# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon user` and `tmon token`: accounts of people, and the tokens with which their programs read."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from .groups import Subparsers, add_command, add_group, prepared, wsid
from .tables import show_rows, utc

if TYPE_CHECKING:
    from tmon.server.tenants.models import Token
    from tmon.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the two groups to the root parser."""
    _register_user(add_group(subparsers, "user", "accounts of people"))
    _register_token(add_group(subparsers, "token", "API tokens, with which programs read"))


def _register_user(group: Subparsers) -> None:
    create = add_command(group, "create", _user_create, "make an account")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--admin", action="store_true", help="an administrator, who may use /admin/")
    create.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from stdin; else one is made and printed",
    )
    password = add_command(
        group, "password", _user_password, "give an account another password, ending its logins"
    )
    password.add_argument("name", metavar="NAME")
    password.add_argument("--password-stdin", action="store_true", help="as for create")
    reset = add_command(
        group, "reset-link", _user_reset_link, "make a link to set a new password and print it", as_json=True
    )
    reset.add_argument("name", metavar="NAME")
    email = add_command(group, "email", _user_email, "say where mail of an account goes")
    email.add_argument("name", metavar="NAME")
    email.add_argument("address", metavar="ADDRESS", help="an e-mail address; an empty one takes it away")


@prepared
def _user_create(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    given = _given_password(arguments)
    user, password = accounts.create_user(arguments.name, admin=arguments.admin, password=given)
    print(f"user {user.get_username()} created")
    if given is None:
        print(f"password: {password}")
    return 0


@prepared
def _user_password(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    given = _given_password(arguments)
    password = accounts.set_password(arguments.name, given)
    print(f"password of {arguments.name} changed")
    if given is None:
        print(f"password: {password}")
    return 0


@prepared
def _user_reset_link(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.tenants import accounts, resetting

    url = settings.base_url + resetting.path_for(accounts.user_named(arguments.name))
    print(json.dumps({"url": url}) if arguments.json else url)
    return 0


@prepared
def _user_email(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    accounts.set_email(accounts.user_named(arguments.name), arguments.address)
    print(f"e-mail address of {arguments.name} changed")
    return 0


def _given_password(arguments: argparse.Namespace) -> str | None:
    """The first line of stdin, if the password is to come from there."""
    return sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else None


def _register_token(group: Subparsers) -> None:
    create = add_command(group, "create", _token_create, "make a token and print it, once", as_json=True)
    create.add_argument("user", metavar="USER")
    create.add_argument("--webservice", metavar="WSID", type=wsid, help="the only web service it may read")
    create.add_argument("--name", default="", help="what it is for")
    listing = add_command(group, "list", _token_list, "list tokens", as_json=True)
    listing.add_argument("user", metavar="USER", nargs="?", help="only this user's")
    revoke = add_command(group, "revoke", _token_revoke, "end a token for good")
    revoke.add_argument("token", metavar="ID", type=int, help="its number in tmon token list")


@prepared
def _token_create(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    _token, text = accounts.create_token(
        accounts.user_named(arguments.user), arguments.webservice, arguments.name
    )
    print(json.dumps({"token": text}) if arguments.json else text)
    return 0


@prepared
def _token_list(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import Token

    tokens = Token.objects.select_related("user").order_by("pk")
    if arguments.user is not None:
        tokens = tokens.filter(user=accounts.user_named(arguments.user))
    show_rows([_token_row(token) for token in tokens], arguments.json)
    return 0


def _token_row(token: Token) -> dict[str, Any]:
    return {
        "id": token.pk,
        "user": token.user.get_username(),
        "webservice": token.webservice_id,
        "name": token.name,
        "created": utc(token.created),
        "last_used": utc(token.last_used),
        "revoked": utc(token.revoked),
    }


@prepared
def _token_revoke(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    accounts.revoke_token(arguments.token)
    print(f"token {arguments.token} revoked")
    return 0
