# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys get a row of their own: the limit of an open hour, and the rules of days that are closed.

Both are rare, so the common case costs one look: an hour with fewer requests has fewer keys. In busier ones an upper
bound of the number of keys per view, kept in memory, says that the limit cannot be reached.
"""

from __future__ import annotations

from ..base import Limits
from .batch import Batch
from .driver import Connection

TOTALS = 0
TRACKED = 50_000


BUSY = """
SELECT h.hour AS hour, h.day AS day FROM hours h LEFT JOIN counts c ON c.bucket = h.hour AND c.view = 0 AND c.key = 1
WHERE coalesce(c.requests, 0) + ? > ? OR h.sessions
"""
"""Hours in which some view may have too many keys: not those with fewer requests. Sessions are in no total."""


OF_DAY = "hour IN (SELECT hour FROM hours WHERE day = ?2)"


class Admission:
    """Sets `hour_key` and `day_key` of the temporary table `groups` to the remainder where a key gets no row.

    They are NULL where it gets one.
    """

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits
        self._at_most: dict[tuple[int, int], int] = {}
        """(view, hour) → a number of keys that it cannot exceed, since this process looked last."""

    def forget(self) -> None:
        """Forget the bounds: a transaction was rolled back, or rows were moved."""
        self._at_most.clear()

    def admit(self, owner: int, batch: Batch) -> None:
        """Judge the groups of a batch, in the order of their first events."""
        closed = {
            row[0]
            for row in self._db.execute(
                "SELECT DISTINCT h.day FROM hours h JOIN closed c ON c.owner = ? AND c.day = h.day", (owner,)
            )
        }
        if len(self._at_most) > TRACKED:
            self._at_most.clear()
        for view, hour, day, keys in self._db.execute(
            f"SELECT g.view, b.hour, b.day, count(*) FROM ({BUSY}) b CROSS JOIN groups g ON g.hour = b.hour "
            "WHERE g.view <> 0 GROUP BY b.hour, g.view",
            (batch.events, self._limits.hour_keys),
        ).fetchall():
            if day in closed:
                continue
            before = self._at_most.get((view, hour))
            if before is None:
                before = self._keys(hour, view)
            if before + keys > self._limits.hour_keys:
                before = self._keys(hour, view)
                if before + keys > self._limits.hour_keys:
                    self._admit_open(view, hour, before)
                    self._at_most.pop((view, hour), None)
                    continue
            self._at_most[view, hour] = before + keys
        for day in closed:
            for (view,) in self._db.execute(
                f"SELECT DISTINCT view FROM groups WHERE view <> ?1 AND {OF_DAY}", (TOTALS, day)
            ).fetchall():
                self._admit_closed(OF_DAY, "day_key", day, view)
                for (hour,) in self._db.execute(
                    f"SELECT DISTINCT hour FROM groups WHERE view = ?1 AND {OF_DAY}", (view, day)
                ).fetchall():
                    self._admit_closed("hour = ?2", "hour_key", hour, view)

    def _keys(self, bucket: int, view: int) -> int:
        (keys,) = self._db.execute(
            "SELECT count(*) FROM counts WHERE bucket = ? AND view = ? AND key <> 0", (bucket, view)
        ).fetchone()
        return int(keys)

    def _admit_open(self, view: int, hour: int, keys: int) -> None:
        room = max(0, self._limits.hour_keys - keys)
        self._db.execute(
            "UPDATE groups SET hour_key = 0, day_key = 0 WHERE view = ?1 AND hour = ?2 AND key IN ("
            "SELECT key FROM groups g WHERE view = ?1 AND hour = ?2 AND NOT EXISTS ("
            "SELECT 1 FROM counts c WHERE c.bucket = ?2 AND c.view = ?1 AND c.key = g.key) "
            "ORDER BY seq LIMIT -1 OFFSET ?3)",
            (view, hour, room),
        )

    def _admit_closed(self, of_bucket: str, key_column: str, bucket: int, view: int) -> None:
        """Late events: keys without a row get one while there are few rows and no remainder."""
        has_remainder = self._db.execute(
            "SELECT 1 FROM counts WHERE bucket = ? AND view = ? AND key = 0", (bucket, view)
        ).fetchone()
        room = 0 if has_remainder else max(0, self._limits.day_keys - self._keys(bucket, view))
        self._db.execute(
            f"UPDATE groups SET {key_column} = 0 WHERE view = ?1 AND {of_bucket} AND key IN ("
            f"SELECT key FROM groups g WHERE view = ?1 AND {of_bucket} AND NOT EXISTS ("
            "SELECT 1 FROM counts c WHERE c.bucket = ?2 AND c.view = ?1 AND c.key = g.key) "
            "GROUP BY key ORDER BY min(seq) LIMIT -1 OFFSET ?3)",
            (view, bucket, room),
        )
