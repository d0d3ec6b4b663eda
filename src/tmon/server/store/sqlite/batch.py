# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of one pass, copied from the log as the pass adds them up.

`slot` stands for an event's hour and kind: 2 * hours.n, and 1 more for a session. It is small, so that a roll can have
slot and dimension value in one integer key, which is found twice as fast as a key of two columns.
"""

from __future__ import annotations

from typing import NamedTuple

from .driver import Connection
from .sums import ONE_BOT, ONE_ERROR, ONE_REQUEST, ONE_TIMED

SLOT_BITS = 21
SLOT = (1 << SLOT_BITS) - 1

TABLES = """
CREATE TEMP TABLE hours(n INTEGER PRIMARY KEY, hour, day, month, wsid, received, sessions, requests, day_start);
CREATE INDEX temp.hours_by_hour ON hours(hour, n, day);
CREATE TEMP TABLE batch(
    seq INTEGER PRIMARY KEY, slot, crowd, marks, duration, bytes, place, agent, profile, path, visitor, day,
    ts, received, referrer, flags, ip, extra);
"""

EVENTS = """
FROM log.entries e CROSS JOIN log.events v ON v.wsid = e.wsid AND v.seq BETWEEN e.seq + 1 AND e.seq + e.accepted
{more} WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0
"""
FILL_HOURS = f"""
INSERT INTO hours SELECT NULL, x.hour, h.day, h.month, h.wsid, max(x.received), max(x.session), min(x.session) = 0,
    (SELECT start FROM log.buckets d WHERE d.id = h.day)
FROM (SELECT DISTINCT v.hour AS hour, v.flags & 1 AS session, e.received AS received {EVENTS.format(more="")}) x
CROSS JOIN log.buckets h ON h.id = x.hour
"""
NOT_BEFORE = """
WHERE NOT EXISTS (SELECT 1 FROM view_from f WHERE f.view = ?3 AND f.wsid = h.wsid AND h.start < f.start)
"""
FILL_BATCH = f"""
INSERT INTO batch SELECT v.seq, 2 * h.n + (v.flags & 1), {ONE_REQUEST} + iif(v.flags & 2, {ONE_BOT}, 0),
    iif(v.flags & 4, {ONE_ERROR}, 0) + iif(v.duration IS NULL, 0, {ONE_TIMED}), v.duration, v.bytes,
    v.place, v.agent, v.profile, v.path, iif(v.flags & 2, NULL, v.visitor), h.day,
    v.ts, e.received, v.referrer, v.flags, v.ip, v.extra
{EVENTS.format(more="CROSS JOIN hours h ON h.hour = v.hour")}
"""


class Batch(NamedTuple):
    """What is in the temporary table `batch`: how many events, and of which kinds."""

    events: int
    requests: bool
    sessions: bool

    def has(self, session: int) -> bool:
        """Whether it has events of the kind: 0 requests, 1 sessions."""
        return self.sessions if session else self.requests


def fill(db: Connection, position: int, upto: int, not_before: int | None) -> Batch:
    """Fill `batch` and `hours` with the entries after `position` up to and with `upto`.

    With `not_before`, the number of a view, only with events of days that this view counts.
    """
    db.execute("DELETE FROM hours")
    db.execute("DELETE FROM batch")
    if not_before is None:
        db.execute(f"{FILL_HOURS} GROUP BY x.hour", (position, upto))
    else:
        db.execute(f"{FILL_HOURS} {NOT_BEFORE} GROUP BY x.hour", (position, upto, not_before))
    events = db.changed(FILL_BATCH, (position, upto))
    sessions, requests = db.execute("SELECT max(sessions), max(requests) FROM hours").fetchone()
    return Batch(events, bool(requests), bool(sessions))
