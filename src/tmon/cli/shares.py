# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon share`: links that show the public part of a web service's dashboard to whoever has them."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

from .groups import Subparsers, add_command, add_group, prepared, wsid
from .tables import show_one, show_rows, utc

if TYPE_CHECKING:
    from tmon.server.tenants.models import ShareLink
    from tmon.settings import Settings

LONGEST_DAYS = 3650


def register(subparsers: Subparsers) -> None:
    """Add the group to the root parser."""
    group = add_group(subparsers, "share", "links that show a dashboard to whoever has them")
    create = add_command(group, "create", _create, "make a link", as_json=True)
    create.add_argument("wsid", metavar="WSID", type=wsid)
    create.add_argument("--label", default="", help="who it is for; those who use it don't see it")
    create.add_argument(
        "--days", metavar="N", type=_days, help="for how many days it is valid; else until it is revoked"
    )
    create.add_argument(
        "--period",
        default="",
        help="what it opens with: now, today, yesterday, 7d, 30d, month, year, or two days such as "
        "2026-11-01..2026-11-17; else 24 hours",
    )
    create.add_argument("--password-stdin", action="store_true", help="read a password for it from stdin")
    listing = add_command(group, "list", _list, "list links", as_json=True)
    listing.add_argument("wsid", metavar="WSID", type=wsid, nargs="?", help="only this web service's")
    revoke = add_command(group, "revoke", _revoke, "end a link for good")
    revoke.add_argument("link", metavar="ID", type=int, help="its number in tmon share list")


def _days(text: str) -> int:
    """Argument type: a number of days."""
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LONGEST_DAYS):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {LONGEST_DAYS}")
    return int(text)


@prepared
def _create(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.tenants import accounts, sharing

    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else ""
    if arguments.password_stdin and not password:
        from tmon.server.tenants import Refused

        raise Refused("there is no password on stdin")
    expires = None if arguments.days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=arguments.days)
    link, _ = sharing.create(
        accounts.webservice(arguments.wsid),
        arguments.label,
        password=password,
        expires=expires,
        period=arguments.period,
    )
    show_one(_row(link, settings), arguments.json)
    return 0


@prepared
def _list(arguments: argparse.Namespace, settings: Settings) -> int:
    from tmon.server.tenants import accounts
    from tmon.server.tenants.models import ShareLink

    links = ShareLink.objects.select_related("by").order_by("pk")
    if arguments.wsid is not None:
        links = links.filter(webservice=accounts.webservice(arguments.wsid))
    show_rows([_row(link, settings) for link in links], arguments.json)
    return 0


def _row(link: ShareLink, settings: Settings) -> dict[str, Any]:
    from tmon.server.tenants import sharing

    path = sharing.path_of(link) if link.revoked is None else None
    return {
        "id": link.pk,
        "webservice": link.webservice_id,
        "label": link.label,
        "password": bool(link.password),
        "created": utc(link.created),
        "by": link.by.get_username() if link.by is not None else None,
        "expires": utc(link.expires),
        "last_used": utc(link.last_used),
        "revoked": utc(link.revoked),
        "url": None if path is None else settings.base_url + path,
    }


@prepared
def _revoke(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.tenants import sharing

    sharing.revoke(arguments.link)
    print(f"share link {arguments.link} revoked")
    return 0
