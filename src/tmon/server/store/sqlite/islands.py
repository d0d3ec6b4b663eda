# SPDX-License-Identifier: GPL-3.0-or-later
"""Page requests, and visits that are known already, become visits: gaps and islands, in SQL.

Times are milliseconds since the local day began, which is cut into *slots* as long as a visitor may idle. Whatever he
does in one slot is of one visit. So page requests are added up by slot as they are read, row by row; a known visit
joins the slot that it begins in, where there can be no other; and few rows are left to be united: an island of those
begins where nothing before has ended within the time to idle.

Requests of the same millisecond are in the order of their paths, so that what arrives first decides nothing.
"""

from __future__ import annotations

from ..base import VISIT_IDLE_MS
from .driver import Connection

TABLES = """
CREATE TEMP TABLE IF NOT EXISTS spans(
    day, visitor, slot, start, ended, pages, entry, exit, hour, passes, PRIMARY KEY(day, visitor, slot)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS former(day, visitor, start, ended, pages, entry, exit, hour);
CREATE TEMP TABLE IF NOT EXISTS marked(
    n INTEGER PRIMARY KEY, begins, day, visitor, start, ended, pages, entry, exit, hour, passes);
CREATE TEMP TABLE IF NOT EXISTS islands(
    id INTEGER PRIMARY KEY, day, visitor, start, ended, pages, entry, exit, hour, passes);
"""

OF_PROFILE = """
EXISTS (SELECT 1 FROM log.profiles f LEFT JOIN log.texts m ON m.id = f.method WHERE f.id = {profile}
    AND (f.status IS NULL OR f.status BETWEEN 200 AND 299 OR f.status = 304) AND ifnull(m.text, '') IN ('', 'GET'))
"""
"""SQL for whether the status and method of a profile are those of page requests; see `visits.is_page_request`."""

HITS = f"""
INSERT INTO temp.spans SELECT day, visitor, at / {VISIT_IDLE_MS}, at, at, 1, page, page, hour, passes
FROM ({{hits}}) WHERE true {{united}}
"""
FORMER = f"""
INSERT INTO temp.spans SELECT day, visitor, start / {VISIT_IDLE_MS}, start, ended, pages, entry, exit, hour, 0
FROM temp.former WHERE true {{united}}
"""
MARKED = f"""
INSERT INTO temp.marked(begins, day, visitor, start, ended, pages, entry, exit, hour, passes)
SELECT ifnull(start - max(ended) OVER earlier > {VISIT_IDLE_MS}, 1),
    day, visitor, start, ended, pages, entry, exit, hour, passes FROM temp.spans
WINDOW earlier AS (PARTITION BY day, visitor ORDER BY slot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
"""
ISLANDS = """
INSERT INTO temp.islands
SELECT sum(begins) OVER (ORDER BY n), day, visitor, start, ended, pages, entry, exit, hour, passes
FROM temp.marked WHERE true {united}
"""


def clear(db: Connection) -> None:
    """Empty the tables."""
    for table in ("spans", "former", "marked", "islands"):
        db.execute(f"DELETE FROM temp.{table}")


def add_hits(db: Connection, hits: str, parameters: tuple[object, ...] = (), *, texts: str = "keys") -> int:
    """Add the page requests that an SQL query finds: day, visitor, at, page, hour, passes. Returns how many rows.

    `texts` is the table that has the texts of pages by their `id`; a page of none (0) has the empty text.
    """
    return db.changed(HITS.format(hits=hits, united=_united("spans", texts)), parameters)


def unite(db: Connection, *, texts: str = "keys") -> None:
    """Fill `islands` with the visits that the page requests and those in `former` make together."""
    db.execute(FORMER.format(united=_united("spans", texts)))
    db.execute(MARKED)
    db.execute(ISLANDS.format(united=_united("islands", texts)))


def _united(table: str, texts: str) -> str:
    """SQL that unites a row with one of the table that is of the same visit."""

    def text(page: str) -> str:
        return f"ifnull((SELECT t.text FROM {texts} t WHERE t.id = {page}), '')"

    def comes_first(time: str, page: str, sign: str) -> str:
        new, old = f"excluded.{page}", f"{table}.{page}"
        return (
            f"(excluded.{time} {sign} {table}.{time} OR excluded.{time} = {table}.{time} AND {new} <> {old} "
            f"AND {text(new)} {sign} {text(old)})"
        )

    return (
        f"ON CONFLICT DO UPDATE SET entry = iif({comes_first('start', 'entry', '<')}, excluded.entry, entry), "
        f"exit = iif({comes_first('ended', 'exit', '>')}, excluded.exit, exit), "
        "hour = iif(excluded.start < start, excluded.hour, hour), start = min(start, excluded.start), "
        "ended = max(ended, excluded.ended), pages = pages + excluded.pages, passes = max(passes, excluded.passes)"
    )
