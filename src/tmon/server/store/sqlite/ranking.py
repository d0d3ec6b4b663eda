# SPDX-License-Identifier: GPL-3.0-or-later
"""The largest keys of a view, from its counts.

A year of cities is some 100,000 rows, and hardly any of them decides who is largest. So the largest keys of each
bucket are looked at first. A key that is among them in no bucket has at most what the last of them has in each: where
the keys that were looked at leave that behind, they are the largest (as in the threshold algorithm of Fagin, Lotem and
Naor, 2003). Where they don't, and where many keys are asked for, all rows are read for what decides about the order.

The other measures are read for those keys that are shown, and as a whole from the totals, which every view of requests
adds up to; those count visitors as views do whose `visitors` are "first". Adding up row by row into a table with a key
is faster here than GROUP BY, which sorts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from ..base import Measures, Ranking
from . import schema
from .driver import Connection
from .filtered import measures_of, ranking_of

Visitors = Literal["first", "distinct", "none"]
"""How a view counts them; see the catalogue."""

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
FEW = 100
"""Of so many keys at most the largest are sought among those of each bucket."""
MORE = 10
"""How many more than are asked for are looked at in each bucket."""
FIRST = """
SELECT key, requests FROM counts INDEXED BY counts_large
WHERE bucket = ? AND view = ? AND requests >= {large} AND key <> 0 ORDER BY requests DESC LIMIT ?
"""
TEXTS = "SELECT id, text FROM keys WHERE id IN (SELECT value FROM json_each(?))"
VISITORS = "SELECT sum(c.visitors) FROM ({buckets}) b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ?"
AT_ONCE = 500
"""Keys that are looked up in one query."""
SHOWN = """
SELECT c.key, {sums} FROM ({buckets}) b
CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? AND c.key IN (SELECT value FROM json_each(?)) GROUP BY c.key
"""


def ranking(
    db: Connection,
    view: int,
    buckets: tuple[str, list[int]],
    limit: int,
    *,
    adds_up: bool,
    visitors: Visitors,
) -> Ranking:
    """The `limit` largest keys of a view (by number) in the buckets of an SQL query with its parameters.

    `adds_up` says that the view has counted every request that the totals of those buckets have; `visitors` how it
    counts them.
    """
    rows = _few(db, view, buckets, limit) if 0 < limit <= FEW else None
    if rows is None:
        return of_all(db, view, buckets, limit, adds_up=adds_up)
    return ranking_of(rows, _whole(db, view, buckets, adds_up=adds_up, visitors=visitors))


def _few(
    db: Connection, view: int, buckets: tuple[str, list[int]], limit: int
) -> list[tuple[str, Measures]] | None:
    """The largest keys, from the largest ones of each bucket; None where those cannot tell."""
    query, parameters = buckets
    of_bucket = FIRST.format(large=schema.LARGE)
    candidates: set[int] = set()
    others = 0  # the most that a key can have that is not among them
    for (bucket,) in db.execute(query, parameters).fetchall():
        first = db.execute(of_bucket, (bucket, view, limit + MORE)).fetchall()
        candidates.update(key for key, _ in first)
        others += first[-1][1] if len(first) == limit + MORE else schema.LARGE - 1
    if len(candidates) < limit:
        return None
    keys = json.dumps([*candidates])
    texts = dict(db.execute(TEXTS, (keys,)))
    rows = [
        (texts[row[0]], measures_of(row[1:]))
        for row in db.execute(SHOWN.format(sums=SUMS, buckets=query), (*parameters, view, keys))
    ]
    rows.sort(key=lambda row: (-row[1].requests, row[0]))
    return rows[:limit] if rows[limit - 1][1].requests > others else None


def of_all(
    db: Connection,
    view: int,
    buckets: tuple[str, list[int]],
    limit: int,
    offset: int = 0,
    *,
    adds_up: bool,
) -> Ranking:
    """The same from every row, without the `offset` largest; then `counted` says how many keys there are."""
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


def counted(db: Connection) -> int:
    """How many keys the last `of_all` on this connection had to choose from."""
    (keys,) = db.execute("SELECT count(*) FROM ordered WHERE key <> 0").fetchone()
    return int(keys)


def figures(
    db: Connection,
    view: int,
    buckets: tuple[str, list[int]],
    keys: Sequence[str],
    *,
    adds_up: bool,
    visitors: Visitors,
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
    rows = [(key, found.get(numbers.get(key, 0), Measures())) for key in wanted]
    return ranking_of(rows, _whole(db, view, buckets, adds_up=adds_up, visitors=visitors))


def _whole(
    db: Connection, view: int, buckets: tuple[str, list[int]], *, adds_up: bool, visitors: Visitors
) -> Measures:
    """The sums of all keys of a view."""
    whole = totals(db, 0 if adds_up else view, buckets)
    if not adds_up or visitors == "first":  # the totals count visitors as such a view does
        return whole
    if visitors == "none":
        return whole._replace(visitors=0)
    query, parameters = buckets
    (of_keys,) = db.execute(VISITORS.format(buckets=query), (*parameters, view)).fetchone()
    return whole._replace(visitors=of_keys or 0)


def totals(db: Connection, view: int, buckets: tuple[str, list[int]]) -> Measures:
    """The sums of all counts of a view in these buckets; of view 0 they are the totals."""
    query, parameters = buckets
    row = db.execute(
        f"SELECT {SUMS} FROM ({query}) b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ?",
        (*parameters, view),
    ).fetchone()
    return measures_of(row)
