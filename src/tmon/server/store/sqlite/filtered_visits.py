# SPDX-License-Identifier: GPL-3.0-or-later
"""Filtered questions about visits, from the events: of visitors with a page request that passes, all visits are made.

Those of which a page request passes are in the temporary table `visited`, one row each, and everything is added up from
there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ...catalogue import View
from ..base import Grain, Period
from . import islands
from .keys import visit_key_of

TABLES: Final = f"""
CREATE TEMP TABLE IF NOT EXISTS passing(day, visitor, PRIMARY KEY(day, visitor)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS page_paths(id INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS page_profiles(id INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS visited(hour, began, start, ended, pages, entry, exit);
{islands.TABLES}
"""
PATHS: Final = """
INSERT INTO temp.page_paths SELECT 0 UNION ALL SELECT t.id FROM log.texts t
WHERE t.id IN (SELECT b.path FROM log.events b WHERE b.wsid = ? AND {of_days}) AND NOT is_asset(t.text)
"""
PROFILES: Final = f"""
INSERT INTO temp.page_profiles SELECT p.id FROM log.profiles p
WHERE p.wsid = ? AND {islands.OF_PROFILE.format(profile="p.id")}
"""
PAGES: Final = """
b.wsid = ? AND b.flags & 3 = 0 AND b.visitor IS NOT NULL AND ifnull(b.path, 0) IN temp.page_paths
AND b.profile IN temp.page_profiles
"""
PASSING: Final = f"""
INSERT OR IGNORE INTO temp.passing SELECT h.day, b.visitor
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour WHERE {PAGES} AND {{where}}
"""
HITS: Final = f"""
SELECT h.day AS day, b.visitor AS visitor, b.ts - 1000 * d.start AS at, ifnull(b.path, 0) AS page, b.hour AS hour,
    {{passes}} AS passes
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour CROSS JOIN log.buckets d ON d.id = h.day
CROSS JOIN temp.passing p ON p.day = h.day AND p.visitor = b.visitor WHERE {PAGES} AND {{of_days}}
"""
VISITED: Final = """
INSERT INTO temp.visited SELECT x.hour, d.start * 1000 + x.start, x.start, x.ended, x.pages, x.entry, x.exit
FROM temp.islands x JOIN log.buckets d ON d.id = x.day WHERE x.passes
"""
SUMS: Final = "count(*), 0, 0, sum(x.pages = 1), sum(x.ended - x.start) * 1000, count(*), sum(x.pages)"
BY_KEY: Final = f"""
SELECT {{text}} AS key, {SUMS} FROM temp.visited x WHERE x.began >= ? AND x.began < ? GROUP BY 1
"""
BY_BUCKET: Final = f"""
SELECT s.start, {SUMS} FROM temp.visited x JOIN log.buckets h ON h.id = x.hour
JOIN log.buckets s ON s.id = h.{{bucket}} WHERE s.start >= ? AND s.start < ? GROUP BY 1
"""
TIMINGS: Final = """
SELECT s.start, {text} AS key, count(*), sum(x.ended - x.start) * 1000 FROM temp.visited x
JOIN log.buckets h ON h.id = x.hour JOIN log.buckets s ON s.id = h.{bucket}
WHERE s.start >= ? AND s.start < ? GROUP BY 1, 2
"""
BUCKETS: Final[dict[Grain, str]] = {"hour": "id", "day": "day", "month": "month"}

Rows = Iterable[Sequence[Any]]


class Matching(NamedTuple):
    """SQL over an event `b`: conditions for the days of a period and for its filters, with these parameters."""

    of_days: list[str]
    filters: list[str]
    parameters: list[str]


class FilteredVisits:
    """Questions about the visits of a period that pass its filters."""

    def __init__(self, connection: sqlite3.Connection, period: Period, matching: Matching) -> None:
        self._db = connection
        self._period = period
        for statement in TABLES.split(";"):
            connection.execute(statement)
        for table in ("passing", "page_paths", "page_profiles", "visited"):
            connection.execute(f"DELETE FROM temp.{table}")
        islands.clear(connection)
        of_days = " AND ".join(matching.of_days) or "1"
        passes = " AND ".join(f"({one})" for one in matching.filters) or "1"
        wsid, parameters = period.wsid, matching.parameters
        connection.execute(PATHS.format(of_days=of_days), (wsid,))
        connection.execute(PROFILES, (wsid,))
        connection.execute(PASSING.format(where=f"{of_days} AND {passes}"), (wsid, *parameters))
        hits = HITS.format(passes=passes, of_days=of_days)
        islands.add_hits(connection, hits, (*parameters, wsid), texts="log.texts")
        islands.unite(connection, texts="log.texts")
        connection.execute(VISITED)

    def by_key(self, view: View) -> Rows:
        """Rows of a key of the view and the measures of its visits that begin in the period."""
        between = (self._period.start * 1000, self._period.end * 1000)
        return self._db.execute(BY_KEY.format(text=_text(view)), between)

    def by_bucket(self, grain: Grain) -> Rows:
        """Rows of the start of a bucket that starts in the period, and the measures of its visits."""
        return self._db.execute(BY_BUCKET.format(bucket=BUCKETS[grain]), self._between())

    def timings(self, view: View, grain: Grain) -> Rows:
        """Rows of such a bucket's start, a key, how many visits it has, and their length in microseconds."""
        return self._db.execute(TIMINGS.format(text=_text(view), bucket=BUCKETS[grain]), self._between())

    def _between(self) -> tuple[int, int]:
        return self._period.start, self._period.end


def _text(view: View) -> str:
    """SQL for the key of a visit `x`."""
    key = visit_key_of(view)
    if isinstance(key, str):
        return f"ifnull((SELECT text FROM log.texts WHERE id = x.{key}), '')"
    return key.text.replace("r.dim", key.dimension.value)
