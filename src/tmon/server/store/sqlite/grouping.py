# SPDX-License-Identifier: GPL-3.0-or-later
"""From a batch to `groups`, what it adds to each hour, view and key.

The batch is *rolled* once per dimension into one row per slot and dimension value. Views of one dimension and kind are
a *family*: each of its dimension values is translated to the family's keys once, and a roll's row is then added to all
of the family's groups in one statement. Adding up row by row into a table with a key is faster here than GROUP BY,
which sorts; rows come in the order of their numbers, so the first event stays the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...catalogue import View
from ...events import REQUEST, SESSION
from .batch import SLOT, SLOT_BITS
from .driver import Connection
from .keys import PROFILE, Dimension, Key
from .sums import ADD_PACKED, ALL_VISITORS, PACKED

TABLES = f"""
CREATE TEMP TABLE number_roll(id INTEGER PRIMARY KEY, {PACKED}, seq);
CREATE TEMP TABLE text_roll(slot, dim, {PACKED}, seq, PRIMARY KEY(slot, dim)) WITHOUT ROWID;
CREATE TEMP TABLE translated(family, dim, view, key, PRIMARY KEY(family, dim, view)) WITHOUT ROWID;
CREATE TEMP TABLE named(dim, view, text);
CREATE TEMP TABLE groups(
    hour, view, key, {PACKED}, seq, hour_key, day_key, PRIMARY KEY(hour, view, key)) WITHOUT ROWID;
"""

ADD_GROUPS = f"ON CONFLICT DO UPDATE SET {ADD_PACKED}, seq = min(seq, excluded.seq)"
GROUP = f"hour, view, key, {PACKED}, seq"

REMEMBERED = 100_000
"""Keys of dimension values that are kept for the next pass: some 4 MB."""


class Counted(NamedTuple):
    """A view as the follower counts it: its number, and the SQL of its key."""

    number: int
    view: View
    key: Key


class Family(NamedTuple):
    """Views of one dimension and kind (`session` is 0 or 1), by a number of its own."""

    number: int
    dimension: Dimension
    session: int
    views: tuple[Counted, ...]

    def distinct(self) -> list[Counted]:
        """The views that tell visitors apart by key."""
        return [one for one in self.views if one.view.visitors == "distinct"]


class _Roll(NamedTuple):
    """A roll `r`: its table, SQL to read a row's dimension value and slot, and to write them for an event `b`."""

    table: str
    dim: str
    slot: str
    written: str


_NUMBERS = _Roll(
    "number_roll", f"r.id >> {SLOT_BITS}", f"r.id & {SLOT}", f"({{value}}) << {SLOT_BITS} | b.slot"
)
_TEXTS = _Roll("text_roll", "r.dim", "r.slot", "b.slot, {value}")


def roll_of(dimension: Dimension) -> _Roll:
    """The roll of a dimension, by whether its values are numbers."""
    return _NUMBERS if dimension.numbered else _TEXTS


class Grouping:
    """Fills `groups`, and remembers keys by dimension value from one pass to the next."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._families: dict[tuple[Dimension, int, tuple[Counted, ...]], Family] = {}
        self._remembered = 0
        self._changes: int | None = None

    def forget(self) -> None:
        """Forget what keys dimension values have: keys were deleted, or a transaction was rolled back."""
        self._changes = None

    def begin(self) -> None:
        """Start a pass: forget keys if the log has deleted or changed shared values, whose numbers may return."""
        (changes,) = self._db.execute(
            "SELECT coalesce((SELECT value FROM log.meta WHERE name = 'changes'), 0)"
        ).fetchone()
        if changes != self._changes or self._remembered > REMEMBERED:
            self._db.execute("DELETE FROM translated")
            self._remembered = 0
            self._changes = changes
        self._db.execute("DELETE FROM groups")

    def families(self, counted: Sequence[Counted]) -> dict[Dimension, list[Family]]:
        """The views by dimension and kind."""
        found: dict[Dimension, list[Family]] = {}
        for dimension in dict.fromkeys(one.key.dimension for one in counted):
            for session, kind in ((0, REQUEST), (1, SESSION)):
                views = tuple(
                    one for one in counted if one.key.dimension == dimension and one.view.kind == kind
                )
                if views:
                    known = self._families.setdefault(
                        (dimension, session, views), Family(len(self._families), dimension, session, views)
                    )
                    found.setdefault(dimension, []).append(known)
        return found

    def roll(self, dimension: Dimension) -> None:
        """Add the batch up by slot and value of the dimension."""
        roll = roll_of(dimension)
        self._db.execute(f"DELETE FROM {roll.table}")
        self._db.execute(
            f"INSERT INTO {roll.table} SELECT {roll.written.format(value=dimension.value)}, b.crowd, b.marks, "
            "coalesce(b.duration, 0), coalesce(b.bytes, 0), b.seq FROM batch b WHERE true "
            f"ON CONFLICT DO UPDATE SET {ADD_PACKED}"
        )

    def translate(self, family: Family) -> None:
        """Have the keys of the roll's dimension values in `translated`."""
        db, table, roll = self._db, family.dimension.table, roll_of(family.dimension)
        if not family.dimension.numbered:  # texts may be long, so they are not remembered
            db.execute("DELETE FROM translated WHERE family = ?", (family.number,))
        shared = f"LEFT JOIN log.{table} d ON d.id = r.dim" if table else ""
        texts = " ".join(f"WHEN {one.number} THEN {one.key.text}" for one in family.views)
        numbers = ", ".join(f"({one.number})" for one in family.views)
        new = db.changed(
            f"INSERT INTO named SELECT r.dim, v.column1, CASE v.column1 {texts} END FROM (SELECT DISTINCT {roll.dim} "
            f"AS dim FROM {roll.table} r WHERE {roll.slot} & 1 = ?2 AND NOT EXISTS (SELECT 1 FROM translated t "
            f"WHERE t.family = ?1 AND t.dim = {roll.dim})) r {shared} CROSS JOIN (VALUES {numbers}) v",
            (family.number, family.session),
        )
        if new == 0:
            return
        db.execute(
            "INSERT OR IGNORE INTO keys(text) SELECT text FROM named n "
            "WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.text = n.text)"
        )
        db.execute(
            "INSERT INTO translated SELECT ?, n.dim, n.view, k.id FROM named n CROSS JOIN keys k ON k.text = n.text",
            (family.number,),
        )
        db.execute("DELETE FROM named")
        if family.dimension.numbered:
            self._remembered += new

    def group(self, family: Family) -> None:
        """Add the roll to the groups of the family's views, with the visitors whose first event of the day it was.

        Views that do not count visitors, or have members of their own, get none here.
        """
        roll = roll_of(family.dimension)
        without = [
            str(one.number)
            for one in family.views
            if one.view.visitors == "none"
            or (one.view.visitors == "distinct" and family.dimension != PROFILE)
        ]
        crowd = (
            f"iif(t.view IN ({', '.join(without)}), r.crowd & ~{ALL_VISITORS}, r.crowd)"
            if without
            else "r.crowd"
        )
        self._db.execute(
            f"INSERT INTO groups({GROUP}) SELECT h.hour, t.view, t.key, {crowd}, r.marks, r.duration, r.bytes, r.seq "
            f"FROM {roll.table} r CROSS JOIN hours h ON h.n = ({roll.slot}) >> 1 "
            f"CROSS JOIN translated t ON t.family = ?1 AND t.dim = {roll.dim} WHERE {roll.slot} & 1 = ?2 {ADD_GROUPS}",
            (family.number, family.session),
        )
