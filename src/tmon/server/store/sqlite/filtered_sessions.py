# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about sessions, from the sessions themselves: which there are, and what those add up to that pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...catalogue import View
from ...sessions import Session
from ..base import Filter, Grain, Measures, Period, StoredSession, Timed
from ..told import Begun, key_of, lengths, passes, summed
from .driver import Connection

SESSION = "s.place, s.user, s.object, s.start, s.ended, s.points, s.over"
STORED = f"""
SELECT s.number, s.source, d.start, {SESSION} FROM sessions s JOIN log.buckets d ON d.id = s.day WHERE s.wsid = ?
"""
BEGUN = f"""
SELECT s.source, h.start, d.start, m.start, {SESSION} FROM sessions s JOIN log.buckets h ON h.id = s.hour
JOIN log.buckets d ON d.id = h.day JOIN log.buckets m ON m.id = h.month
WHERE s.wsid = ? AND s.start >= ? AND s.start < ?
"""


def live(
    db: Connection, wsid: int, since_ms: int, filters: Sequence[Filter], *, ended: bool
) -> list[StoredSession]:
    """See Reader.live_sessions."""
    rows = db.execute(
        f"{STORED} AND s.over <= ? AND s.ended >= ? ORDER BY s.start, s.number", (wsid, ended, since_ms)
    )
    return list(_passing(rows, filters))


def listed(
    db: Connection,
    wsid: int,
    limit: int,
    between: tuple[int, int],
    before: tuple[int, int] | None,
    filters: Sequence[Filter],
) -> list[StoredSession]:
    """See Reader.sessions."""
    start, end = between
    rows = db.execute(
        f"{STORED} AND s.start >= ? AND s.start < ? AND (s.start, s.number) < (?, ?) "
        "ORDER BY s.start DESC, s.number DESC",
        (wsid, start * 1000, end * 1000, *(before or (end * 1000, 0))),
    )
    return list(itertools.islice(_passing(rows, filters), limit))


def by_key(db: Connection, view: View, period: Period) -> dict[str, Measures]:
    """The measures of the sessions that begin in the period and pass, by key."""
    found = _begun(db, period, period.start, period.end)
    return summed(found, lambda one: key_of(view, one.session, one.source))


def by_bucket(db: Connection, grain: Grain, period: Period) -> dict[int, Measures]:
    """Those of buckets that start in the period."""
    return summed(_of_buckets(db, grain, period), lambda one: one.bucket(grain))


def timings(db: Connection, view: View, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
    """Their lengths, by bucket and key."""
    return lengths(_of_buckets(db, grain, period), view, grain)


def _of_buckets(db: Connection, grain: Grain, period: Period) -> Iterator[Begun]:
    for one in _begun(db, period, period.start, period.day_end):
        if period.start <= one.bucket(grain) < period.end:
            yield one


def _begun(db: Connection, period: Period, start: int, end: int) -> Iterator[Begun]:
    """The sessions that begin in [start, end), Unix seconds, and pass the period's filters."""
    for source, hour, day, month, *session in db.execute(BEGUN, (period.wsid, start * 1000, end * 1000)):
        one = Begun(source, _session(session), hour, day, month)
        if passes(one.session, source, period.filters):
            yield one


def _passing(rows: Iterable[Sequence[Any]], filters: Sequence[Filter]) -> Iterator[StoredSession]:
    for row in rows:
        one = _stored(row)
        if passes(one.session, one.source, filters):
            yield one


def _stored(row: Sequence[Any]) -> StoredSession:
    number, source, day, *session = row
    return StoredSession(number, source, _session(session), day)


def _session(row: Sequence[Any]) -> Session:
    place, user, what, start, ended, points, over = row
    return Session(place, user, what, start, ended, points, bool(over))
