# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of log lines, a module each with a FORMAT, found by looking into this folder.

A new format is a new module here; its name, with - for _, is the format's, and nothing else is edited. Modules are
imported when their format is asked for, and all of them only to detect one.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from tmon.agents.logs.fields import apache_string, nginx_string
from tmon.agents.logs.fields.strings import MAX_STRING, BadString, quoted_lines
from tmon.agents.logs.fields.unparsed import EMPTY, NO_REQUEST, NOT_HTTP, TLS
from tmon.agents.logs.fields.wrapping import prefix_of

from .format import REASONS, Event, Format, Parser, Unparsed

__all__ = [
    "LOOKED_AT",
    "NAMES",
    "REASONS",
    "WRAPPED",
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


WRAPPED: Final = "wrapped+"
"""Before a format's name: inside of syslog, the journal, or a container's log."""


@cache
def named(name: str) -> Format:
    """The format of that name, which `wrapped+` may precede. Raises Unknown."""
    if name.startswith(WRAPPED):
        return named(name.removeprefix(WRAPPED)).wrapped()
    if name not in NAMES:
        raise Unknown(
            f"{name!r} is no format; there are: {', '.join(NAMES)}, and each of them behind {WRAPPED}"
        )
    found: Format = import_module(f".{name.replace('-', '_')}", __name__).FORMAT
    return found


def custom(text: str) -> Format:
    """The format that a server's own format string describes: nginx's `$remote_addr …`, Apache's `%h …`.

    So does the directive around it, as it stands in a configuration (`log_format main '…';`). Raises Unknown: what it
    holds is neither, or lacks the request or its time.
    """
    try:
        string = quoted_lines(text)
        if len(string) > MAX_STRING:
            raise BadString(f"it has {len(string)} characters; at most {MAX_STRING} are read")
        if "$" in string:
            make: Callable[[tzinfo], Parser] = nginx_string.parser_of(string)
        elif "%" in string:
            make = apache_string.parser_of(string)
        else:
            raise BadString("it has no variable of nginx's ($request) and no directive of Apache's (%r)")
    except BadString as bad:
        raise Unknown(f"the format string can't be read: {bad}") from None
    return Format("custom", string, "", make)


def detect(lines: Sequence[bytes], zone: tzinfo = UTC) -> Format:
    """The format that reads most of these lines, the first of a file, and the most out of them.

    Raises Undetected if none reads at least half of those that any could be expected to read: comments, and lines that
    hold no text, don't count. Of wrapped lines a twentieth is enough, since a journal has those of other programs.
    """
    lines = lines[:LOOKED_AT]
    found = [_reading(named(name), lines, zone) for name in NAMES]
    best = max(found)
    if best.known * 2 < best.lines or not best.known:
        inside = [line[prefix_of(line) :] for line in lines if prefix_of(line)]
        wrapped = [_reading(named(name), inside, zone) for name in NAMES]
        if max(wrapped).known * 20 >= len(lines) and max(wrapped).known > best.known:
            return named(WRAPPED + max(wrapped).name)
        closest = [reading for reading in sorted([*found, *wrapped], reverse=True)[:3] if reading.known]
        said = "; ".join(f"{reading.name} reads {reading.known} of {reading.lines}" for reading in closest)
        raise Undetected(
            f"no format reads most of the {len(lines)} lines looked at ({said or 'none reads any'}); tried: "
            f"{', '.join(NAMES)}, also wrapped. Name the format, or write the server's own format string"
        )
    return named(best.name)


class _Reading(NamedTuple):
    """How well a format reads lines; the best is the greatest."""

    known: int
    """Lines that have its form, whether there is a request in them or not."""
    fields: int
    """Fields in the events."""
    specific: int
    name: str
    lines: int
    """Lines that hold anything."""


def _reading(tried: Format, lines: Sequence[bytes], zone: tzinfo) -> _Reading:
    parser = tried.parser(zone)
    known = fields = held = 0
    for line in lines:
        held += 1
        try:
            event = parser.parse(line)
        except Unparsed as unparsed:
            known += unparsed.reason in _OF_ITS_FORM
            held -= unparsed.reason == EMPTY
        else:
            if event is None:
                held -= 1
            else:
                known += 1
                fields += sum(value is not None for value in event.values())
    return _Reading(known, fields, -tried.general, tried.name, held)


_OF_ITS_FORM: Final = frozenset({NO_REQUEST, NOT_HTTP, TLS})
