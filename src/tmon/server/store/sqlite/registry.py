# SPDX-License-Identifier: GPL-3.0-or-later
"""Which views views.db counts: adding, refilling and removing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ...catalogue import VISIT, View
from ...events import SESSION
from ..changes import check_change
from .driver import Connection
from .grouping import Counted
from .keys import key_of
from .schema import DAY, IN_STEP
from .sums import SUMS

FORGET_VISITS = f"""
DELETE FROM visits WHERE owner = ?1 AND NOT EXISTS (
    SELECT 1 FROM views WHERE owner = ?1 AND json_extract(definition, '$.kind') = '{VISIT}')
"""
"""Without a view of visits nobody keeps them up to date."""


class Registry:
    """The views of views.db; `views` maps their numbers to (view, follower)."""

    def __init__(self, views: Connection, fill: Callable[[Counted], None]) -> None:
        """`fill` has a new view of sessions count those that are known."""
        self._db = views
        self._fill = fill
        self.views: dict[int, tuple[View, int]] = {}
        self.load()

    def load(self) -> None:
        """Read the views as they are stored now."""
        self.views = {
            number: (msgspec.json.decode(definition, type=View), owner)
            for number, owner, definition in self._db.execute(
                "SELECT id, owner, definition FROM views ORDER BY id"
            )
        }

    def filling(self) -> bool:
        """Whether a view was filling when the views were last read."""
        return any(owner != IN_STEP for _, owner in self.views.values())

    def sync(self, views: Mapping[str, View]) -> list[str]:
        """See Store.sync_views; within a transaction."""
        stored = {view.name: (number, view) for number, (view, _) in self.views.items()}
        (newest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM views").fetchone()
        changed = []
        for name, (number, old) in stored.items():
            new = views.get(name)
            if new is not None:
                check_change(old, new)
            if new is None:
                self._remove(number)
            elif new.version > old.version:
                self._refill(number, old, new)
            elif new != old:
                self._db.execute("UPDATE views SET definition = ? WHERE id = ?", (_encoded(new), number))
            else:
                continue
            changed.append(name)
        for name, new in views.items():
            if name not in stored:
                self._add(new)
                changed.append(name)
        self._db.execute(FORGET_VISITS, (IN_STEP,))
        self._fill_from_sessions(newest)
        return changed

    def _fill_from_sessions(self, newest: int) -> None:
        """Have views of sessions that are newer than view number `newest` count the sessions that are known."""
        for number, definition in self._db.execute(
            "SELECT id, definition FROM views WHERE id > ? ORDER BY id", (newest,)
        ).fetchall():
            view = msgspec.json.decode(definition, type=View)
            if view.kind == SESSION:
                self._fill(Counted(number, view, key_of(view)))

    def _add(self, view: View) -> int:
        """Add a view that fills from the log's start, from the first day that the log has all of."""
        (in_step,) = self._db.execute("SELECT position FROM followers WHERE owner = ?", (IN_STEP,)).fetchone()
        number = self._db.added(
            "INSERT INTO views(name, owner, definition) VALUES (?, ?, ?)",
            (view.name, IN_STEP, _encoded(view)),
        )
        assert number is not None
        if in_step > 0:
            if view.kind != SESSION:
                self._db.execute("UPDATE views SET owner = id WHERE id = ?", (number,))
                self._db.execute("INSERT INTO followers VALUES (?, 0)", (number,))
            self._db.execute(
                "INSERT INTO view_from SELECT ?, wsid, max(ended) FROM log.gone GROUP BY wsid", (number,)
            )
        return number

    def _remove(self, number: int) -> None:
        for table in ("counts", "members", "view_from", "kept"):
            self._db.execute(f"DELETE FROM {table} WHERE view = ?", (number,))
        for table in ("followers", "seen", "closed", "visits"):
            self._db.execute(f"DELETE FROM {table} WHERE owner = ?", (number,))
        self._db.execute("DELETE FROM views WHERE id = ?", (number,))

    def _refill(self, number: int, old: View, view: View) -> None:
        """Count a view anew. Days that the log no longer has all of keep their old counts."""
        self._db.execute("UPDATE views SET name = '' WHERE id = ?", (number,))
        new = self._add(view)
        self._db.execute(
            "UPDATE counts SET view = ?1 WHERE view = ?2 AND bucket IN (SELECT b.id FROM log.buckets b "
            "JOIN view_from f ON f.view = ?1 AND f.wsid = b.wsid WHERE b.start < f.start)",
            (new, number),
        )
        # a month that is kept loses the days that are counted anew
        take = ", ".join(f"{name} = counts.{name} - x.{name}" for name in SUMS.split(", "))
        sums = ", ".join(f"sum({name}) AS {name}" for name in SUMS.split(", "))
        self._db.execute(
            f"UPDATE counts SET {take} FROM (SELECT b.month AS month, c.key AS key, {sums} FROM counts c "
            f"JOIN log.buckets b ON b.id = c.bucket AND b.grain = {DAY} WHERE c.view = ? GROUP BY b.month, c.key) x "
            "WHERE counts.view = ? AND counts.bucket = x.month AND counts.key = x.key",
            (number, new),
        )
        self._db.execute("DELETE FROM counts WHERE view = ? AND requests = 0", (new,))
        # erasures up to here are in the counts that are kept, as they are in what the log still has
        self._db.execute(
            "INSERT INTO kept SELECT ?, max(f.position, coalesce(k.position, 0)), ? OR coalesce(k.names, 0) "
            "FROM views v JOIN followers f ON f.owner = v.owner LEFT JOIN kept k ON k.view = v.id WHERE v.id = ?",
            (new, old.has_names, number),
        )
        self._remove(number)


def _encoded(view: View) -> str:
    return msgspec.json.encode(view).decode()
