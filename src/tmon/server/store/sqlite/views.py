# SPDX-License-Identifier: GPL-3.0-or-later
"""The follower's side of the embedded store: bringing the views of views.db up to a position in the log.

Counting is SQL over a batch of events, so that it runs outside Python's lock. A pass groups the batch once per
dimension, translates dimension values to keys once each, and adds the groups to hours, days and months; counts and
position move in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from ...catalogue import View
from ...events import SESSION
from ..base import (
    DAYS_KEPT_MS,
    HOURS_KEPT_MS,
    MINUTES_KEPT_MS,
    SECONDS_KEPT_MS,
    Damaged,
    Limits,
)
from .admission import Admission
from .keys import PROFILE, Dimension, Key, key_of
from .log import CLOSING, DELETION, ERASURE
from .schema import HOUR

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

LEDGER = """
INSERT INTO runs
SELECT e.wsid, s.text, r.text, min(e.received), max(e.received), max(e.sent),
    sum(e.accepted + e.repeated + e.rejected), sum(e.accepted), sum(e.repeated), sum(e.rejected),
    sum(e.status <> 200), max(e.closing), '{}', 0
FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 GROUP BY e.wsid, e.source, e.run
ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen),
    sent = max(coalesce(sent, excluded.sent), coalesce(excluded.sent, sent)),
    arrived = arrived + excluded.arrived, stored = stored + excluded.stored,
    repeated = repeated + excluded.repeated, rejected = rejected + excluded.rejected,
    refused = refused + excluded.refused, closed = max(closed, excluded.closed)
"""
LEDGER_LOST = """
UPDATE runs SET lost = x.lost, lost_at = x.at FROM (
    SELECT e.wsid, s.text AS source, r.text AS run, e.lost AS lost, max(coalesce(e.run_seq, 0)) AS at
    FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run
    WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 AND e.lost IS NOT NULL GROUP BY e.wsid, e.source, e.run) x
WHERE runs.wsid = x.wsid AND runs.source = x.source AND runs.run = x.run AND x.at >= runs.lost_at
"""
LEDGER_REASONS = """
INSERT INTO run_reasons
SELECT e.wsid, s.text, r.text, j.key, sum(j.value)
FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run, json_each(e.reasons) j
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 AND e.reasons IS NOT NULL GROUP BY e.wsid, e.source, e.run, j.key
ON CONFLICT DO UPDATE SET events = events + excluded.events
"""


class Counted(NamedTuple):
    """A view as the follower counts it: its number, and the SQL of its key."""

    number: int
    view: View
    key: Key


class Follower:
    """Brings views further along the log; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits
        self._admission = Admission(connection, limits)
        connection.executescript(TEMP)
        self._rolls: dict[Dimension, str] = {}
        self._turn = 0
        end = self.log_end()
        for owner, position in connection.execute("SELECT owner, position FROM followers").fetchall():
            if position > end:
                raise Damaged(
                    f"the views (follower {owner}) are at entry {position}, the log ends at {end}: log.db is older than "
                    "views.db; restore both from one backup"
                )

    def log_end(self) -> int:
        """The number of the log's last entry or event."""
        (following,) = self._db.execute("SELECT value FROM log.meta WHERE name = 'next'").fetchone()
        return int(following) - 1

    def advance(self, counted: dict[int, Sequence[Counted]], most: int) -> bool:
        """One pass of one follower, each in its turn; `counted` has the views by follower. True if more is left."""
        end = self.log_end()
        positions = dict(self._db.execute("SELECT owner, position FROM followers").fetchall())
        in_step = positions[IN_STEP]
        # a view that fills goes no further than those in step, so that it can join them
        waiting = [owner for owner, position in positions.items() if position < (in_step if owner else end)]
        if not waiting:
            return False
        self._turn += 1
        owner = waiting[self._turn % len(waiting)]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._pass(owner, counted.get(owner, ()), positions[owner], end if owner == IN_STEP else in_step, most)
            self._db.execute("COMMIT")
        except BaseException:
            self._admission.forget()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return True

    def _pass(self, owner: int, counted: Sequence[Counted], position: int, end: int, most: int) -> None:
        special = self._db.execute(
            "SELECT seq, kind, wsid, bucket, erased FROM log.entries WHERE kind <> 0 AND seq > ? AND seq <= ? "
            "ORDER BY seq LIMIT 1",
            (position, end),
        ).fetchone()
        upto = min(end, special[0] - 1) if special is not None else end
        if position < upto:
            last = self._db.execute(
                "SELECT seq, accepted FROM log.entries WHERE seq > ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
                (position, min(upto, position + most)),
            ).fetchone()
            if last is None:  # entries that have expired before any follower needed them
                following = self._db.execute(
                    "SELECT min(seq) FROM log.entries WHERE seq > ?", (position,)
                ).fetchone()[0]
                reached = upto if following is None or following > upto else following - 1
            else:
                reached = last[0] + last[1]
                self._count(owner, counted, position, reached)
        else:
            assert special is not None
            reached = special[0]
            self._apply(owner, counted, *special[1:])
        self._db.execute("UPDATE followers SET position = ? WHERE owner = ?", (reached, owner))
        if owner != IN_STEP and reached == end:
            self._join(owner)

    def _join(self, owner: int) -> None:
        """The view that filled has caught up: from now on it goes with those in step."""
        self._db.execute("UPDATE views SET owner = ? WHERE owner = ?", (IN_STEP, owner))
        for table in ("followers", "seen", "closed"):
            self._db.execute(f"DELETE FROM {table} WHERE owner = ?", (owner,))  # noqa: S608 our own names

    # -- counting -------------------------------------------------------------------------------------------------

    def _count(self, owner: int, counted: Sequence[Counted], position: int, upto: int) -> None:
        db = self._db
        for table in ("batch", "fresh", "newcomers", "groups"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608
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
            for statement in (LEDGER, LEDGER_LOST, LEDGER_REASONS):
                db.execute(statement, (position, upto))
        rolled: set[Dimension] = set()
        for one in counted:
            if one.key.dimension not in rolled:
                rolled.add(one.key.dimension)
                self._roll(one.key.dimension)
            self._group(owner, one)
        db.execute("INSERT INTO seen SELECT ?, session, day, visitor, profile FROM fresh", (owner,))
        self._admission.admit(owner)
        for bucket, key in (("hour", "hour_key"), ("day", "day_key"), ("month", "day_key")):
            db.execute(
                f"INSERT INTO counts SELECT {bucket}, view, {key}, {SUMMED} FROM groups "  # noqa: S608
                f"WHERE true GROUP BY {bucket}, view, {key} ON CONFLICT DO UPDATE SET {ADD}"
            )
        self._note_due()

    def _find_newcomers(self, owner: int) -> None:
        """Fill `newcomers` with the first event of each visitor on its local day, and mark it in the batch; fill `fresh`
        with the first events of visitors under further profiles."""
        db = self._db
        db.execute(
            "INSERT INTO fresh SELECT * FROM (SELECT day, session, visitor, profile, min(seq) FROM batch "
            "WHERE visitor IS NOT NULL GROUP BY session, day, visitor, profile) n WHERE NOT EXISTS (SELECT 1 FROM seen s "
            "WHERE s.owner = ? AND s.session = n.session AND s.day = n.day AND s.visitor = n.visitor "
            "AND s.profile = n.profile)",
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
        self._db.execute(f"DELETE FROM {name}")  # noqa: S608
        self._db.execute(ROLL.format(roll=name, value=dimension.value))

    def _group(self, owner: int, one: Counted) -> None:
        db, roll, key = self._db, self._rolls[one.key.dimension], one.key
        session = 1 if one.view.kind == SESSION else 0
        shared = f"LEFT JOIN log.{key.dimension.table} d ON d.id = r.dim" if key.dimension.table else ""
        values = f"(SELECT DISTINCT dim FROM {roll} WHERE session = {session}) r {shared}"  # noqa: S608
        db.execute("DELETE FROM translated")
        db.execute(
            f"INSERT OR IGNORE INTO keys(text) SELECT DISTINCT {key.text} FROM {values} "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.text = {key.text})"
        )
        db.execute(f"INSERT INTO translated SELECT r.dim, k.id FROM {values} JOIN keys k ON k.text = {key.text}")  # noqa: S608
        visitors = "0" if one.view.visitors == "none" else "sum(r.first)"
        db.execute(
            "INSERT INTO groups SELECT ?, r.hour, r.day, r.month, t.key, sum(r.requests), "
            f"{visitors}, sum(r.bots), sum(r.errors), sum(r.duration), sum(r.timed), sum(r.bytes), min(r.seq), "
            f"t.key, t.key FROM {roll} r JOIN translated t ON t.dim = r.dim WHERE r.session = {session} "  # noqa: S608
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
            f"AND s.session = ?2 AND s.day = n.day AND s.visitor = n.visitor AND {one.key.text} = "  # noqa: S608
            "(SELECT text FROM keys WHERE id = n.key))",
            (owner, session),
        )

    def _join_by_key(self, one: Counted, session: int) -> None:
        """Fill `joined` likewise for a view whose field is not of the profile, from the members that it keeps itself."""
        db, value = self._db, one.key.dimension.value
        db.execute(
            "INSERT INTO members SELECT b.day, ?1, t.key, b.visitor FROM newcomers c JOIN batch b ON b.seq = c.seq "
            f"JOIN translated t ON t.dim = {value} WHERE b.session = ?2",  # noqa: S608
            (one.number, session),
        )
        db.execute("DELETE FROM joined")
        db.execute(
            "INSERT INTO joined SELECT * FROM (SELECT b.day, t.key, b.visitor, min(b.seq) "
            f"FROM batch b JOIN translated t ON t.dim = {value} "  # noqa: S608
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
                f"INSERT INTO due SELECT x.{bucket}, max((h.start + h.length) * 1000, x.received) + {kept} FROM "  # noqa: S608
                f"(SELECT {bucket}, max(received) AS received FROM batch GROUP BY {bucket}) x "
                f"JOIN log.buckets h ON h.id = x.{bucket} "
                "WHERE true ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            )

    # -- the writer's own entries ---------------------------------------------------------------------------------

    def _apply(
        self, owner: int, counted: Sequence[Counted], kind: int, wsid: int, bucket: int | None, erased: str | None
    ) -> None:
        numbers = [one.number for one in counted]
        if kind == CLOSING:
            assert bucket is not None
            self._close(owner, numbers, bucket)
        elif kind == ERASURE:
            names = [one.number for one in counted if one.view.grouped_by == "username"]
            if erased:
                self._erase(names, wsid, erased)
        elif kind == DELETION and owner == IN_STEP:
            self._delete(wsid)
        self._admission.forget()

    def _close(self, owner: int, views: Sequence[int], day: int) -> None:
        db = self._db
        db.execute("INSERT OR IGNORE INTO closed VALUES (?, ?)", (owner, day))
        for session in (0, 1):
            db.execute("DELETE FROM seen WHERE owner = ? AND session = ? AND day = ?", (owner, session, day))
        hours = [row[0] for row in db.execute(f"SELECT id FROM log.buckets WHERE day = ? AND grain = {HOUR}", (day,))]
        (month,) = db.execute("SELECT month FROM log.buckets WHERE id = ?", (day,)).fetchone()
        for view in views:
            db.execute("DELETE FROM members WHERE day = ? AND view = ?", (day, view))
            for bucket in (day, *hours):
                self._keep_largest(view, bucket, month if bucket == day else None)

    def _keep_largest(self, view: int, bucket: int, month: int | None) -> None:
        """Move all but the largest keys of a bucket to its remainder; what a day moves, its month moves too."""
        db = self._db
        (keys,) = db.execute(
            "SELECT count(*) FROM counts WHERE bucket = ? AND view = ? AND key <> 0", (bucket, view)
        ).fetchone()
        if keys <= self._limits.day_keys:
            return
        db.execute("CREATE TEMP TABLE small AS SELECT * FROM counts LIMIT 0")
        db.execute(
            "INSERT INTO small SELECT c.* FROM counts c JOIN keys k ON k.id = c.key WHERE c.bucket = ? AND c.view = ? "
            "ORDER BY c.requests DESC, k.text LIMIT -1 OFFSET ?",
            (bucket, view, self._limits.day_keys),
        )
        db.execute(
            "DELETE FROM counts WHERE bucket = ?1 AND view = ?2 AND key IN (SELECT key FROM small)", (bucket, view)
        )
        for into in (bucket,) if month is None else (bucket, month):
            db.execute(
                f"INSERT INTO counts SELECT ?, view, 0, {SUMMED} FROM small WHERE true GROUP BY view "  # noqa: S608
                f"ON CONFLICT DO UPDATE SET {ADD}",
                (into,),
            )
        if month is not None:
            take = ", ".join(f"{name} = counts.{name} - small.{name}" for name in SUMS.split(", "))
            db.execute(
                f"UPDATE counts SET {take} FROM small WHERE counts.bucket = ? AND counts.view = ? "  # noqa: S608
                "AND counts.key = small.key",
                (month, view),
            )
            db.execute(
                "DELETE FROM counts WHERE bucket = ? AND view = ? AND requests = 0 AND key IN (SELECT key FROM small)",
                (month, view),
            )
        db.execute("DROP TABLE small")

    def _erase(self, views: Sequence[int], wsid: int, name: str) -> None:
        db = self._db
        row = db.execute("SELECT id FROM keys WHERE text = ?", (name,)).fetchone()
        if row is None or row[0] == EMPTY:
            return
        key = row[0]
        for view in views:
            buckets = "SELECT id FROM log.buckets WHERE wsid = ?"
            db.execute(
                f"INSERT INTO counts SELECT bucket, view, {EMPTY}, {SUMS} FROM counts WHERE bucket IN ({buckets}) "  # noqa: S608
                f"AND view = ? AND key = ? ON CONFLICT DO UPDATE SET {ADD}",
                (wsid, view, key),
            )
            db.execute(
                f"DELETE FROM counts WHERE bucket IN ({buckets}) AND view = ? AND key = ?",  # noqa: S608
                (wsid, view, key),
            )
        db.execute(
            "DELETE FROM keys WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM counts WHERE key = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM members WHERE key = ?1)",
            (key,),
        )

    def _delete(self, wsid: int) -> None:
        db = self._db
        buckets = "(SELECT id FROM log.buckets WHERE wsid = ?)"
        for table, column in (("counts", "bucket"), ("members", "day"), ("closed", "day"), ("due", "bucket")):
            db.execute(f"DELETE FROM {table} WHERE {column} IN {buckets}", (wsid,))  # noqa: S608
        db.execute(f"DELETE FROM seen WHERE day IN {buckets}", (wsid,))  # noqa: S608
        for table in ("series", "runs", "run_reasons", "gone", "view_from"):
            db.execute(f"DELETE FROM {table} WHERE wsid = ?", (wsid,))  # noqa: S608


def counted_views(views: dict[int, tuple[View, int]]) -> dict[int, list[Counted]]:
    """The views (by number: view and follower) as the follower counts them, by follower."""
    by_owner: dict[int, list[Counted]] = {}
    for number, (view, owner) in sorted(views.items()):
        by_owner.setdefault(owner, []).append(Counted(number, view, key_of(view)))
    return by_owner
