# SPDX-License-Identifier: GPL-3.0-or-later
"""What the writer's own entries do to the views: closing a day, erasing a user name, deleting a web service."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Limits
from .driver import Connection
from .grouping import Counted
from .log import CLOSING, DELETION, ERASURE
from .schema import EMPTY, HOUR, IN_STEP
from .sessions import Sessions
from .sums import ADD, SUMMED, SUMS

NEW_KEYS = 100_000
"""Since the last sweep of keys, before a closed day has another one made: some 100 MB at most."""

KEPT = (
    "SELECT b.id FROM log.buckets b JOIN view_from f ON f.view = ?2 AND f.wsid = b.wsid "
    "WHERE b.wsid = ?1 AND b.start < f.start"
)
"""Buckets of which a view that was counted anew has kept counts, as a whole or (months) in part."""


class Closing:
    """Applies entries of the writer to the views of one follower."""

    def __init__(self, connection: Connection, limits: Limits, sessions: Sessions) -> None:
        self._db = connection
        self._sessions = sessions
        self._limits = limits

    def apply(
        self,
        owner: int,
        counted: Sequence[Counted],
        seq: int,
        kind: int,
        wsid: int,
        bucket: int | None,
        erased: str | None,
    ) -> None:
        """Apply an entry of this number and kind; within the caller's transaction."""
        numbers = [one.number for one in counted]
        if kind == CLOSING:
            assert bucket is not None
            self._close(owner, numbers, bucket)
            self._sweep(NEW_KEYS)
        elif kind == ERASURE:
            if erased:
                if owner == IN_STEP:
                    self._sessions.erase(counted, wsid, erased)
                self._erase(counted, seq, wsid, erased)
        elif kind == DELETION:
            self._delete(wsid)
            self._sessions.drop(wsid)
            self._sweep(0)

    def _close(self, owner: int, views: Sequence[int], day: int) -> None:
        db = self._db
        db.execute("INSERT OR IGNORE INTO closed VALUES (?, ?)", (owner, day))
        for session in (0, 1):
            db.execute("DELETE FROM seen WHERE owner = ? AND session = ? AND day = ?", (owner, session, day))
        db.execute("DELETE FROM visits WHERE owner = ? AND day = ?", (owner, day))
        for view in views:
            db.execute("DELETE FROM members WHERE day = ? AND view = ?", (day, view))
            self._trim(view, day)

    def close_anew(self, view: int) -> None:
        """Close, for a view that has counted the sessions that are known, the days that are closed."""
        for (day,) in self._db.execute(
            "SELECT day FROM closed WHERE owner = ? AND day IN (SELECT day FROM sessions)", (IN_STEP,)
        ).fetchall():
            self._trim(view, day)

    def _trim(self, view: int, day: int) -> None:
        """Keep the largest keys of a day and of its hours."""
        (month,) = self._db.execute("SELECT month FROM log.buckets WHERE id = ?", (day,)).fetchone()
        self._keep_largest(view, day, month)
        for (hour,) in self._db.execute(
            f"SELECT id FROM log.buckets WHERE day = ? AND grain = {HOUR}", (day,)
        ).fetchall():
            self._keep_largest(view, hour, None)

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
            "DELETE FROM counts WHERE bucket = ?1 AND view = ?2 AND key IN (SELECT key FROM small)",
            (bucket, view),
        )
        for into in (bucket,) if month is None else (bucket, month):
            db.execute(
                f"INSERT INTO counts SELECT ?, view, 0, {SUMMED} FROM small WHERE true GROUP BY view "
                f"ON CONFLICT DO UPDATE SET {ADD}",
                (into,),
            )
        if month is not None:
            take = ", ".join(f"{name} = counts.{name} - small.{name}" for name in SUMS.split(", "))
            db.execute(
                f"UPDATE counts SET {take} FROM small WHERE counts.bucket = ? AND counts.view = ? "
                "AND counts.key = small.key",
                (month, view),
            )
            db.execute(
                "DELETE FROM counts WHERE bucket = ? AND view = ? AND requests = 0 AND key IN (SELECT key FROM small)",
                (month, view),
            )
        db.execute("DROP TABLE small")

    def _erase(self, counted: Sequence[Counted], seq: int, wsid: int, name: str) -> None:
        """Move a name to the empty key, in the views that have names and had not passed this entry before.

        A view that is counted anew meets it again: what it has kept was erased then, what the log has is without the
        name, and whoever had it later still does. One that had user names for keys before has them in what it kept.
        """
        db = self._db
        row = db.execute("SELECT id FROM keys WHERE text = ?", (name,)).fetchone()
        if row is None or row[0] == EMPTY:
            return
        key = row[0]
        kept = {
            view: (upto, names) for view, upto, names in db.execute("SELECT view, position, names FROM kept")
        }
        for view, definition, _ in counted:
            upto, names = kept.get(view, (0, 0))
            if seq <= upto:
                continue
            if definition.has_names:
                buckets = "SELECT id FROM log.buckets WHERE wsid = ?1"
            elif names:
                buckets = KEPT
            else:
                continue
            db.execute(
                f"INSERT INTO counts SELECT bucket, view, {EMPTY}, {SUMS} FROM counts WHERE bucket IN ({buckets}) "
                f"AND view = ?2 AND key = ?3 ON CONFLICT DO UPDATE SET {ADD}",
                (wsid, view, key),
            )
            db.execute(
                f"DELETE FROM counts WHERE bucket IN ({buckets}) AND view = ?2 AND key = ?3",
                (wsid, view, key),
            )
        db.execute(
            "DELETE FROM keys WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM counts WHERE key = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM members WHERE key = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM visits WHERE entry = ?1 OR exit = ?1)",
            (key,),
        )

    def _sweep(self, more_than: int) -> None:
        """Delete the texts of keys that no count has any more, once there are so many new ones since the last time.

        It reads all counts: 0.1 s a million.
        """
        db = self._db
        (newest,) = db.execute("SELECT max(id) FROM keys").fetchone()
        row = db.execute("SELECT value FROM meta WHERE name = 'swept'").fetchone()
        if newest - (row[0] if row else 0) <= more_than:
            return
        db.execute(
            f"DELETE FROM keys WHERE id > {EMPTY} AND id NOT IN "
            "(SELECT key FROM counts UNION SELECT key FROM members UNION SELECT entry FROM visits "
            "UNION SELECT exit FROM visits)"
        )
        db.execute("INSERT OR REPLACE INTO meta SELECT 'swept', max(id) FROM keys")

    def _delete(self, wsid: int) -> None:
        db = self._db
        buckets = "(SELECT id FROM log.buckets WHERE wsid = ?)"
        for table, column in (("counts", "bucket"), ("members", "day"), ("closed", "day"), ("due", "bucket")):
            db.execute(f"DELETE FROM {table} WHERE {column} IN {buckets}", (wsid,))
        for table in ("seen", "visits"):
            db.execute(f"DELETE FROM {table} WHERE day IN {buckets}", (wsid,))
        for table in ("series", "runs", "run_reasons", "gone", "view_from"):
            db.execute(f"DELETE FROM {table} WHERE wsid = ?", (wsid,))
