# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss ledger: what each run of each source says it sent, and what became of it."""

from __future__ import annotations

from ..base import LOST_REASONS
from .driver import Connection

RUNS = """
INSERT INTO runs
SELECT e.wsid, s.text, r.text, min(e.received), max(e.received), max(e.sent),
    sum(e.accepted + e.repeated + e.rejected), sum(e.accepted), sum(e.repeated), sum(e.rejected),
    sum(e.status <> 200), max(e.closing), '{}'
FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 GROUP BY e.wsid, e.source, e.run
ON CONFLICT DO UPDATE SET first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen),
    sent = max(coalesce(sent, excluded.sent), coalesce(excluded.sent, sent)),
    arrived = arrived + excluded.arrived, stored = stored + excluded.stored,
    repeated = repeated + excluded.repeated, rejected = rejected + excluded.rejected,
    refused = refused + excluded.refused, closed = max(closed, excluded.closed)
"""
LOST = """
WITH said AS (
    SELECT e.wsid AS wsid, s.text AS source, r.text AS run, j.key AS reason, max(j.value) AS events
    FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run, json_each(e.lost) j
    WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 AND e.lost IS NOT NULL GROUP BY e.wsid, e.source, e.run, j.key)
UPDATE runs SET lost = (
    SELECT json_group_object(reason, events) FROM (
        SELECT reason, max(events) AS events FROM (
            SELECT reason, events FROM said WHERE wsid = runs.wsid AND source = runs.source AND run = runs.run
            UNION ALL SELECT key, value FROM json_each(runs.lost)) GROUP BY reason ORDER BY 2 DESC, reason LIMIT ?3))
WHERE (wsid, source, run) IN (SELECT wsid, source, run FROM said)
"""
REASONS = """
INSERT INTO run_reasons
SELECT e.wsid, s.text, r.text, j.key, sum(j.value)
FROM log.entries e JOIN log.texts s ON s.id = e.source JOIN log.texts r ON r.id = e.run, json_each(e.reasons) j
WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 0 AND e.reasons IS NOT NULL GROUP BY e.wsid, e.source, e.run, j.key
ON CONFLICT DO UPDATE SET events = events + excluded.events
"""


def keep_ledger(views: Connection, position: int, upto: int) -> None:
    """Add the envelopes after entry `position` up to and with `upto`; within the caller's transaction."""
    views.execute(RUNS, (position, upto))
    views.execute(LOST, (position, upto, LOST_REASONS))
    views.execute(REASONS, (position, upto))
