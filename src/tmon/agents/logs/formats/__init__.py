# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of log lines, a module each with a FORMAT, found by looking into this folder.

A new format is a new module here; its name, with - for _, is the format's, and nothing else is edited. Modules are
imported when their format is asked for, and all of them only to detect one.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from datetime import UTC, tzinfo
from functools import cache
from importlib import import_module
from typing import Final

from .format import REASONS, Event, Format, Parser, Unparsed

__all__ = [
    "LOOKED_AT",
    "NAMES",
    "REASONS",
    "Event",
    "Format",
    "Parser",
    "Undetected",
    "Unknown",
    "Unparsed",
    "custom",
    "detect",
    "named",
]

NAMES: Final = tuple(
    sorted(
        module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name != "format"
    )
)
"""The formats there are."""

LOOKED_AT: Final = 400
"""Lines that detect() looks at; that many are enough, more are ignored."""


class Unknown(ValueError):
    """No format has this name, or a format string can't be read. The message says what can be written instead."""


class Undetected(ValueError):
    """No format reads most of these lines. The message says what was tried, and how far each came."""


@cache
def named(name: str) -> Format:
    """The format of that name. Raises Unknown."""
    if name not in NAMES:
        raise Unknown(f"{name!r} is no format; there are: {', '.join(NAMES)}")
    found: Format = import_module(f".{name.replace('-', '_')}", __name__).FORMAT
    return found


def custom(text: str) -> Format:
    """The format that a server's own format string describes: nginx's `$remote_addr …`, Apache's `%h …`.

    Raises Unknown: what it holds is neither, or lacks the request or its time.
    """
    raise Unknown(text)


def detect(lines: Sequence[bytes], zone: tzinfo = UTC) -> Format:
    """The format that reads most of these lines, the first of a file, and the most out of them.

    Raises Undetected if none reads at least half of those that any could be expected to read: comments, lines that
    hold no text and requests that are none don't count.
    """
    lines = lines[:LOOKED_AT]
    tried = []
    for name in NAMES:
        found = named(name)
        read, fields, other = _reading(found.parser(zone), lines)
        tried.append((read, fields, -found.general, name, other))
    read, _, _, name, other = max(tried)
    if read == 0 or read < other:
        best = sorted((attempt for attempt in tried if attempt[0]), reverse=True)[:3]
        closest = "; ".join(f"{name} reads {read}" for read, _, _, name, _ in best) or "none reads any"
        raise Undetected(
            f"no format reads most of the {len(lines)} lines looked at ({closest}); tried: {', '.join(NAMES)}. "
            "Name the format, or write the server's own format string"
        )
    return named(name)


def _reading(parser: Parser, lines: Sequence[bytes]) -> tuple[int, int, int]:
    """How many lines it reads, how many fields in them, and how many it says to be of another format."""
    read = fields = other = 0
    for line in lines:
        try:
            event = parser.parse(line)
        except Unparsed as unparsed:
            other += unparsed.reason in _UNREAD
        else:
            if event is not None:
                read += 1
                fields += sum(value is not None for value in event.values())
    return read, fields, other


_UNREAD: Final = frozenset({"other format", "bad time"})
