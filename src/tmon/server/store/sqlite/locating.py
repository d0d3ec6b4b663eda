# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the latest requests came from: the log is read from its newest event on, until enough are found."""

from __future__ import annotations

from collections.abc import Sequence

from ..base import Box, Filter, Located, Locations
from .driver import Connection
from .filtered import conditions_of

FEW = 4_000
"""Events that are looked at first: most boxes have enough among them, and where 100,000 begin takes 5 ms to find."""

IN_BOX = "b.place IN (SELECT id FROM log.places WHERE {inside})"
OLDEST = "SELECT seq FROM log.events WHERE wsid = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"

LATEST = """
SELECT p.lat, p.lon, p.city, p.country, sum(h.requests) AS requests, sum(h.errors), max(h.latest) AS latest
FROM (SELECT place, count(*) AS requests, sum(failed) AS errors, max(ts) AS latest FROM (
    SELECT b.place, b.ts, b.flags & 4 <> 0 AS failed FROM log.events b
    WHERE {where} ORDER BY b.seq DESC LIMIT ?) GROUP BY place) h
JOIN log.places p ON p.id = h.place
GROUP BY p.lat, p.lon, p.city, p.country ORDER BY requests DESC, latest DESC, p.lat, p.lon, p.city, p.country
"""


def locations(
    db: Connection,
    wsid: int,
    box: Box,
    limit: int,
    most: int,
    between: tuple[int, int] | None,
    filters: Sequence[Filter],
) -> Locations:
    """See Store.locations."""
    conditions, parameters = conditions_of(filters)
    inside = f"lat BETWEEN ? AND ? AND ({' OR '.join('lon BETWEEN ? AND ?' for _ in box.longitudes)})"
    corners = [box.south, box.north, *(bound for part in box.longitudes for bound in part)]
    # What decides most often and is read soonest comes first: a row is decoded from its left.
    times = [] if between is None else [1000 * one for one in between]
    where = ["b.wsid = ?", "b.seq >= ?", *(["b.ts >= ? AND b.ts < ?"] if times else [])]
    where += [IN_BOX.format(inside=inside), "b.flags & 1 = 0", *conditions]
    question = LATEST.format(where=" AND ".join(where))
    anywhere = db.execute(f"SELECT 1 FROM log.places WHERE {inside} LIMIT 1", corners).fetchone()
    places: list[Located] = []
    for looked_at in sorted({min(FEW, most), most}) if anywhere else [most]:
        oldest = db.execute(OLDEST, (wsid, looked_at - 1)).fetchone()
        if anywhere:
            first = 0 if oldest is None else oldest[0]
            rows = db.execute(question, (wsid, first, *times, *corners, *parameters, limit))
            places = [Located(*row) for row in rows]
        enough = sum(one.requests for one in places) >= limit
        if enough or oldest is None:
            break
    return Locations(places, to_the_end=not enough and oldest is None)
