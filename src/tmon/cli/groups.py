# SPDX-License-Identifier: GPL-3.0-or-later
"""What groups of commands on the accounts database share: subparsers, `--data`, and a prepared data folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from .errors import Failure

if TYPE_CHECKING:
    from tmon.settings import Settings

Subparsers = Any
"""What `add_subparsers` returns; argparse has no public name for it."""
Command = Callable[[argparse.Namespace], int]


def wsid(text: str) -> int:
    """Argument type: the id of a web service."""
    if not (text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= 19 and int(text) < 2**63):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a web service")
    return int(text)


def add_group(subparsers: Subparsers, name: str, help: str) -> Subparsers:
    """A group of commands, `tmon NAME …`; returns where its commands are added."""
    group = subparsers.add_parser(name, help=help, description=help)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_command(
    subparsers: Subparsers, name: str, run: Command, help: str, *, as_json: bool = False
) -> argparse.ArgumentParser:
    """A command with `--data` and, where asked for, `--json`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=help, description=help)
    parser.add_argument("--data", metavar="DIR", help="the data folder (default: TMON_DATA, else ./var)")
    if as_json:
        parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def prepared(run: Callable[[argparse.Namespace, Settings], int]) -> Command:
    """Have the data folder ready, and turn this room's errors into one line and status 1."""

    @wraps(run)
    def command(arguments: argparse.Namespace) -> int:
        from tmon.settings import prepare

        settings = prepare(arguments.data)
        from django.db import Error

        from tmon.server.tenants.errors import TenantsError

        try:
            return run(arguments, settings)
        except TenantsError as error:
            raise Failure(str(error)) from error
        except Error as error:
            raise Failure(f"the accounts database refused: {error}") from error

    return command
