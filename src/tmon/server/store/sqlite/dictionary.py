# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for values that many events share, so that the log holds each value once.

A value is found by a digest of its fields. Its row says on which day it was last used, so that what no kept event
can refer to any more is deleted by that day, without looking at the events.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import msgspec

Value = TypeVar("Value", bound=Hashable)

CACHED_BYTES = 12_000_000
"""Per table, as the values are encoded, with 100 bytes for each one's places in memory."""


class Dictionary(Generic[Value]):
    """The numbers of one table's values. Used within the writer's transaction; `forget` after one that failed.

    `row` gives a value's columns; it is asked once a day for each value in use, and what it looks up is in use too.
    `identity` gives what tells values apart, if that is not the row.
    """

    def __init__(
        self,
        log: sqlite3.Connection,
        table: str,
        columns: tuple[str, ...],
        row: Callable[[Value], tuple[Any, ...]],
        identity: Callable[[Value], tuple[Any, ...]] | None = None,
    ) -> None:
        self._log = log
        self._row = row
        self._identity = identity
        self._ids: dict[Value, int] = {}
        self._cached_bytes = 0
        self._day = -1
        places = ", ".join("?" * (len(columns) + 2))
        self._find = f"SELECT id, used FROM {table} WHERE digest = ?"
        self._use = f"UPDATE {table} SET used = ? WHERE id = ?"
        self._add = f"INSERT INTO {table}(digest, used, {', '.join(columns)}) VALUES ({places})"

    def begin(self, day: int) -> None:
        """Start a transaction on this day (since 1970): numbers known from an earlier day are looked up anew."""
        if day != self._day or self._cached_bytes > CACHED_BYTES:
            self.forget()
            self._day = day

    def forget(self) -> None:
        """Forget all numbers: the transaction that gave some of them out was rolled back."""
        self._ids.clear()
        self._cached_bytes = 0

    def number(self, value: Value) -> int:
        """The number of a value, given out now if it has none."""
        known = self._ids.get(value)
        if known is not None:
            return known
        row = self._row(value)
        encoded = msgspec.msgpack.encode(row if self._identity is None else self._identity(value))
        digest = _digest(encoded)
        found = self._log.execute(self._find, (digest,)).fetchone()
        if found is None:
            number = self._log.execute(self._add, (digest, self._day, *row)).lastrowid
            assert number is not None
        else:
            number = found[0]
            if found[1] < self._day:
                self._log.execute(self._use, (self._day, number))
        self._ids[value] = number
        self._cached_bytes += len(encoded) + 100
        return int(number)


def digest_of(row: tuple[Any, ...]) -> bytes:
    """What a value is found by: 96 bits of BLAKE2b over its fields."""
    return _digest(msgspec.msgpack.encode(row))


def _digest(encoded: bytes) -> bytes:
    return hashlib.blake2b(encoded, digest_size=12).digest()
