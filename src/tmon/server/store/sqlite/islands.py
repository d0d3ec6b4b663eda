# SPDX-License-Identifier: GPL-3.0-or-later
"""Page requests, and visits that are known already, become visits: gaps and islands, in SQL.

Whoever wants visits puts page requests into `hits` and known visits of the same visitors and days into `former`, and
finds the visits that both make together in `islands`. A time and a page are one integer: milliseconds since the day
began, and the page's rank in the order of the pages' texts. So the least one is where a visit begins, the greatest
where it ends, and requests of the same millisecond are in the order of their paths.
"""

from __future__ import annotations

import sqlite3

from ..base import VISIT_IDLE_MS

RANK_BITS = 32

TABLES = """
CREATE TEMP TABLE IF NOT EXISTS hits(day, visitor, at, page, hour, passes);
CREATE TEMP TABLE IF NOT EXISTS former(day, visitor, start, ended, pages, entry, exit, hour);
CREATE TEMP TABLE IF NOT EXISTS ranks(rank INTEGER PRIMARY KEY, page UNIQUE);
CREATE TEMP TABLE IF NOT EXISTS spans(
    n INTEGER PRIMARY KEY, begins, day, visitor, first, last, pages, hour, passes);
CREATE TEMP TABLE IF NOT EXISTS islands(
    id INTEGER PRIMARY KEY, day, visitor, first, last, pages, hour, passes);
"""

# Pages that no stored value stands for (0) have the empty text.
RANK = """
INSERT INTO temp.ranks(page) SELECT p.page FROM (
    SELECT page FROM temp.hits UNION SELECT entry FROM temp.former UNION SELECT exit FROM temp.former) p
LEFT JOIN {texts} t ON t.id = p.page ORDER BY ifnull(t.text, '')
"""
SPANS = f"""
INSERT INTO temp.spans(begins, day, visitor, first, last, pages, hour, passes)
SELECT ifnull((first >> {RANK_BITS}) - (max(last) OVER earlier >> {RANK_BITS}) > {VISIT_IDLE_MS}, 1),
    day, visitor, first, last, pages, hour, passes
FROM (SELECT h.day AS day, h.visitor AS visitor, h.at << {RANK_BITS} | r.rank AS first,
        h.at << {RANK_BITS} | r.rank AS last, 1 AS pages, h.hour AS hour, h.passes AS passes
    FROM temp.hits h CROSS JOIN temp.ranks r ON r.page = h.page
    UNION ALL SELECT f.day, f.visitor, f.start << {RANK_BITS} | n.rank, f.ended << {RANK_BITS} | x.rank,
        f.pages, f.hour, 0
    FROM temp.former f CROSS JOIN temp.ranks n ON n.page = f.entry CROSS JOIN temp.ranks x ON x.page = f.exit)
WINDOW earlier AS (PARTITION BY day, visitor ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
"""
# Spans come in the order of their numbers, so an island has the beginning and the hour of its first one.
ISLANDS = """
INSERT INTO temp.islands SELECT sum(begins) OVER (ORDER BY n), day, visitor, first, last, pages, hour, passes
FROM temp.spans WHERE true ON CONFLICT DO UPDATE SET last = max(last, excluded.last),
    pages = pages + excluded.pages, passes = max(passes, excluded.passes)
"""
FOUND = f"""
SELECT i.day AS day, i.visitor AS visitor, i.first >> {RANK_BITS} AS start, i.last >> {RANK_BITS} AS ended,
    i.pages AS pages, n.page AS entry, x.page AS exit, i.hour AS hour, i.passes AS passes
FROM temp.islands i CROSS JOIN temp.ranks n ON n.rank = i.first & {(1 << RANK_BITS) - 1}
CROSS JOIN temp.ranks x ON x.rank = i.last & {(1 << RANK_BITS) - 1}
"""
"""The visits, one row each."""

OF_PROFILE = """
EXISTS (SELECT 1 FROM log.profiles f LEFT JOIN log.texts m ON m.id = f.method WHERE f.id = {profile}
    AND (f.status IS NULL OR f.status BETWEEN 200 AND 299 OR f.status = 304) AND ifnull(m.text, '') IN ('', 'GET'))
"""
"""SQL for whether the status and method of a profile are those of page requests; see `visits.is_page_request`."""


def clear(db: sqlite3.Connection) -> None:
    """Empty the tables."""
    for table in ("hits", "former", "ranks", "spans", "islands"):
        db.execute(f"DELETE FROM temp.{table}")


def unite(db: sqlite3.Connection, texts: str) -> None:
    """Fill `islands` from `hits` and `former`; `texts` is the table that has the texts of pages by their `id`."""
    db.execute(RANK.format(texts=texts))
    db.execute(SPANS)
    db.execute(ISLANDS)
