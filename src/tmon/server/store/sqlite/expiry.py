# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting what is past its time from both files, in chunks that no commit has to wait for long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile

from ..base import DAY_MS, LEDGER_RUNS, MINUTES_KEPT_MS, OUTCOMES_KEPT_MS, QUARANTINE_KEPT_MS, SECONDS_KEPT_MS
from .driver import Connection
from .log import CLOSING
from .sessions import Sessions

DEFAULT_RETENTION_DAYS = 14
NEVER = 2**62
ENTRIES_AT_ONCE = 5_000
DICTIONARIES = ("profiles", "texts", "places", "agents", "campaigns")


class LogExpiry:
    """What expires in log.db; used on the writer's connection, inside its transaction."""

    def __init__(self, log: Connection, values_changed: Callable[[], None]) -> None:
        """`values_changed` is called when shared values were deleted whose numbers might be remembered."""
        self._db = log
        self._values_changed = values_changed
        self._cursor = 0
        """Entries up to here were looked at in this round."""

    def expire(self, now_ms: int, retention_days: Mapping[int, int], most: int, passed: int) -> bool:
        """Delete up to `most` events, entries or quarantined payloads up to entry `passed`; True if more is left."""
        return (
            self._events(now_ms, retention_days, most, passed)
            or self._deleted_webservices(passed)
            or self._entries(now_ms, most, passed)
            or self._quarantine(now_ms, most)
            or self._sizes(now_ms, retention_days)
            or self._dictionaries(most)
        )

    def _wsids(self) -> list[int]:
        found: list[int] = []
        following = self._db.execute("SELECT min(wsid) FROM events").fetchone()[0]
        while following is not None:
            found.append(following)
            following = self._db.execute(
                "SELECT min(wsid) FROM events WHERE wsid > ?", (following,)
            ).fetchone()[0]
        return found

    def _events(self, now_ms: int, retention_days: Mapping[int, int], most: int, passed: int) -> bool:
        dropped = {row[0] for row in self._db.execute("SELECT wsid FROM dropped")}
        for wsid in self._wsids():
            if wsid in dropped:
                last = passed
            else:
                days = max(1, retention_days.get(wsid, DEFAULT_RETENTION_DAYS))
                last = min(passed, self._last_due(wsid, now_ms - days * DAY_MS))
            row = self._db.execute(
                "SELECT seq FROM events WHERE wsid = ? AND seq <= ? ORDER BY seq LIMIT 1 OFFSET ?",
                (wsid, last, most),
            ).fetchone()
            if row is not None:
                last = row[0] - 1
            if wsid not in dropped:
                self._db.execute(
                    "INSERT OR IGNORE INTO gone SELECT ?1, d.start, d.start + d.length FROM buckets d WHERE d.id IN ("
                    "SELECT h.day FROM buckets h WHERE h.id IN "
                    "(SELECT DISTINCT hour FROM events WHERE wsid = ?1 AND seq <= ?2))",
                    (wsid, last),
                )
            if self._db.changed("DELETE FROM events WHERE wsid = ? AND seq <= ?", (wsid, last)) > 0:
                return True
        return False

    def _last_due(self, wsid: int, cutoff_ms: int) -> int:
        """The number up to which the web service's oldest events are due; 0 if none is."""
        (first,) = self._db.execute("SELECT min(seq) FROM events WHERE wsid = ?", (wsid,)).fetchone()
        entry = self._db.execute("SELECT max(seq) FROM entries WHERE seq <= ?", (first,)).fetchone()[0]
        last = 0
        for seq, accepted, received, of in self._db.execute(
            "SELECT seq, accepted, received, wsid FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?",
            (entry, ENTRIES_AT_ONCE),
        ):
            if of == wsid and received > cutoff_ms:
                break
            last = seq + accepted
        return last

    def _deleted_webservices(self, passed: int) -> bool:
        """What deleted web services have left in the log besides their events, which went before."""
        row = self._db.execute(
            "SELECT wsid, purged, min(upto, ?1) FROM dropped WHERE purged < min(upto, ?1) LIMIT 1", (passed,)
        ).fetchone()
        if row is None:
            return False
        wsid, purged, upto = row
        (reached,) = self._db.execute(
            "SELECT coalesce((SELECT seq FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 1 OFFSET ?), ?)",
            (purged, upto, ENTRIES_AT_ONCE, upto),
        ).fetchone()
        self._db.execute(
            "DELETE FROM entries WHERE wsid = ? AND seq > ? AND seq <= ?", (wsid, purged, reached)
        )
        self._db.execute("UPDATE dropped SET purged = ? WHERE wsid = ?", (reached, wsid))
        if reached == upto:
            self._db.execute("DELETE FROM profiles WHERE wsid = ?", (wsid,))
            self._values_changed()
        return True

    def _entries(self, now_ms: int, most: int, passed: int) -> bool:
        """Outcomes go after 32 days, and their entries unless they have events that are kept longer.

        The closings of days stay: views that are added later need them.
        """
        rows = self._db.execute(
            "SELECT seq, kind, wsid, accepted, envelope IS NOT NULL, received FROM entries "
            "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (self._cursor, passed, min(most, ENTRIES_AT_ONCE)),
        ).fetchall()
        due = list(takewhile(lambda row: row[5] <= now_ms - OUTCOMES_KEPT_MS, rows))
        for seq, kind, wsid, accepted, has_outcome, _ in due:
            kept = kind == CLOSING or (
                accepted
                and self._db.execute(
                    "SELECT 1 FROM events WHERE wsid = ? AND seq BETWEEN ? AND ?",
                    (wsid, seq + 1, seq + accepted),
                ).fetchone()
            )
            if not kept:
                self._db.execute("DELETE FROM entries WHERE seq = ?", (seq,))
            elif has_outcome:
                self._db.execute(
                    "UPDATE entries SET envelope = NULL, errors = NULL, message = NULL WHERE seq = ?", (seq,)
                )
        self._db.execute(
            "UPDATE entries SET erased = NULL WHERE kind <> 0 AND seq <= ? AND erased IS NOT NULL", (passed,)
        )
        more = bool(rows) and len(due) == len(rows)
        self._cursor = rows[-1][0] if more else 0
        return more

    def _quarantine(self, now_ms: int, most: int) -> bool:
        return (
            self._db.changed(
                "DELETE FROM quarantine WHERE id IN "
                "(SELECT id FROM quarantine WHERE received <= ? ORDER BY id LIMIT ?)",
                (now_ms - QUARANTINE_KEPT_MS, most),
            )
            > 0
        )

    def _sizes(self, now_ms: int, retention_days: Mapping[int, int]) -> bool:
        """Sizes of days of which no web service has events any more; they are few, so they go at once."""
        longest = max(DEFAULT_RETENTION_DAYS, *retention_days.values(), 1)
        return self._db.changed("DELETE FROM sizes WHERE day < ?", (now_ms // DAY_MS - longest,)) > 0

    def _dictionaries(self, most: int) -> bool:
        """Shared values that were last used before the receipt of the oldest entry, so that nothing refers to them."""
        (oldest,) = self._db.execute(
            "SELECT received FROM entries WHERE kind = 0 ORDER BY seq LIMIT 1"
        ).fetchone() or (None,)
        # without any envelope nothing refers to them at all
        day = NEVER if oldest is None else oldest // DAY_MS - 1
        for table in DICTIONARIES:
            deleted = self._db.changed(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE used < ? LIMIT ?)",
                (day, most),
            )
            if deleted > 0:
                self._values_changed()
                return True
        return False


class ViewsExpiry:
    """What expires in views.db; used on the follower's connection, inside a transaction of its own."""

    def __init__(self, views: Connection, sessions: Sessions) -> None:
        self._db = views
        self._sessions = sessions

    def expire(self, now_ms: int, most: int) -> bool:
        """Delete up to about `most` rows; True if more is left."""
        self._sessions.expire()
        return self._series(now_ms, most) or self._counts(now_ms, most) or self._runs(most)

    def _series(self, now_ms: int, most: int) -> bool:
        following = self._db.execute("SELECT min(wsid) FROM series").fetchone()[0]
        while following is not None:
            for grain, kept in ((1, SECONDS_KEPT_MS), (60, MINUTES_KEPT_MS)):
                deleted = self._db.changed(
                    "DELETE FROM series WHERE wsid = ?1 AND grain = ?2 AND start IN (SELECT start FROM series "
                    "WHERE wsid = ?1 AND grain = ?2 AND (start + ?2) * 1000 <= ?3 ORDER BY start LIMIT ?4)",
                    (following, grain, now_ms - kept, most),
                )
                if deleted > 0:
                    return True
            following = self._db.execute(
                "SELECT min(wsid) FROM series WHERE wsid > ?", (following,)
            ).fetchone()[0]
        return False

    def _runs(self, most: int) -> bool:
        """Runs beyond the number that is kept; a sender that names a new one each time fills no disk."""
        for (wsid,) in self._db.execute(
            "SELECT wsid FROM runs GROUP BY wsid HAVING count(*) > ?", (LEDGER_RUNS,)
        ).fetchall():
            oldest = self._db.execute(
                "SELECT wsid, source, run FROM runs WHERE wsid = ? ORDER BY last_seen DESC, source, run "
                "LIMIT ? OFFSET ?",
                (wsid, most, LEDGER_RUNS),
            ).fetchall()
            for table in ("run_reasons", "runs"):
                self._db.executemany(f"DELETE FROM {table} WHERE wsid = ? AND source = ? AND run = ?", oldest)
            return True
        return False

    def _counts(self, now_ms: int, most: int) -> bool:
        deleted = 0
        while deleted < most:
            row = self._db.execute(
                "SELECT d.bucket, b.wsid, b.grain, b.start, coalesce(o.start + o.length, b.start + b.length) "
                "FROM due d JOIN log.buckets b ON b.id = d.bucket LEFT JOIN log.buckets o ON o.id = b.day "
                "WHERE d.at <= ? ORDER BY d.at LIMIT 1",
                (now_ms,),
            ).fetchone()
            if row is None:
                break
            bucket, wsid, grain, start, ended = row
            self._db.execute("INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?)", (wsid, grain, start, ended))
            deleted += 1 + self._db.changed("DELETE FROM counts WHERE bucket = ?", (bucket,))
            self._db.execute("DELETE FROM due WHERE bucket = ?", (bucket,))
        return deleted > 0
