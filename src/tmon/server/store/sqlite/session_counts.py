# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes of sessions add to the counts of views of sessions.

Changes are few beside events, so they go one by one. In days that are closed they are written at once, in their order:
which key still gets a row depends on those before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...events import SESSION
from ...sessions import Session
from ..base import Limits, Measures
from ..told import steps
from .driver import Connection
from .grouping import Counted
from .schema import DAY, HOUR, IN_STEP, MONTH, REMAINDER
from .sums import ADD

BUCKETS = f"""
SELECT b.grain, b.id, b.wsid, d.start, EXISTS (
    SELECT 1 FROM gone g WHERE g.wsid = b.wsid AND g.grain = b.grain AND g.start = b.start), EXISTS (
    SELECT 1 FROM closed c WHERE c.owner = {IN_STEP} AND c.day = h.day)
FROM log.buckets h JOIN log.buckets b ON b.id IN (h.id, h.day, h.month) JOIN log.buckets d ON d.id = h.day
WHERE h.id = ? ORDER BY b.grain
"""
INSERT = f"""
INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {ADD}
"""
DROP_EMPTY = "DELETE FROM counts WHERE bucket = ? AND view = ? AND key = ? AND requests = 0"


class _Hour(NamedTuple):
    """An hour, its day and its month, by their numbers; None where the counts of one are gone."""

    wsid: int
    day_start: int
    closed: bool
    hour: int | None
    day: int | None
    month: int | None


class SessionCounts:
    """Adds changes of sessions to the counts, within the caller's transaction."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits
        self._views: list[Counted] = []
        self._as_if_open = False
        self._since: dict[tuple[int, int], int] = {}
        self._hours: dict[int, _Hour] = {}
        self._keys: dict[str, int] = {}
        self._sums: dict[tuple[int, int, int], Measures] = {}

    def begin(self, counted: Sequence[Counted], *, as_if_open: bool = False) -> None:
        """Start with these views, of which only those of sessions matter.

        With `as_if_open` days that are closed get a row for every key, and whoever asks sees to it that they lose some.
        """
        self._as_if_open = as_if_open
        self._views = [one for one in counted if one.view.kind == SESSION]
        self._since = {}
        for view, wsid, start in self._db.execute("SELECT view, wsid, start FROM view_from"):
            self._since[view, wsid] = start
        self._hours.clear()
        self._keys.clear()
        self._sums = defaultdict(Measures)

    def change(self, source: str, old: tuple[int, Session] | None, new: tuple[int, Session] | None) -> None:
        """A session, with the number of the hour in which it begins, was `old` and is `new`; None is no session."""
        for one in self._views:
            for number, text, measures in steps(one.view, source, old, new):
                hour = self._hour(number)
                if hour.day_start >= self._since.get((one.number, hour.wsid), hour.day_start):
                    self._add(hour, one.number, self._key(text), measures)

    def finish(self) -> None:
        """Write what days that are not closed have got."""
        self._write(self._sums)
        self._sums.clear()

    def _add(self, hour: _Hour, view: int, key: int, measures: Measures) -> None:
        if not hour.closed:
            for bucket in (hour.hour, hour.day, hour.month):
                if bucket is not None:
                    self._sums[bucket, view, key] = self._sums[bucket, view, key].plus(measures)
            return
        if hour.hour is not None:
            self._write({(hour.hour, view, self._when_closed(hour.hour, view, key)): measures})
        if hour.day is not None:
            of_day = self._when_closed(hour.day, view, key)
            self._write({(hour.day, view, of_day): measures})
            if hour.month is not None:
                self._write({(hour.month, view, of_day): measures})

    def _write(self, sums: Mapping[tuple[int, int, int], Measures]) -> None:
        """Add to rows by bucket, view and key; those that are left with nothing go."""
        sums = {row: measures for row, measures in sums.items() if any(measures)}
        self._db.executemany(INSERT, [(*row, *measures) for row, measures in sums.items()])
        self._db.executemany(DROP_EMPTY, [row for row, measures in sums.items() if measures.requests < 0])

    def _when_closed(self, bucket: int, view: int, key: int) -> int:
        """The row of a bucket of a closed day that a key's changes go to: its own, a new one, or the remainder."""
        db = self._db
        of_view = "SELECT 1 FROM counts WHERE bucket = ? AND view = ? AND key = ?"
        if db.execute(of_view, (bucket, view, key)).fetchone():
            return key
        if db.execute(of_view, (bucket, view, REMAINDER)).fetchone():
            return REMAINDER
        (keys,) = db.execute(
            "SELECT count(*) FROM counts WHERE bucket = ? AND view = ?", (bucket, view)
        ).fetchone()
        return key if keys < self._limits.day_keys else REMAINDER

    def _hour(self, number: int) -> _Hour:
        known = self._hours.get(number)
        if known is None:
            found = {row[0]: row for row in self._db.execute(BUCKETS, (number,))}
            _, _, wsid, day_start, _, closed = found[HOUR]
            hour, day, month = (None if found[grain][4] else found[grain][1] for grain in (HOUR, DAY, MONTH))
            known = self._hours[number] = _Hour(
                wsid, day_start, bool(closed) and not self._as_if_open, hour, day, month
            )
        return known

    def _key(self, text: str) -> int:
        known = self._keys.get(text)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO keys(text) VALUES (?)", (text,))
            (number,) = self._db.execute("SELECT id FROM keys WHERE text = ?", (text,)).fetchone()
            known = self._keys[text] = int(number)
        return known
