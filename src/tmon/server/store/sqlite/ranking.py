# SPDX-License-Identifier: GPL-3.0-or-later
"""The largest keys of a view, from its counts.

A year of pages is some 70,000 rows. All of them are read for what decides about the order, and for visitors, which
have no other total; the other measures are read for those keys that are shown, and as a whole from the totals, which
every view of requests adds up to. Adding up row by row into a table with a key is faster here than GROUP BY, which
sorts: for a year's pages this takes half of the time of one GROUP BY over all measures.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from ..base import Measures, Ranking
from .filtered import measures_of, ranking_of

SUMS = "sum(c.requests), sum(c.visitors), sum(c.bots), sum(c.errors), total(c.duration), sum(c.timed), total(c.bytes)"

ORDERED = "CREATE TEMP TABLE IF NOT EXISTS ordered(key INTEGER PRIMARY KEY, requests, visitors)"
FILL = """
INSERT INTO ordered SELECT c.key, c.requests, c.visitors FROM ({buckets}) b
CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? WHERE true
ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, visitors = visitors + excluded.visitors
"""
LARGEST = """
SELECT o.key, k.text FROM ordered o JOIN keys k ON k.id = o.key WHERE o.key <> 0 AND o.requests >= ifnull(
    (SELECT requests FROM ordered WHERE key <> 0 ORDER BY requests DESC LIMIT 1 OFFSET ? - 1), 0)
ORDER BY o.requests DESC, k.text LIMIT ? OFFSET ?
"""
VISITORS = "SELECT sum(c.visitors) FROM ({buckets}) b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ?"
AT_ONCE = 500
"""Keys that are looked up in one query."""
SHOWN = """
SELECT c.key, {sums} FROM ({buckets}) b
CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? AND c.key IN (SELECT value FROM json_each(?)) GROUP BY c.key
"""


def ranking(
    db: sqlite3.Connection,
    view: int,
    buckets: tuple[str, list[int]],
    limit: int,
    offset: int = 0,
    *,
    adds_up: bool,
) -> Ranking:
    """The `limit` largest keys of a view (by number) in the buckets of an SQL query with its parameters.

    Without as many as `offset` that are larger. How many keys there are is what `counted` says then.
    `adds_up` says that the view has counted every request that the totals of those buckets have.
    """
    query, parameters = buckets
    db.execute(ORDERED)
    db.execute("DELETE FROM ordered")
    db.execute(FILL.format(buckets=query), (*parameters, view))
    largest = db.execute(LARGEST, (offset + limit, limit, offset)).fetchall()
    keys = "[" + ",".join(str(key) for key, _ in largest) + "]"
    shown = {
        row[0]: measures_of(row[1:])
        for row in db.execute(SHOWN.format(sums=SUMS, buckets=query), (*parameters, view, keys))
    }
    whole = totals(db, 0 if adds_up else view, buckets)
    (visitors,) = db.execute("SELECT sum(visitors) FROM ordered").fetchone()
    return ranking_of([(text, shown[key]) for key, text in largest], whole._replace(visitors=visitors or 0))


def counted(db: sqlite3.Connection) -> int:
    """How many keys the last ranking that was made on this connection had to choose from."""
    (keys,) = db.execute("SELECT count(*) FROM ordered WHERE key <> 0").fetchone()
    return int(keys)


def figures(
    db: sqlite3.Connection, view: int, buckets: tuple[str, list[int]], keys: Sequence[str], *, adds_up: bool
) -> Ranking:
    """These keys of a view (by number) in those buckets, whatever their rank; see `ranking`."""
    query, parameters = buckets
    wanted = list(dict.fromkeys(keys))
    numbers: dict[str, int] = {}
    for at in range(0, len(wanted), AT_ONCE):
        part = wanted[at : at + AT_ONCE]
        marks = ", ".join("?" * len(part))
        numbers.update(db.execute(f"SELECT text, id FROM keys WHERE text IN ({marks})", part))
    found = {
        row[0]: measures_of(row[1:])
        for row in db.execute(
            SHOWN.format(sums=SUMS, buckets=query), (*parameters, view, json.dumps([*numbers.values()]))
        )
    }
    whole = totals(db, 0 if adds_up else view, buckets)
    (visitors,) = db.execute(VISITORS.format(buckets=query), (*parameters, view)).fetchone()
    rows = [(key, found.get(numbers.get(key, 0), Measures())) for key in wanted]
    return ranking_of(rows, whole._replace(visitors=visitors or 0))


def totals(db: sqlite3.Connection, view: int, buckets: tuple[str, list[int]]) -> Measures:
    """The sums of all counts of a view in these buckets; of view 0 they are the totals."""
    query, parameters = buckets
    row = db.execute(
        f"SELECT {SUMS} FROM ({query}) b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ?",
        (*parameters, view),
    ).fetchone()
    return measures_of(row)
