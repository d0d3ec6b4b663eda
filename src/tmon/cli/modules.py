# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon modules`: what the things are called that are used. The commands work on the accounts database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Failure
from .groups import Subparsers, add_command, add_group, prepared, wsid
from .tables import show_rows

if TYPE_CHECKING:
    from tmon.server.modules.entries import Entry
    from tmon.server.modules.models import Origin
    from tmon.server.tenants.models import WebService
    from tmon.settings import Settings


def register(subparsers: Subparsers) -> None:
    """Add the group to the root parser."""
    group = add_group(subparsers, "modules", "modules: what the things are called that are used")
    known = add_command(group, "list", _list, "list the modules of a web service", as_json=True)
    known.add_argument("wsid", metavar="WSID", type=wsid)
    scan = add_command(group, "scan", _scan, "find modules in folders that have an index.html")
    scan.add_argument("wsid", metavar="WSID", type=wsid)
    scan.add_argument("root", metavar="ROOT", type=Path)
    read = add_command(group, "import", _import, "add and change modules from a CSV or JSON file")
    read.add_argument("wsid", metavar="WSID", type=wsid)
    read.add_argument("file", metavar="FILE", type=Path)
    export = add_command(group, "export", _export, "print the modules as a file that can be imported")
    export.add_argument("wsid", metavar="WSID", type=wsid)
    export.add_argument("--format", choices=("csv", "json"), default="csv")


@prepared
def _list(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.modules.models import Module
    from tmon.server.tenants import accounts

    rows = Module.objects.filter(webservice=accounts.webservice(arguments.wsid)).order_by("slug")
    shown = [
        {
            "slug": row.slug,
            "name": row.name,
            "language": row.language,
            "categories": "; ".join(row.categories),
            "url": row.url,
            "origin": row.origin,
        }
        for row in rows
    ]
    show_rows(shown, arguments.json)
    return 0


@prepared
def _scan(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.modules.models import Origin
    from tmon.server.modules.scanning import scan
    from tmon.server.tenants import accounts

    webservice = accounts.webservice(arguments.wsid)
    try:
        found = scan(arguments.root)
    except OSError as error:
        raise Failure(f"{arguments.root}: {error.strerror or error}") from None
    for problem in found.problems:
        print(problem, file=sys.stderr)
    return _put(webservice, found.entries, Origin.SCAN)


@prepared
def _import(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.modules.entries import MOST_BYTES, WrongEntry, read
    from tmon.server.modules.models import Origin
    from tmon.server.tenants import accounts

    webservice = accounts.webservice(arguments.wsid)
    try:
        with arguments.file.open("rb") as file:
            entries = read(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise Failure(f"{arguments.file}: {error.strerror or error}") from None
    except WrongEntry as error:
        raise Failure(f"{arguments.file}: {error}; nothing was imported") from None
    return _put(webservice, entries, Origin.IMPORT)


@prepared
def _export(arguments: argparse.Namespace, _: Settings) -> int:
    from tmon.server.modules import cataloguing
    from tmon.server.modules.entries import as_csv, as_json
    from tmon.server.tenants import accounts

    entries = cataloguing.entries_of(accounts.webservice(arguments.wsid).wsid)
    print(as_csv(entries) if arguments.format == "csv" else as_json(entries) + "\n", end="")
    return 0


def _put(webservice: WebService, entries: list[Entry], origin: Origin) -> int:
    from tmon.server.modules import cataloguing
    from tmon.server.tenants import audit

    print(cataloguing.put(webservice, audit.on_command_line(), entries, origin).told())
    return 0
