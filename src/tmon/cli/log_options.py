# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say where the lines of logs go, and how they are understood."""

from __future__ import annotations

import argparse
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from . import verifying
from .errors import WrongUsage
from .log_samples import MAX_SAMPLES

if TYPE_CHECKING:
    from tmon.agents.logs.formats import Format


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument("--dsn", metavar="DSN", help=verifying.DSN_HELP)
    parser.add_argument(
        "--format", metavar="NAME", help="what the lines are in (default: told from a log's first)"
    )
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        type=_zone,
        default=UTC,
        help="zone of times that name none, such as Europe/Vienna (default: UTC)",
    )
    parser.add_argument(
        "--samples",
        metavar="FILE",
        help=f"add lines that are not understood to this file, {MAX_SAMPLES:,} at most",
    )


def format_of(arguments: argparse.Namespace) -> Format | None:
    """The format that was named, if any: one of ours, or a server's format string. Raises WrongUsage."""
    from tmon.agents.logs.formats import Unknown, custom, named

    name = arguments.format
    if name is None:
        return None
    try:
        return custom(name) if "$" in name or "%" in name else named(name)
    except Unknown as error:
        raise WrongUsage(str(error)) from None


def _zone(text: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone") from None
