# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that are JSON objects, whose keys say what is in them: a format is a table of keys and meanings.

A key inside an object is written with a dot, `request.headers.User-Agent`; a list stands for its first value. Upper and
lower case are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import tzinfo

from .meanings import Event, Meanings
from .text import clean, text_of, unlike
from .unparsed import OTHER, Unparsed


class KeyedParser:
    """Reads lines of JSON by a table; `required` are keys without which a line is of another format."""

    stateful = False

    def __init__(self, table: Mapping[str, str], zone: tzinfo, *, required: tuple[str, ...] = ()) -> None:
        self._meanings = Meanings(zone)
        self._puts = [
            (tuple(key.lower().split(".")), self._meanings.named(meaning)) for key, meaning in table.items()
        ]
        self._required = [tuple(key.lower().split(".")) for key in required]

    def parse(self, line: bytes) -> Event | None:
        """The event of one line. Raises Unparsed."""
        text = text_of(line)
        if text[:1] != "{" and not text.lstrip().startswith("{"):
            raise unlike(text)
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            raise Unparsed(OTHER) from None
        values = _flat(given)
        if any(key not in values for key in self._required):
            raise Unparsed(OTHER)
        event: Event = {}
        for key, put in self._puts:
            value = values.get(key)
            if value is not None:
                put(event, value)
        if "url" not in event:
            raise Unparsed(OTHER)
        return self._meanings.finish(event)


def _flat(given: object) -> dict[tuple[str, ...], str]:
    """The texts in an object, and in objects inside it down to the fourth, by their keys."""
    flat: dict[tuple[str, ...], str] = {}
    waiting: list[tuple[tuple[str, ...], object]] = [((), given)]
    while waiting:
        path, value = waiting.pop()
        if type(value) is list:
            value = value[0] if value else None
        if type(value) is dict:
            if len(path) < 4:
                waiting.extend(((*path, key.lower()), inner) for key, inner in value.items())
        elif type(value) is str:
            flat[path] = clean(value)
        elif type(value) is float or type(value) is int:
            flat[path] = _number(value)
    return flat


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # over 4,300 digits
        return ""
