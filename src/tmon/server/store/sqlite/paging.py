# SPDX-License-Identifier: GPL-3.0-or-later
"""A page of a view's keys, from its counts, that are sought or sorted by another measure than requests.

Unlike a ranking's (ranking.py), their order may depend on any measure, so all of them are added up for every key.
"""

from __future__ import annotations

from typing import Final

from ..base import Listing, Measures, Page, Sort
from .driver import Connection
from .filtered import measures_of

TABLE: Final = """
CREATE TEMP TABLE IF NOT EXISTS paged(
    key INTEGER PRIMARY KEY, requests, visitors, bots, errors, duration, timed, bytes)
"""
FILL: Final = """
INSERT INTO paged SELECT c.key, c.requests, c.visitors, c.bots, c.errors, c.duration, c.timed, c.bytes
FROM ({buckets}) b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? WHERE true
ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, visitors = visitors + excluded.visitors,
    bots = bots + excluded.bots, errors = errors + excluded.errors, duration = duration + excluded.duration,
    timed = timed + excluded.timed, bytes = bytes + excluded.bytes
"""
SUMS: Final = "requests, visitors, bots, errors, duration, timed, bytes"
SOUGHT: Final = (
    "FROM paged p JOIN keys k ON k.id = p.key WHERE p.key <> 0 AND (? = '' OR contains(k.text, ?))"
)
"""Key 0 is the remainder: what is no longer kept by key."""
ORDER: Final[dict[Sort, str]] = {
    **{name: f"p.{name} DESC, " for name in ("requests", "visitors", "bots", "errors", "bytes")},
    "duration_us": "p.duration DESC, ",
    "duration_ms": "p.duration * 1.0 / p.timed DESC, ",  # without a timed event NULL, which is last
    "key": "",
}


def page(db: Connection, view: int, buckets: tuple[str, list[int]], asked: Page) -> Listing:
    """The page of a view (by number) in the buckets of an SQL query with its parameters."""
    query, parameters = buckets
    db.execute(TABLE)
    db.execute("DELETE FROM paged")
    db.execute(FILL.format(buckets=query), (*parameters, view))
    sought = (asked.search, asked.search)
    (keys,) = db.execute(f"SELECT count(*) {SOUGHT}", sought).fetchone()
    rows = [
        (row[0], measures_of(row[1:]))
        for row in db.execute(
            f"SELECT k.text, {SUMS} {SOUGHT} ORDER BY {ORDER[asked.sort]}k.text LIMIT ? OFFSET ?",
            (*sought, asked.limit, asked.offset),
        )
    ]
    whole = measures_of(
        db.execute(
            "SELECT sum(requests), sum(visitors), sum(bots), sum(errors), total(duration), sum(timed), total(bytes) "
            "FROM paged"
        ).fetchone()
    )
    shown = Measures()
    for _, measures in rows:
        shown = shown.plus(measures)
    other = Measures(*(a - b for a, b in zip(whole, shown, strict=True)))
    return Listing(rows, other if other != Measures() else None, keys)
