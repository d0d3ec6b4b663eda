# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers what arrives within a few turns of the event loop, so that it is handed over together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

MOST: Final = 256
MOST_EVENTS: Final = 1_000
MOST_S: Final = 0.005
QUIET_TURNS: Final = 2
"""The loop hands over what it has gathered when two of its turns brought nothing more: then it is about to wait, so
the writer's thread has Python's lock for itself, and one commit serves all requests that had arrived. It hands over
earlier when it has gathered this much, or this long."""


class Gathering(Generic[Item]):
    """What is gathered; `hand_over` gets it, never empty. Belongs to one event loop."""

    def __init__(self, hand_over: Callable[[list[Item]], None]) -> None:
        self._hand_over = hand_over
        self._items: list[Item] = []
        self._events = 0
        self._since = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, item: Item, events: int) -> None:
        """Gather one more, which brings so many events."""
        if not self._items:
            self._loop = asyncio.get_running_loop()
            self._since = self._loop.time()
            self._loop.call_soon(self._turn, 0, 0)
        self._items.append(item)
        self._events += events

    def end(self) -> None:
        """Hand over now."""
        if self._items:
            items, self._items, self._events = self._items, [], 0
            self._hand_over(items)

    def _turn(self, before: int, quiet: int) -> None:
        """Called once in every turn of the loop while something is gathered; `before` is how much it was."""
        assert self._loop is not None
        count = len(self._items)
        quiet = quiet + 1 if count == before else 0
        if (
            quiet < QUIET_TURNS
            and count < MOST
            and self._events < MOST_EVENTS
            and self._loop.time() - self._since < MOST_S
        ):
            self._loop.call_soon(self._turn, count, quiet)
        else:
            self.end()
