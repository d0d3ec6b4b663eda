# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting a stretch of the log: SQL over a batch of events, so that it runs outside Python's lock.

The batch is grouped once per dimension, dimension values are translated to keys once each, and the groups are added to
hours, days and months.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ...catalogue import View
from ...events import SESSION
from ..base import DAYS_KEPT_MS, HOURS_KEPT_MS, MINUTES_KEPT_MS, SECONDS_KEPT_MS, Limits
from .admission import Admission
from .keys import PROFILE, Dimension, Key, key_of
from .ledger import keep_ledger

SUMS = "requests, visitors, bots, errors, duration, timed, bytes"
ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS.split(", "))
SUMMED = ", ".join(f"sum({name})" for name in SUMS.split(", "))
IN_STEP = 0
REMAINDER, EMPTY = 0, 1

# What is added up row by row into a table with a key is faster here than GROUP BY, which sorts: 0.4 against 1.1 to
# 1.8 seconds for a million events, and rows come in the order of their numbers, so the first event stays the first.
TEMP = """
CREATE TEMP TABLE batch(
    seq INTEGER PRIMARY KEY, wsid, received, ts, hour, day, visitor, bot, error, duration, bytes, session,
    place, agent, profile, path, referrer, flags, ip, extra, first);
CREATE TEMP TABLE hours(hour INTEGER PRIMARY KEY, received);
CREATE TEMP TABLE fresh(
    session, day, visitor, profile, seq, PRIMARY KEY(session, day, visitor, profile)) WITHOUT ROWID;
CREATE TEMP TABLE newcomers(session, day, visitor, profile, seq);
CREATE TEMP TABLE joined(day, key, visitor, seq, PRIMARY KEY(day, key, visitor)) WITHOUT ROWID;
CREATE TEMP TABLE translated(dim PRIMARY KEY, key) WITHOUT ROWID;
CREATE TEMP TABLE groups(
    view, hour, day, month, key, requests, visitors, bots, errors, duration, timed, bytes, seq, hour_key, day_key,
    PRIMARY KEY(hour, view, key)) WITHOUT ROWID;
"""

FILL_BATCH = """
INSERT INTO batch
SELECT v.seq, v.wsid, e.received, v.ts, v.hour, h.day, iif(v.flags & 2, NULL, v.visitor), (v.flags & 2) / 2,
    (v.flags & 4) / 4, v.duration, v.bytes, v.flags & 1, v.place, v.agent, v.profile, v.path, v.referrer, v.flags,
    v.ip, v.extra, 0
FROM log.entries e CROSS JOIN log.events v ON v.wsid = e.wsid AND v.seq BETWEEN e.seq + 1 AND e.seq + e.accepted
CROSS JOIN log.buckets h ON h.id = v.hour
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0
"""
NOT_BEFORE = """
AND NOT EXISTS (SELECT 1 FROM view_from f WHERE f.view = ?3 AND f.wsid = v.wsid AND h.start < f.start)
"""

ONE_EVENT = "1, first, bot, error, coalesce(duration, 0), duration IS NOT NULL, coalesce(bytes, 0)"

DROP_BEFORE = """
DELETE FROM groups WHERE view IN (SELECT view FROM view_from) AND EXISTS (
    SELECT 1 FROM log.buckets d JOIN view_from f ON f.wsid = d.wsid
    WHERE d.id = groups.day AND f.view = groups.view AND d.start < f.start)
"""

ROLL = """
INSERT INTO {roll} SELECT session, hour, {value}, {one}, seq FROM batch b WHERE true ON CONFLICT DO UPDATE SET {add}
"""

SERIES = """
INSERT INTO series SELECT wsid, {grain}, ts / {grain}000 * {grain}, {one} FROM batch
WHERE session = 0 AND (ts / {grain}000 + 1) * {grain}000 + {kept} > received ON CONFLICT DO UPDATE SET {add}
"""


class Counted(NamedTuple):
    """A view as the follower counts it: its number, and the SQL of its key."""

    number: int
    view: View
    key: Key


def counted_views(views: dict[int, tuple[View, int]]) -> dict[int, list[Counted]]:
    """The views (by number: view and follower) as the follower counts them, by follower."""
    by_owner: dict[int, list[Counted]] = {}
    for number, (view, owner) in sorted(views.items()):
        by_owner.setdefault(owner, []).append(Counted(number, view, key_of(view)))
    return by_owner


class Counting:
    """Counts what the log has between two positions, for the views of one follower."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._db = connection
        self.admission = Admission(connection, limits)
        self._rolls: dict[Dimension, str] = {}
        connection.executescript(TEMP)

    def count(self, owner: int, counted: Sequence[Counted], position: int, upto: int) -> None:
        """Count the entries after `position` up to and with `upto`; within the caller's transaction."""
        db = self._db
        for table in ("batch", "hours", "fresh", "newcomers", "groups"):
            db.execute(f"DELETE FROM {table}")
        if owner == IN_STEP:
            db.execute(FILL_BATCH, (position, upto))
        else:
            db.execute(FILL_BATCH + NOT_BEFORE, (position, upto, owner))
        db.execute(
            "INSERT INTO hours SELECT hour, received FROM batch WHERE true "
            "ON CONFLICT DO UPDATE SET received = max(received, excluded.received)"
        )
        self._find_newcomers(owner)
        if owner == IN_STEP:
            self._count_totals()
            for grain, kept in ((1, SECONDS_KEPT_MS), (60, MINUTES_KEPT_MS)):
                db.execute(SERIES.format(grain=grain, kept=kept, one=ONE_EVENT, add=ADD))
            keep_ledger(db, position, upto)
        rolled: set[Dimension] = set()
        for one in counted:
            if one.key.dimension not in rolled:
                rolled.add(one.key.dimension)
                self._roll(one.key.dimension)
            self._group(owner, one)
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM fresh", (owner,))
        db.execute(DROP_BEFORE)
        self.admission.admit(owner)
        # groups come in the order of counts, and a remainder that several of them join is added up by the conflict
        db.execute(
            f"INSERT INTO counts SELECT hour, view, hour_key, {SUMS} FROM groups "
            f"WHERE true ON CONFLICT DO UPDATE SET {ADD}"
        )
        for bucket in ("day", "month"):
            db.execute(
                f"INSERT INTO counts SELECT {bucket}, view, day_key, {SUMMED} FROM groups "
                f"WHERE true GROUP BY {bucket}, view, day_key ON CONFLICT DO UPDATE SET {ADD}"
            )
        self._note_due()

    def _count_totals(self) -> None:
        self._db.execute(
            "INSERT INTO groups SELECT 0, b.hour, h.day, h.month, 1, 1, first, bot, error, coalesce(duration, 0), "
            "duration IS NOT NULL, coalesce(bytes, 0), seq, 1, 1 "
            "FROM batch b CROSS JOIN log.buckets h ON h.id = b.hour "
            f"WHERE session = 0 ON CONFLICT DO UPDATE SET {ADD}"
        )

    def _find_newcomers(self, owner: int) -> None:
        """Fill `newcomers` with the first event of each visitor on its local day, and mark it in the batch.

        `fresh` gets the first events of visitors under further profiles.
        """
        db = self._db
        db.execute(
            "INSERT OR IGNORE INTO fresh SELECT session, day, visitor, profile, seq FROM batch b "
            "WHERE visitor IS NOT NULL AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.owner = ? AND "
            "s.session = b.session AND s.day = b.day AND s.visitor = b.visitor AND s.profile = b.profile)",
            (owner,),
        )
        db.execute(
            "INSERT INTO newcomers SELECT session, day, visitor, profile, min(seq) FROM fresh n WHERE NOT EXISTS ("
            "SELECT 1 FROM seen s WHERE s.owner = ? AND s.session = n.session AND s.day = n.day "
            "AND s.visitor = n.visitor) GROUP BY session, day, visitor",
            (owner,),
        )
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM newcomers", (owner,))
        db.execute(
            "DELETE FROM fresh WHERE (session, day, visitor, profile) IN "
            "(SELECT session, day, visitor, profile FROM newcomers)"
        )
        db.execute("UPDATE batch SET first = 1 WHERE seq IN (SELECT seq FROM newcomers)")

    def _roll(self, dimension: Dimension) -> None:
        name = self._rolls.get(dimension)
        if name is None:
            name = self._rolls[dimension] = f"roll_{len(self._rolls)}"
            self._db.execute(
                f"CREATE TEMP TABLE {name}(session, hour, dim, {SUMS}, seq, "
                "PRIMARY KEY(session, hour, dim)) WITHOUT ROWID"
            )
        self._db.execute(f"DELETE FROM {name}")
        self._db.execute(ROLL.format(roll=name, value=dimension.value, one=ONE_EVENT, add=ADD))

    def _group(self, owner: int, one: Counted) -> None:
        db, roll, key = self._db, self._rolls[one.key.dimension], one.key
        session = 1 if one.view.kind == SESSION else 0
        shared = f"LEFT JOIN log.{key.dimension.table} d ON d.id = r.dim" if key.dimension.table else ""
        values = f"(SELECT DISTINCT dim FROM {roll} WHERE session = {session}) r {shared}"
        db.execute("DELETE FROM translated")
        db.execute(
            f"INSERT OR IGNORE INTO keys(text) SELECT DISTINCT {key.text} FROM {values} "
            f"WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.text = {key.text})"
        )
        db.execute(
            f"INSERT INTO translated SELECT r.dim, k.id FROM {values} JOIN keys k ON k.text = {key.text}"
        )
        visitors = "0" if one.view.visitors == "none" else "r.visitors"
        db.execute(
            f"INSERT INTO groups SELECT ?, r.hour, h.day, h.month, t.key, r.requests, {visitors}, r.bots, r.errors, "
            f"r.duration, r.timed, r.bytes, r.seq, t.key, t.key FROM {roll} r CROSS JOIN translated t ON t.dim = r.dim "
            f"CROSS JOIN log.buckets h ON h.id = r.hour WHERE r.session = {session} "
            f"ON CONFLICT DO UPDATE SET {ADD}, seq = min(seq, excluded.seq)",
            (one.number,),
        )
        if one.view.visitors == "distinct":
            if key.dimension == PROFILE:
                self._join_by_profile(owner, one, session)
            else:
                self._join_by_key(one, session)
            db.execute(
                "UPDATE groups SET visitors = groups.visitors + x.visitors FROM (SELECT b.hour, j.key, count(*) AS "
                "visitors FROM joined j JOIN batch b ON b.seq = j.seq GROUP BY b.hour, j.key) x "
                "WHERE groups.view = ? AND groups.hour = x.hour AND groups.key = x.key",
                (one.number,),
            )

    def _join_by_profile(self, owner: int, one: Counted, session: int) -> None:
        """Fill `joined` with visitors who are new to a key, though not to the day: none of their profiles has it."""
        self._db.execute("DELETE FROM joined")
        self._db.execute(
            "INSERT INTO joined SELECT * FROM (SELECT f.day, t.key, f.visitor, min(f.seq) FROM fresh f "
            "CROSS JOIN translated t ON t.dim = f.profile WHERE f.session = ?2 GROUP BY f.day, f.visitor, t.key) n "
            "WHERE NOT EXISTS (SELECT 1 FROM seen s CROSS JOIN log.profiles d ON d.id = s.profile WHERE s.owner = ?1 "
            f"AND s.session = ?2 AND s.day = n.day AND s.visitor = n.visitor AND {one.key.text} = "
            "(SELECT text FROM keys WHERE id = n.key))",
            (owner, session),
        )

    def _join_by_key(self, one: Counted, session: int) -> None:
        """Fill `joined` likewise for a view whose field is not of the profile, from the members that it keeps."""
        db, value = self._db, one.key.dimension.value
        db.execute(
            "INSERT INTO members SELECT b.day, ?1, t.key, b.visitor FROM newcomers c "
            f"CROSS JOIN batch b ON b.seq = c.seq CROSS JOIN translated t ON t.dim = {value} WHERE b.session = ?2",
            (one.number, session),
        )
        db.execute("DELETE FROM joined")
        db.execute(
            "INSERT OR IGNORE INTO joined SELECT b.day, t.key, b.visitor, b.seq FROM batch b "
            f"CROSS JOIN translated t ON t.dim = {value} WHERE b.visitor IS NOT NULL AND b.first = 0 "
            "AND b.session = ?2 AND NOT EXISTS (SELECT 1 FROM members m WHERE m.day = b.day AND m.view = ?1 "
            "AND m.key = t.key AND m.visitor = b.visitor)",
            (one.number, session),
        )
        db.execute("INSERT INTO members SELECT day, ?, key, visitor FROM joined", (one.number,))

    def _note_due(self) -> None:
        """Counts are kept for a time after the later of their bucket's end and their last change."""
        for bucket, kept in (("id", HOURS_KEPT_MS), ("day", DAYS_KEPT_MS), ("month", DAYS_KEPT_MS)):
            self._db.execute(
                f"INSERT INTO due SELECT b.id, max((b.start + b.length) * 1000, x.received) + {kept} FROM "
                f"hours x JOIN log.buckets h ON h.id = x.hour JOIN log.buckets b ON b.id = h.{bucket} "
                "WHERE true ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            )
