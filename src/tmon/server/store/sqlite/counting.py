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

TEMP = """
CREATE TEMP TABLE batch(
    seq INTEGER PRIMARY KEY, wsid, received, ts, hour, day, month, visitor, bot, error, duration, bytes, session,
    place, agent, profile, status, path, referrer, ip, extra, first);
CREATE TEMP TABLE fresh(day, session, visitor, profile, seq);
CREATE TEMP TABLE newcomers(day, session, visitor, profile, seq);
CREATE TEMP TABLE joined(day, key, visitor, seq);
CREATE TEMP TABLE translated(dim PRIMARY KEY, key) WITHOUT ROWID;
CREATE TEMP TABLE groups(
    view, hour, day, month, key, requests, visitors, bots, errors, duration, timed, bytes, seq, hour_key, day_key,
    PRIMARY KEY(view, hour, key)) WITHOUT ROWID;
"""

FILL_BATCH = """
INSERT INTO batch
SELECT v.seq, v.wsid, e.received, v.ts, v.hour, h.day, h.month, iif(a.bot, NULL, v.visitor), a.bot,
    coalesce(p.status >= 500, 0), v.duration, v.bytes, v.session, v.place, v.agent, v.profile, p.status, v.path,
    v.referrer, v.ip, v.extra, 0
FROM log.entries e CROSS JOIN log.events v ON v.wsid = e.wsid AND v.seq BETWEEN e.seq + 1 AND e.seq + e.accepted
CROSS JOIN log.buckets h ON h.id = v.hour CROSS JOIN log.agents a ON a.id = v.agent
CROSS JOIN log.profiles p ON p.id = v.profile
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0
"""
NOT_BEFORE = """
AND NOT EXISTS (SELECT 1 FROM view_from f WHERE f.view = ?3 AND f.wsid = v.wsid AND h.start < f.start)
"""

ROLL = """
INSERT INTO {roll}
SELECT session, hour, day, month, {value}, count(*), sum(first), sum(bot), sum(error), coalesce(sum(duration), 0),
    count(duration), coalesce(sum(bytes), 0), min(seq)
FROM batch b GROUP BY session, hour, 5
"""

SERIES = """
INSERT INTO series
SELECT wsid, {grain}, ts / {grain}000 * {grain} AS start, count(*), sum(first), sum(bot), sum(error),
    coalesce(sum(duration), 0), count(duration), coalesce(sum(bytes), 0)
FROM batch WHERE session = 0 AND (ts / {grain}000 + 1) * {grain}000 + {kept} > received GROUP BY wsid, start
ON CONFLICT DO UPDATE SET {add}
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
        for table in ("batch", "fresh", "newcomers", "groups"):
            db.execute(f"DELETE FROM {table}")
        if owner == IN_STEP:
            db.execute(FILL_BATCH, (position, upto))
        else:
            db.execute(FILL_BATCH + NOT_BEFORE, (position, upto, owner))
        self._find_newcomers(owner)
        if owner == IN_STEP:
            db.execute(
                "INSERT INTO groups SELECT 0, hour, day, month, 1, count(*), sum(first), sum(bot), sum(error), "
                "coalesce(sum(duration), 0), count(duration), coalesce(sum(bytes), 0), min(seq), 1, 1 "
                "FROM batch WHERE session = 0 GROUP BY hour"
            )
            for grain, kept in ((1, SECONDS_KEPT_MS), (60, MINUTES_KEPT_MS)):
                db.execute(SERIES.format(grain=grain, kept=kept, add=ADD))
            keep_ledger(db, position, upto)
        rolled: set[Dimension] = set()
        for one in counted:
            if one.key.dimension not in rolled:
                rolled.add(one.key.dimension)
                self._roll(one.key.dimension)
            self._group(owner, one)
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM fresh", (owner,))
        self.admission.admit(owner)
        for bucket, key in (("hour", "hour_key"), ("day", "day_key"), ("month", "day_key")):
            db.execute(
                f"INSERT INTO counts SELECT {bucket}, view, {key}, {SUMMED} FROM groups "
                f"WHERE true GROUP BY {bucket}, view, {key} ON CONFLICT DO UPDATE SET {ADD}"
            )
        self._note_due()

    def _find_newcomers(self, owner: int) -> None:
        """Fill `newcomers` with the first event of each visitor on its local day, and mark it in the batch.

        `fresh` gets the first events of visitors under further profiles.
        """
        db = self._db
        db.execute(
            "INSERT INTO fresh SELECT * FROM (SELECT day, session, visitor, profile, min(seq) FROM batch "
            "WHERE visitor IS NOT NULL GROUP BY session, day, visitor, profile) n WHERE NOT EXISTS ("
            "SELECT 1 FROM seen s WHERE s.owner = ? AND s.session = n.session AND s.day = n.day "
            "AND s.visitor = n.visitor AND s.profile = n.profile)",
            (owner,),
        )
        db.execute(
            "INSERT INTO newcomers SELECT day, session, visitor, profile, min(seq) FROM fresh n WHERE NOT EXISTS ("
            "SELECT 1 FROM seen s WHERE s.owner = ? AND s.session = n.session AND s.day = n.day "
            "AND s.visitor = n.visitor) GROUP BY session, day, visitor",
            (owner,),
        )
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM newcomers", (owner,))
        db.execute("DELETE FROM fresh WHERE seq IN (SELECT seq FROM newcomers)")
        db.execute("UPDATE batch SET first = 1 WHERE seq IN (SELECT seq FROM newcomers)")

    def _roll(self, dimension: Dimension) -> None:
        name = self._rolls.get(dimension)
        if name is None:
            name = self._rolls[dimension] = f"roll_{len(self._rolls)}"
            self._db.execute(
                f"CREATE TEMP TABLE {name}(session, hour, day, month, dim, requests, first, bots, errors, duration, "
                "timed, bytes, seq)"
            )
        self._db.execute(f"DELETE FROM {name}")
        self._db.execute(ROLL.format(roll=name, value=dimension.value))

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
        visitors = "0" if one.view.visitors == "none" else "sum(r.first)"
        db.execute(
            "INSERT INTO groups SELECT ?, r.hour, r.day, r.month, t.key, sum(r.requests), "
            f"{visitors}, sum(r.bots), sum(r.errors), sum(r.duration), sum(r.timed), sum(r.bytes), min(r.seq), "
            f"t.key, t.key FROM {roll} r JOIN translated t ON t.dim = r.dim WHERE r.session = {session} "
            "GROUP BY r.hour, t.key",
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
            "JOIN translated t ON t.dim = f.profile WHERE f.session = ?2 GROUP BY f.day, f.visitor, t.key) n "
            "WHERE NOT EXISTS (SELECT 1 FROM seen s JOIN log.profiles d ON d.id = s.profile WHERE s.owner = ?1 "
            f"AND s.session = ?2 AND s.day = n.day AND s.visitor = n.visitor AND {one.key.text} = "
            "(SELECT text FROM keys WHERE id = n.key))",
            (owner, session),
        )

    def _join_by_key(self, one: Counted, session: int) -> None:
        """Fill `joined` likewise for a view whose field is not of the profile, from the members that it keeps."""
        db, value = self._db, one.key.dimension.value
        db.execute(
            "INSERT INTO members SELECT b.day, ?1, t.key, b.visitor FROM newcomers c JOIN batch b ON b.seq = c.seq "
            f"JOIN translated t ON t.dim = {value} WHERE b.session = ?2",
            (one.number, session),
        )
        db.execute("DELETE FROM joined")
        db.execute(
            "INSERT INTO joined SELECT * FROM (SELECT b.day, t.key, b.visitor, min(b.seq) "
            f"FROM batch b JOIN translated t ON t.dim = {value} "
            "WHERE b.visitor IS NOT NULL AND b.first = 0 AND b.session = ?2 GROUP BY b.day, t.key, b.visitor) n "
            "WHERE NOT EXISTS (SELECT 1 FROM members m WHERE m.day = n.day AND m.view = ?1 AND m.key = n.key "
            "AND m.visitor = n.visitor)",
            (one.number, session),
        )
        db.execute("INSERT INTO members SELECT day, ?, key, visitor FROM joined", (one.number,))

    def _note_due(self) -> None:
        """Counts are kept for a time after the later of their bucket's end and their last change."""
        for bucket, kept in (("hour", HOURS_KEPT_MS), ("day", DAYS_KEPT_MS), ("month", DAYS_KEPT_MS)):
            self._db.execute(
                f"INSERT INTO due SELECT x.{bucket}, max((h.start + h.length) * 1000, x.received) + {kept} FROM "
                f"(SELECT {bucket}, max(received) AS received FROM batch GROUP BY {bucket}) x "
                f"JOIN log.buckets h ON h.id = x.{bucket} "
                "WHERE true ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            )
