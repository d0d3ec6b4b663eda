# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for values that many events share, so that the log holds each value once.

A value is found by a digest of its fields. Its row says on which day it was last used, so that what no kept event
can refer to any more is deleted by that day, without looking at the events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from itertools import chain
from typing import Any, Generic, TypeVar

import msgspec

from .driver import Connection
from .inserting import SIZES, Inserts, parts

Value = TypeVar("Value", bound=Hashable)

CACHED_BYTES = 6_000_000
"""Per table, as the values are encoded, with 100 bytes for each one's places in memory."""


class Dictionary(Generic[Value]):
    """The numbers of one table's values. Used within the writer's transaction; `forget` after one that failed.

    `numbers` has those of all values that were learnt since `begin`. Values are looked up and added many at a time,
    each with a SELECT and an INSERT of its own takes three times as long.

    `row` gives a value's columns; it is asked once a day for each value in use, and what it looks up is in use too.
    `identity` gives what tells values apart, if that is not the row.
    """

    def __init__(
        self,
        log: Connection,
        table: str,
        columns: tuple[str, ...],
        row: Callable[[Value], tuple[Any, ...]],
        identity: Callable[[Value], tuple[Any, ...]] | None = None,
    ) -> None:
        self._log = log
        self._row = row
        self._identity = identity
        self.numbers: dict[Value, int] = {}
        self._cached_bytes = 0
        self._day = -1
        marks = {size: ", ".join("?" * size) for size in SIZES}
        self._find = {
            size: f"SELECT digest, id, used FROM {table} WHERE digest IN ({marks[size]})" for size in SIZES
        }
        self._use = {size: f"UPDATE {table} SET used = ? WHERE id IN ({marks[size]})" for size in SIZES}
        self._add = Inserts(table, f"digest, used, {', '.join(columns)}")

    def begin(self, day: int) -> None:
        """Start a transaction on this day (since 1970): numbers known from an earlier day are looked up anew."""
        if day != self._day or self._cached_bytes > CACHED_BYTES:
            self.forget()
            self._day = day

    def forget(self) -> None:
        """Forget all numbers: the transaction that gave some of them out was rolled back."""
        self.numbers.clear()
        self._cached_bytes = 0

    def unknown(self, values: Iterable[Value]) -> list[Value]:
        """Those of the values that have no number yet, each once."""
        numbers = self.numbers
        return [value for value in dict.fromkeys(values) if value not in numbers]

    def learn(self, values: Iterable[Value]) -> None:
        """See to it that all of these values have numbers; those that have none are given one."""
        unknown = self.unknown(values)
        if unknown:
            for part in parts(len(unknown)):
                self._learn(unknown[part])

    def _learn(self, values: list[Value]) -> None:
        """Learn as many values as one of SIZES."""
        size = len(values)
        rows = [self._row(value) for value in values]
        identities = rows if self._identity is None else map(self._identity, values)
        encoded = [msgspec.msgpack.encode(identity) for identity in identities]
        digests = [_digest(one) for one in encoded]
        found: dict[bytes, int] = {}
        stale: list[int] = []
        for digest, number, used in self._log.execute(self._find[size], digests).fetchall():
            found[digest] = number
            if used < self._day:
                stale.append(number)
        for part in parts(len(stale)):
            numbers = stale[part]
            self._log.execute(self._use[len(numbers)], (self._day, *numbers))
        new = {
            digest: (digest, self._day, *row)
            for digest, row in zip(digests, rows, strict=True)
            if digest not in found
        }
        added = list(new.values())
        for part in parts(len(added)):
            rows = added[part]
            last = self._add.insert(self._log, len(rows), list(chain.from_iterable(rows)))
            for number, row in enumerate(rows, last - len(rows) + 1):
                found[row[0]] = number
        for value, digest in zip(values, digests, strict=True):
            self.numbers[value] = found[digest]
        self._cached_bytes += sum(map(len, encoded)) + 100 * size


def digest_of(row: tuple[Any, ...]) -> bytes:
    """What a value is found by: 96 bits of BLAKE2b over its fields."""
    return _digest(msgspec.msgpack.encode(row))


def _digest(encoded: bytes) -> bytes:
    return hashlib.blake2b(encoded, digest_size=12).digest()
