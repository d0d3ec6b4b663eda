# SPDX-License-Identifier: GPL-3.0-or-later
"""INSERTs of many rows at once.

Each statement gives up Python's lock and has to win it back from the collector's loop, so few large ones keep that
going, and cost less: 250 rows in a statement take half of what 250 statements take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from .driver import Connection

SIZES = (250, 40, 8, 1)
"""Rows of a statement. Few sizes, so that SQLite need not read the statements again."""


def parts(count: int) -> Iterator[slice]:
    """`count` rows in as few parts as there can be of these sizes, in order."""
    at = 0
    for size in SIZES:
        while count - at >= size:
            yield slice(at, at + size)
            at += size


class Inserts:
    """The INSERTs into some columns of a table."""

    def __init__(self, table: str, columns: str) -> None:
        row = f"({', '.join('?' * (columns.count(',') + 1))})"
        self._statements = {
            size: f"INSERT INTO {table}({columns}) VALUES {', '.join([row] * size)}" for size in SIZES
        }

    def insert(self, connection: Connection, size: int, values: Sequence[Any]) -> int:
        """Insert `size` rows, one of SIZES, in one statement; `values` has those of one row after the other.

        Returns the last one's rowid, if it has one. Rowids that the rows do not bring are given out one after the
        other.
        """
        return connection.added(self._statements[size], values)

    def insert_all(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert any number of rows."""
        for part in parts(len(rows)):
            self.insert(connection, part.stop - part.start, list(chain.from_iterable(rows[part])))
