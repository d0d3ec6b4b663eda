# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting visits: what the page requests of a batch make of the visits of open days.

Of the visitors and days that a batch has page requests of, the known visits are united with these (islands.py) and
replaced by what comes out. The difference, new without old, is added to the counts of the views of visits. It may be
negative, so it does not go through `groups`, whose packed sums cannot be; and since a visit is counted where it is
known, what a view had counted can always be taken back exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...catalogue import VISIT
from . import islands
from .driver import Connection
from .grouping import Counted
from .keys import Key, visit_key_of
from .schema import DAY, HOUR, MONTH
from .sums import ADD

TABLES = f"""
CREATE TEMP TABLE paths(id INTEGER PRIMARY KEY, key);
CREATE TEMP TABLE page_profiles(id INTEGER PRIMARY KEY, page);
CREATE TEMP TABLE classed(view, dim, key, PRIMARY KEY(view, dim)) WITHOUT ROWID;
CREATE TEMP TABLE moved(sign, hour, start, ended, pages, entry, exit);
CREATE TEMP TABLE changes(
    hour, view, key, visits, bounces, duration, pages, PRIMARY KEY(hour, view, key)) WITHOUT ROWID;
CREATE TEMP TABLE targets(hour, bucket, PRIMARY KEY(hour, bucket)) WITHOUT ROWID;
{islands.TABLES}
"""

REMEMBERED = 100_000
"""Paths, profiles and classes whose keys are kept for the next pass."""

NEW_PATHS = """
INSERT INTO paths SELECT p.id, iif(is_asset(ifnull(t.text, '')), NULL, -1) FROM (
    SELECT DISTINCT ifnull(b.path, 0) AS id FROM batch b
    WHERE NOT EXISTS (SELECT 1 FROM paths p WHERE p.id = ifnull(b.path, 0))) p
LEFT JOIN log.texts t ON t.id = p.id
"""
NEW_PATH_KEYS = """
INSERT OR IGNORE INTO keys(text) SELECT t.text FROM paths p CROSS JOIN log.texts t ON t.id = p.id
WHERE p.key = -1 AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.text = t.text)
"""
SET_PATH_KEYS = """
UPDATE paths SET key = (SELECT k.id FROM keys k WHERE k.text =
    ifnull((SELECT t.text FROM log.texts t WHERE t.id = paths.id), '')) WHERE key = -1
"""
NEW_PROFILES = f"""
INSERT INTO page_profiles SELECT p.id, {islands.OF_PROFILE.format(profile="p.id")} FROM (
    SELECT DISTINCT b.profile AS id FROM batch b
    WHERE NOT EXISTS (SELECT 1 FROM page_profiles k WHERE k.id = b.profile)) p
"""
HITS = """
SELECT b.day AS day, b.visitor AS visitor, b.ts - 1000 * h.day_start AS at, p.key AS page, h.hour AS hour, 1 AS passes
FROM batch b CROSS JOIN page_profiles f ON f.id = b.profile AND f.page
CROSS JOIN paths p ON p.id = ifnull(b.path, 0) AND p.key IS NOT NULL CROSS JOIN hours h ON h.n = b.slot >> 1
WHERE b.visitor IS NOT NULL AND b.slot & 1 = 0
"""
FORMER = """
INSERT INTO former SELECT v.day, v.visitor, v.start, v.ended, v.pages, v.entry, v.exit, v.hour
FROM (SELECT DISTINCT day, visitor FROM spans) h
CROSS JOIN visits v ON v.owner = ? AND v.day = h.day AND v.visitor = h.visitor
"""
FORGET = """
DELETE FROM visits WHERE owner = ? AND (day, visitor, start) IN (SELECT day, visitor, start FROM former)
"""
REMEMBER = """
INSERT INTO visits SELECT ?, day, visitor, start, ended, pages, entry, exit, hour FROM islands
"""
MOVED = """
INSERT INTO moved SELECT -1, hour, start, ended, pages, entry, exit FROM former
UNION ALL SELECT 1, hour, start, ended, pages, entry, exit FROM islands
"""
NEW_CLASSES = """
INSERT INTO named SELECT r.dim, {view}, {text} FROM (SELECT DISTINCT {dim} AS dim FROM moved x
    WHERE NOT EXISTS (SELECT 1 FROM classed c WHERE c.view = {view} AND c.dim = {dim})) r
"""
NEW_CLASS_KEYS = """
INSERT OR IGNORE INTO keys(text) SELECT text FROM named n
WHERE NOT EXISTS (SELECT 1 FROM keys k WHERE k.text = n.text)
"""
ADD_CLASSES = """
INSERT INTO classed SELECT n.view, n.dim, k.id FROM named n CROSS JOIN keys k ON k.text = n.text
"""
CHANGE = """
INSERT INTO changes SELECT x.hour, {view}, {key}, x.sign, x.sign * (x.pages = 1),
    x.sign * (x.ended - x.start) * 1000, x.sign * x.pages FROM moved x {classed} WHERE true
ON CONFLICT DO UPDATE SET visits = visits + excluded.visits, bounces = bounces + excluded.bounces,
    duration = duration + excluded.duration, pages = pages + excluded.pages
"""
DROP_UNCHANGED = "DELETE FROM changes WHERE visits = 0 AND bounces = 0 AND duration = 0 AND pages = 0"
DROP_BEFORE = """
DELETE FROM changes WHERE view IN (SELECT view FROM view_from) AND EXISTS (
    SELECT 1 FROM log.buckets h JOIN log.buckets d ON d.id = h.day JOIN view_from f ON f.wsid = d.wsid
    WHERE h.id = changes.hour AND f.view = changes.view AND d.start < f.start)
"""
# Counts of buckets that have expired are not corrected.
TARGETS = f"""
INSERT INTO targets SELECT h.id, b.id FROM (SELECT DISTINCT hour FROM changes) c
CROSS JOIN log.buckets h ON h.id = c.hour CROSS JOIN log.buckets b ON b.id IN (h.id, h.day, h.month)
WHERE b.grain IN ({HOUR}, {DAY}, {MONTH})
AND NOT EXISTS (SELECT 1 FROM gone g WHERE g.wsid = b.wsid AND g.grain = b.grain AND g.start = b.start)
"""
ADD_TO_BUCKETS = f"""
INSERT INTO counts SELECT t.bucket, c.view, c.key, c.visits, 0, 0, c.bounces, c.duration, c.visits, c.pages
FROM targets t CROSS JOIN changes c ON c.hour = t.hour WHERE true ON CONFLICT DO UPDATE SET {ADD}
"""
DROP_EMPTY = """
DELETE FROM counts WHERE requests = 0 AND (bucket, view, key) IN (
    SELECT t.bucket, c.view, c.key FROM targets t CROSS JOIN changes c ON c.hour = t.hour WHERE c.visits < 0)
"""


class Visits:
    """Keeps the visits of open days, and counts them in the views of visits."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._changes: int | None = None
        self._remembered = 0

    def forget(self) -> None:
        """Forget what keys paths and classes have: keys were deleted, or a transaction was rolled back."""
        self._changes = None

    def count(self, owner: int, counted: Sequence[Counted]) -> None:
        """Count what the page requests of the batch change, in those of the views that are of visits."""
        views = [one for one in counted if one.view.kind == VISIT]
        if not views:
            return
        db = self._db
        self._begin()
        self._learn()
        islands.clear(db)
        if islands.add_hits(db, HITS) == 0:
            return
        db.execute(FORMER, (owner,))
        islands.unite(db)
        for table in ("moved", "changes", "targets"):
            db.execute(f"DELETE FROM {table}")
        db.execute(FORGET, (owner,))
        db.execute(REMEMBER, (owner,))
        db.execute(MOVED)
        for one in views:
            self._change(one.number, visit_key_of(one.view))
        db.execute(DROP_UNCHANGED)
        db.execute(DROP_BEFORE)
        db.execute(TARGETS)
        db.execute(ADD_TO_BUCKETS)
        db.execute(DROP_EMPTY)

    def _begin(self) -> None:
        """Forget keys if the log has deleted or changed shared values, whose numbers may return."""
        (changes,) = self._db.execute(
            "SELECT coalesce((SELECT value FROM log.meta WHERE name = 'changes'), 0)"
        ).fetchone()
        if changes != self._changes or self._remembered > REMEMBERED:
            for table in ("paths", "page_profiles", "classed"):
                self._db.execute(f"DELETE FROM {table}")
            self._remembered = 0
            self._changes = changes

    def _learn(self) -> None:
        """Find out of paths and profiles that are new whether they are those of page requests."""
        db = self._db
        paths = db.changed(NEW_PATHS)
        if paths:
            db.execute(NEW_PATH_KEYS)
            db.execute(SET_PATH_KEYS)
        self._remembered += paths + db.changed(NEW_PROFILES)

    def _change(self, view: int, key: str | Key) -> None:
        """Add what has moved to the changes of a view, by its number."""
        db = self._db
        if isinstance(key, str):
            db.execute(CHANGE.format(view=view, key=key, classed=""))
            return
        dim = key.dimension.value
        new = db.changed(NEW_CLASSES.format(view=view, dim=dim, text=key.text))
        if new:
            db.execute(NEW_CLASS_KEYS)
            db.execute(ADD_CLASSES)
            db.execute("DELETE FROM named")
            self._remembered += new
        classed = f"CROSS JOIN classed c ON c.view = {view} AND c.dim = {dim}"
        db.execute(CHANGE.format(view=view, key="c.key", classed=classed))
