# SPDX-License-Identifier: GPL-3.0-or-later
"""Which limit holds for an object of sessions. Pure.

It is the one that is set for the object as it is spelt; else one that is set for the same module of the catalogue,
which requests may spell otherwise: the limit of its slug before others, and of those the strictest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tmon.server.modules.entries import Entry


class Holds(NamedTuple):
    """A limit: what it is set for, and its minutes."""

    object: str
    minutes: int


class Limits:
    """The limits of a web service, as minutes by object; `find` gives an object's module of its catalogue, or None."""

    def __init__(self, minutes_of: Mapping[str, int], find: Callable[[str], Entry | None]) -> None:
        self._minutes_of = minutes_of
        self._find = find
        self._by_slug: dict[str, Holds] = {}
        for object_, minutes in sorted(minutes_of.items(), key=lambda one: (one[1], one[0])):
            module = find(object_)
            if module is not None and (module.slug == object_ or module.slug not in self._by_slug):
                self._by_slug[module.slug] = Holds(object_, minutes)
        self._found: dict[str, Holds | None] = {}

    def of(self, object_: str) -> Holds | None:
        """The limit of an object of sessions, None where it has none."""
        if object_ not in self._found:
            self._found[object_] = self._look(object_)
        return self._found[object_]

    def _look(self, object_: str) -> Holds | None:
        minutes = self._minutes_of.get(object_)
        if minutes is not None:
            return Holds(object_, minutes)
        module = self._find(object_) if self._by_slug else None
        return None if module is None else self._by_slug.get(module.slug)
