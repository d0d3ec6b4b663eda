# SPDX-License-Identifier: GPL-3.0-or-later
"""Filtered questions about visits, from the events: of visitors with a page request that passes, all visits are made.

Those of which a page request passes are in the temporary table `visited`, one row each, and everything is added up from
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ...catalogue import View
from ..base import Grain, Period
from . import islands
from .driver import Connection
from .keys import visit_key_of

TABLES: Final = f"""
CREATE TEMP TABLE IF NOT EXISTS passing(
    day INTEGER, visitor INTEGER, PRIMARY KEY(day, visitor)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS page_paths(id INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS page_profiles(id INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS known_pages(changes, texts, profiles);
CREATE TEMP TABLE IF NOT EXISTS visited(hour, began, start, ended, pages, entry, exit);
{islands.TABLES}
"""
KNOWN: Final = """
SELECT changes, texts, profiles, coalesce((SELECT value FROM log.meta WHERE name = 'changes'), 0),
    coalesce((SELECT max(id) FROM log.texts), 0), coalesce((SELECT max(id) FROM log.profiles), 0)
FROM (SELECT 1) LEFT JOIN temp.known_pages
"""
NEW_PATHS: Final = """
INSERT INTO temp.page_paths SELECT t.id FROM log.texts t WHERE t.id > ? AND NOT is_asset(t.text)
"""
NEW_PROFILES: Final = f"""
INSERT INTO temp.page_profiles SELECT p.id FROM log.profiles p
WHERE p.id > ? AND {islands.OF_PROFILE.format(profile="p.id")}
"""
PAGES: Final = """
b.wsid = ? AND {of_days} AND b.flags & 3 = 0 AND b.visitor IS NOT NULL
AND ifnull(b.path, 0) IN temp.page_paths AND b.profile IN temp.page_profiles
"""
PASSING: Final = f"""
INSERT OR IGNORE INTO temp.passing SELECT h.day, b.visitor
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour WHERE {PAGES} AND {{passes}}
"""
HITS: Final = f"""
SELECT h.day AS day, b.visitor AS visitor, b.ts - 1000 * d.start AS at, ifnull(b.path, 0) AS page, b.hour AS hour,
    {{passes}} AS passes
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour CROSS JOIN log.buckets d ON d.id = h.day
{{of_passing}} WHERE {PAGES}
"""
OF_PASSING: Final = "CROSS JOIN temp.passing p ON p.day = h.day AND p.visitor = b.visitor"
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

    def __init__(self, connection: Connection, period: Period, matching: Matching) -> None:
        self._db = connection
        self._period = period
        for statement in TABLES.split(";"):
            connection.execute(statement)
        for table in ("passing", "visited"):
            connection.execute(f"DELETE FROM temp.{table}")
        islands.clear(connection)
        of_days = " AND ".join(matching.of_days) or "1"
        passes = " AND ".join(f"({one})" for one in matching.filters) or "1"
        wsid, parameters = period.wsid, matching.parameters
        self._learn()
        of_passing = ""
        if any(not one.negated for one in period.filters):  # else most visitors pass: visits of all cost less
            connection.execute(PASSING.format(passes=passes, of_days=of_days), (wsid, *parameters))
            of_passing = OF_PASSING
        hits = HITS.format(passes=passes, of_days=of_days, of_passing=of_passing)
        islands.add_hits(connection, hits, (*parameters, wsid), texts="log.texts")
        islands.unite(connection, texts="log.texts")
        connection.execute(VISITED)

    def _learn(self) -> None:
        """Know which paths and profiles are those of page requests: a connection remembers it for later questions.

        They have it from their beginning; of shared values that were deleted the numbers may return.
        """
        db = self._db
        changes, texts, profiles, *now = db.execute(KNOWN).fetchone()
        if [changes, texts, profiles] == now:
            return
        if changes != now[0]:
            for table in ("page_paths", "page_profiles"):
                db.execute(f"DELETE FROM temp.{table}")
            db.execute("INSERT INTO temp.page_paths VALUES (0)")
            texts = profiles = 0
        db.execute(NEW_PATHS, (texts,))
        db.execute(NEW_PROFILES, (profiles,))
        db.execute("DELETE FROM temp.known_pages")
        db.execute("INSERT INTO temp.known_pages VALUES (?, ?, ?)", now)

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
