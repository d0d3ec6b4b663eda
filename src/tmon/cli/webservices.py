# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon webservice`: what is collected, by which keys, for whom.

The commands work on the accounts database, also while the server runs: it notices within a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import WrongUsage
from .groups import Subparsers, add_command, add_group, prepared, wsid
from .tables import show_one, show_rows, utc

if TYPE_CHECKING:
    from tmon.server.tenants.models import Key, WebService
    from tmon.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the group to the root parser."""
    group = add_group(subparsers, "webservice", "web services: what is collected, by which keys, for whom")
    create = add_command(
        group, "create", _webservice_create, "make a web service and print its DSN", as_json=True
    )
    create.add_argument("name", metavar="NAME", help="unique on this server")
    create.add_argument("--owner", metavar="USER", required=True)
    create.add_argument(
        "--timezone", metavar="ZONE", default="UTC", help="where its days begin (default: UTC)"
    )

    add_command(
        group, "list", _webservice_list, "list web services and the ids of their active keys", as_json=True
    )

    change = add_command(group, "set", _webservice_set, "change a web service")
    change.add_argument("wsid", metavar="WSID", type=wsid)
    change.add_argument("--name")
    change.add_argument("--owner", metavar="USER")
    change.add_argument("--timezone", metavar="ZONE", help="takes effect at its next local midnight")
    change.add_argument(
        "--ip-policy", choices=("none", "truncated", "full"), help="what is kept of IP addresses"
    )
    change.add_argument("--retention-days", metavar="N", type=int, help="for how long single events are kept")
    change.add_argument("--events-per-second", metavar="N", type=int, help="its budget")
    change.add_argument(
        "--log-megabytes",
        metavar="N",
        type=int,
        help="what it may have in the log, as megabytes of JSON; 0: what TMON_LOG_MEGABYTES says",
    )

    rotate = add_command(
        group, "rotate-key", _rotate_key, "make a second key and print its DSN", as_json=True
    )
    rotate.add_argument("wsid", metavar="WSID", type=wsid)
    revoke = add_command(group, "revoke-key", _revoke_key, "end a key for good")
    revoke.add_argument("wsid", metavar="WSID", type=wsid)
    revoke.add_argument(
        "key", metavar="KEY", type=int, nargs="?", help="its id (default: the older one of two)"
    )

    known = add_command(group, "keys", _keys, "list the active keys and which sources use them", as_json=True)
    known.add_argument("wsid", metavar="WSID", type=wsid)

    member = group.add_parser("member", help="who else may read a web service", description="members")
    members = member.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = add_command(members, "add", _member_add, "make a user a member, or change a member's role")
    add.add_argument("wsid", metavar="WSID", type=wsid)
    add.add_argument("user", metavar="USER")
    add.add_argument("--role", choices=("viewer", "manager"), default="viewer")
    remove = add_command(members, "remove", _member_remove, "end a membership")
    remove.add_argument("wsid", metavar="WSID", type=wsid)
    remove.add_argument("user", metavar="USER")

    delete = add_command(
        group, "delete", _webservice_delete, "delete a web service and all of its data", as_json=True
    )
    delete.add_argument("wsid", metavar="WSID", type=wsid)
    erase = add_command(
        group, "erase", _webservice_erase, "blank a user name in all of its events", as_json=True
    )
    erase.add_argument("wsid", metavar="WSID", type=wsid)
    erase.add_argument("username", metavar="USERNAME")


@prepared
def _webservice_create(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    owner = accounts.user_named(arguments.owner)
    made = accounts.create_webservice(arguments.name, owner, arguments.timezone)
    values = {
        "wsid": made.webservice.wsid,
        "name": made.webservice.name,
        "secret": made.secret.hex(),
        "dsn": made.dsn,
    }
    show_one(values, arguments.json)
    return 0


@prepared
def _webservice_list(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import keys
    from tmon.server.tenants.models import WebService

    rows = WebService.objects.select_related("owner").order_by("wsid")
    active = keys.all_active()
    show_rows([_webservice_row(row, active[row.wsid]) for row in rows], arguments.json)
    return 0


def _webservice_row(row: WebService, keys: list[Key]) -> dict[str, Any]:
    return {
        "wsid": row.wsid,
        "name": row.name,
        "owner": row.owner.get_username(),
        "timezone": row.timezone,
        "ip_policy": row.ip_policy,
        "retention_days": row.retention_days,
        "events_per_second": row.events_per_second,
        "log_megabytes": row.log_megabytes,
        "keys": [{"key": key.pk, "created": utc(key.created)} for key in keys],
    }


@prepared
def _webservice_set(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    names = ("name", "timezone", "ip_policy", "retention_days", "events_per_second", "log_megabytes")
    fields = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.owner is not None:
        fields["owner"] = accounts.user_named(arguments.owner)
    if fields.get("log_megabytes") == 0:
        fields["log_megabytes"] = None
    if not fields:
        raise WrongUsage("nothing to change was given; tmon webservice set --help shows what can be")
    row = accounts.change_webservice(arguments.wsid, **fields)
    print(f"web service {row.wsid} changed")
    return 0


@prepared
def _rotate_key(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import keys

    key = keys.issue(arguments.wsid)
    secret = keys.secret_of(key)
    values = {
        "wsid": arguments.wsid,
        "key": key.pk,
        "secret": secret.hex(),
        "dsn": keys.dsn(arguments.wsid, secret),
    }
    show_one(values, arguments.json)
    return 0


@prepared
def _revoke_key(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import keys

    key = keys.revoke(arguments.wsid, arguments.key)
    print(f"key {key.pk} of web service {arguments.wsid} revoked")
    return 0


@prepared
def _keys(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.tenants import accounts, keys

    accounts.webservice(arguments.wsid)
    active = keys.active(arguments.wsid)
    users = _ask_store(settings, {"do": "key-users", "wsid": arguments.wsid})["users"]
    rows = []
    for key in active:
        sources = [user for user in users if user["key"] == key.pk]
        rows.append(
            {
                "key": key.pk,
                "created": utc(key.created),
                "state": "newest" if key is active[0] else "old",
                "sources": [
                    {
                        "source": user["source"],
                        "runs": user["runs"],
                        "last_seen": utc(dt.datetime.fromtimestamp(user["last_seen_ms"] // 1000, dt.UTC)),
                    }
                    for user in sources
                ],
            }
        )
    show_rows(rows, arguments.json)
    return 0


@prepared
def _member_add(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    accounts.add_member(arguments.wsid, accounts.user_named(arguments.user), arguments.role)
    print(f"{arguments.user} is {arguments.role} of web service {arguments.wsid}")
    return 0


@prepared
def _member_remove(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import accounts

    accounts.remove_member(arguments.wsid, accounts.user_named(arguments.user))
    print(f"{arguments.user} is no longer a member of web service {arguments.wsid}")
    return 0


@prepared
def _webservice_delete(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.tenants import accounts, deletions, erasures

    waiting = arguments.wsid in deletions.pending()
    if not waiting:
        accounts.delete_webservice(arguments.wsid)
    gone = erasures.drop_events(arguments.wsid, partial(_ask_store, settings))
    show_one({"wsid": arguments.wsid, **dataclasses.asdict(gone)}, arguments.json)
    return 0


@prepared
def _webservice_erase(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.limits import warned

    gone = warned.erase_username(arguments.wsid, arguments.username, partial(_ask_store, settings))
    show_one({"wsid": arguments.wsid, **dataclasses.asdict(gone)}, arguments.json)
    return 0


def _ask_store(settings: Settings, request: Mapping[str, Any]) -> dict[str, Any]:
    from .owner import ask_owner

    return ask_owner(settings, dict(request))
