# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to filtered questions, from the events themselves.

Events are read twice: to add them up by dimension value, and to find the first one of each visitor. Neither needs the
other, so of many events they are read beside each other. Both go row by row into temporary tables with keys, which is
two to four times as fast here as GROUP BY. They come in the order of their numbers, so the first event of a visitor is
the one that INSERT OR IGNORE keeps.

What an event costs is SQLite's steps for it. So its flags are part of what it is added up under, instead of sums of
their own, and visitors are kept by day first: those of one day come together, and stay in the processor's cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ...catalogue import VISIT, View
from ...events import REQUEST, SESSION
from ..base import Filter, Grain, Listing, Measures, Page, Period, Ranking, Timed
from ..pages import page_of
from . import filtered_sessions
from .beside import Second, both
from .driver import Connection
from .filtered_visits import FilteredVisits, Matching
from .keys import Dimension, Key, key_of
from .schema import HOUR

INSIDE, BOT, ERROR, TIMED = 1, 2, 4, 8
"""What rows of `sums` are told apart by besides the dimension value; bots and errors as in the log."""

ADD_UP = """
INSERT INTO temp.sums SELECT {written}, 1, ifnull(b.duration, 0), ifnull(b.bytes, 0)
FROM log.events b WHERE b.wsid = ? AND b.flags & 1 = ? AND {where}
ON CONFLICT DO UPDATE SET requests = requests + 1, duration = duration + excluded.duration,
    bytes = bytes + excluded.bytes
"""
FLAGS = f"(b.flags & {BOT | ERROR}) | ((b.duration IS NOT NULL) << 3) | {{inside}}"

NAME = """
INSERT INTO temp.keyed SELECT dim, {text} FROM ({dims}) r {shared}
"""
FIRST_EVENTS = f"""
INSERT OR IGNORE INTO temp.first SELECT h.day, b.visitor, {{dim}}, (b.seq << 1) | {{inside}}
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour {{alike}}
WHERE b.wsid = ? AND b.flags & {1 | BOT} = ? AND b.visitor IS NOT NULL AND {{where}} ORDER BY b.seq
"""
ALIKE = """
INSERT INTO temp.alike SELECT dim, of_key FROM (
    SELECT dim, min(dim) OVER (PARTITION BY key) AS of_key FROM temp.keyed) WHERE dim <> of_key
"""
FOLD = """
INSERT INTO temp.folded SELECT f.day, f.visitor, ifnull(a.of_key, f.dim), f.at
FROM temp.first f LEFT JOIN temp.alike a ON a.dim = f.dim WHERE true
ON CONFLICT DO UPDATE SET at = min(at, excluded.at)
"""
"""Of dimension values with the same key, a visitor's first event is that of all of them."""
FEW_VALUES = {"profiles": "WHERE wsid = {wsid}", "places": "", "agents": ""}
"""Tables of which all values are named before their events are read: many of them have the same key."""
COUNT_FIRST = """
INSERT INTO temp.visitors SELECT dim, 1 FROM temp.{first} WHERE at & 1
ON CONFLICT DO UPDATE SET visitors = visitors + 1
"""
SUMS = f"""
SELECT k.key, sum(requests), sum(iif({{flags}} & {BOT}, requests, 0)), sum(iif({{flags}} & {ERROR}, requests, 0)),
    total(duration), sum(iif({{flags}} & {TIMED}, requests, 0)), total(bytes)
FROM temp.sums s JOIN temp.keyed k ON k.dim = {{dim}} WHERE {{flags}} & {INSIDE} GROUP BY k.key
"""
TIMINGS = """
SELECT s.start, {text} AS key, sum(r.timed), total(r.duration) FROM (
    SELECT {bucket} AS bucket, {dim} AS dim, count(*) AS timed, total(b.duration) AS duration
    FROM log.events b WHERE b.wsid = ? AND b.flags & 1 = ? AND b.duration IS NOT NULL AND {where} GROUP BY 1, 2) r
JOIN log.buckets s ON s.id = r.bucket {shared} WHERE s.start >= ? AND s.start < ? GROUP BY 1, 2
"""
VISITORS = (
    "SELECT k.key, sum(visitors) FROM temp.visitors v JOIN temp.keyed k ON k.dim = v.dim GROUP BY k.key"
)


class _Sums(NamedTuple):
    """How dimension values and the rows of `sums` are kept: their columns, and SQL to write an event's, and to read."""

    value: str
    columns: str
    written: str
    dim: str
    flags: str


_NUMBERED = _Sums(
    "dim INTEGER PRIMARY KEY",
    "id INTEGER PRIMARY KEY, requests, duration, bytes",
    f"(({{dim}}) << 4) | {FLAGS}",
    "(s.id >> 4)",
    "s.id",
)
_TEXTS = _Sums(
    "dim TEXT PRIMARY KEY",
    "dim TEXT, flags INTEGER, requests, duration, bytes, PRIMARY KEY(dim, flags)",
    f"{{dim}}, {FLAGS}",
    "s.dim",
    "s.flags",
)

_ALL = Key(Dimension("0"), "r.dim")
_BUCKET = "(SELECT start FROM log.buckets WHERE id = r.dim)"
BUCKETS: dict[Grain, Key] = {
    "second": Key(Dimension("b.ts / 1000"), "r.dim"),
    "minute": Key(Dimension("b.ts / 60000 * 60"), "r.dim"),
    "hour": Key(Dimension("b.hour"), _BUCKET),
    "day": Key(Dimension("(SELECT day FROM log.buckets WHERE id = b.hour)"), _BUCKET),
    "month": Key(Dimension("(SELECT month FROM log.buckets WHERE id = b.hour)"), _BUCKET),
}
"""Keys by which a series is counted: the starts of its buckets."""


class Filtered:
    """Filtered questions on one reading connection, used by one thread at a time, broad ones on a second too."""

    def __init__(self, connection: Connection, second: Second) -> None:
        self._db = connection
        self._second = second

    def ranking(self, view: View, period: Period, limit: int) -> Ranking:
        """The largest keys of a view among the events that match the period's filters."""
        found = self._by_key(view, period)
        rows = sorted(found.items(), key=lambda item: (-item[1].requests, item[0]))
        return ranking_of(rows[:limit], _sum(found.values()))

    def page(self, view: View, period: Period, page: Page) -> Listing:
        """A part of the keys of a view among the events that match the period's filters."""
        return page_of(self._by_key(view, period), Measures(), page)

    def figures(self, view: View, period: Period, keys: Sequence[str]) -> Ranking:
        """These keys of a view among the events that match the period's filters."""
        found = self._by_key(view, period)
        rows = [(key, found.get(key, Measures())) for key in dict.fromkeys(keys)]
        return ranking_of(rows, _sum(found.values()))

    def _by_key(self, view: View, period: Period) -> dict[str, Measures]:
        if view.kind == SESSION:
            return filtered_sessions.by_key(self._db, view, period)
        if view.kind == VISIT:
            return {row[0]: measures_of(row[1:]) for row in self._visits(period).by_key(view)}
        visitors: Any = view.visitors
        return self._answer(period, view.kind, key_of(view), visitors, inside=_inside(period))

    def totals(self, period: Period) -> Measures:
        """The totals of the events that match."""
        return self._answer(period, REQUEST, _ALL, "first", inside=_inside(period)).get(0, Measures())

    def series(self, grain: Grain, period: Period) -> dict[int, Measures]:
        """The totals of the events that match, per bucket that starts in the period."""
        found = self._answer(period, REQUEST, BUCKETS[grain], "first", inside="1")
        return {start: sums for start, sums in found.items() if period.start <= start < period.end}

    def sessions(self, grain: Grain, period: Period) -> dict[int, Measures]:
        """The sessions that pass, per bucket that starts in the period."""
        return filtered_sessions.by_bucket(self._db, grain, period)

    def visits(self, grain: Grain, period: Period) -> dict[int, Measures]:
        """The visits of which an event matches, per bucket that starts in the period."""
        return {row[0]: measures_of(row[1:]) for row in self._visits(period).by_bucket(grain)}

    def _visits(self, period: Period) -> FilteredVisits:
        scans = _Scans(self._db, _Asked(period, REQUEST, _ALL, by_key=False, inside="1"))
        return FilteredVisits(self._db, period, scans.matching())

    def timings(self, view: View, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        """The durations of the events that match, per bucket that starts in the period and key of a view."""
        if view.kind == SESSION:
            return filtered_sessions.timings(self._db, view, grain, period)
        if view.kind == VISIT:
            return timings_of(self._visits(period).timings(view, grain))
        key = key_of(view)
        where, values = _Scans(self._db, _Asked(period, view.kind, key, by_key=False, inside="1")).where()
        dimension, text, _ = key
        rows = self._db.execute(
            TIMINGS.format(
                text=text,
                bucket=BUCKETS[grain].dimension.value,
                dim=dimension.value,
                shared=f"LEFT JOIN log.{dimension.table} d ON d.id = r.dim" if dimension.table else "",
                where=where,
            ),
            (*values, period.start, period.end),
        )
        return timings_of(rows)

    def _answer(
        self,
        period: Period,
        kind: str,
        key: Key,
        visitors: Literal["first", "distinct", "none"],
        *,
        inside: str,
    ) -> dict[Any, Measures]:
        """Measures by key of those events of the period's days for which `inside`, SQL for 0 or 1, is 1."""
        asked = _Asked(period, kind, key, by_key=visitors == "distinct", inside=inside)
        scans = _Scans(self._db, asked)
        if visitors == "none":
            return scans.sums()
        found, numbers = both(
            self._db,
            self._second,
            period.wsid,
            lambda _: scans.sums(),
            lambda db: (scans if db is self._db else _Scans(db, asked)).visitors(),
        )
        for one, number in numbers.items():
            found[one] = found[one]._replace(visitors=number)
        return found


class _Asked(NamedTuple):
    """What is asked of the events; visitors are told apart by key, or (`by_key` false) count with their first event."""

    period: Period
    kind: str
    key: Key
    by_key: bool
    inside: str


class _Scans:
    """Reads the events on one connection. Tables are made once, so the second of its answers has less to do."""

    def __init__(self, connection: Connection, asked: _Asked) -> None:
        self._db = connection
        self._asked = asked
        self._kept = _NUMBERED if asked.key.dimension.numbered else _TEXTS
        self._where: tuple[str, Sequence[Any]] | None = None
        self._named = False

    def sums(self) -> dict[Any, Measures]:
        """The measures by key, without visitors."""
        kept, dimension = self._kept, self._asked.key.dimension
        where, values = self.where()
        self._make(sums=kept.columns)
        written = kept.written.format(dim=dimension.value, inside=self._asked.inside)
        self._db.execute(ADD_UP.format(written=written, where=where), values)
        self._name(f"SELECT DISTINCT {kept.dim} AS dim FROM temp.sums s")
        return {
            row[0]: Measures(row[1], 0, *(int(value) for value in row[2:]))
            for row in self._db.execute(SUMS.format(dim=kept.dim, flags=kept.flags))
        }

    def visitors(self) -> dict[Any, int]:
        """The numbers of visitors by key."""
        db, asked, kept = self._db, self._asked, self._kept
        where, values = self.where()
        # those who are told apart by key have one first event for each
        columns = f"day, visitor, dim, at, PRIMARY KEY(day, visitor{', dim' if asked.by_key else ''})"
        self._make(first=columns, visitors=f"{kept.value}, visitors")
        dim, alike, first = asked.key.dimension.value, "", "first"
        table = asked.key.dimension.table
        if asked.by_key and table in FEW_VALUES:
            of_wsid = FEW_VALUES[table].format(wsid=asked.period.wsid)
            self._name(f"SELECT id AS dim FROM log.{table} {of_wsid} UNION ALL SELECT 0")
        named = self._named
        if asked.by_key and named and self._are_some_alike():
            alike, dim = f"LEFT JOIN temp.alike a ON a.dim = {dim}", f"ifnull(a.of_key, {dim})"
        db.execute(FIRST_EVENTS.format(dim=dim, inside=asked.inside, alike=alike, where=where), values)
        self._name("SELECT DISTINCT dim FROM temp.first")
        if asked.by_key and not named and self._are_some_alike():
            self._make(folded=columns)
            db.execute(FOLD)
            first = "folded"
        db.execute(COUNT_FIRST.format(first=first))
        return dict(db.execute(VISITORS))

    def _are_some_alike(self) -> bool:
        """Whether some of the dimension values in `keyed` have the same key; those are in `alike`."""
        self._make(alike=f"{self._kept.value}, of_key")
        return self._db.changed(ALIKE) > 0

    def _name(self, dims: str) -> None:
        """Have the keys of these dimension values in `keyed`, unless it was made: the first has all that come later."""
        if self._named:
            return
        dimension, text, _ = self._asked.key
        shared = f"LEFT JOIN log.{dimension.table} d ON d.id = r.dim" if dimension.table else ""
        self._make(keyed=f"{self._kept.value}, key")
        self._db.execute(NAME.format(text=text, dims=dims, shared=shared))
        self._named = True

    def where(self) -> tuple[str, Sequence[Any]]:
        """The conditions for the events, and the values of the scans' parameters."""
        if self._where is None:
            period, kind = self._asked.period, self._asked.kind
            of_days, conditions, parameters = self.matching()
            where = " AND ".join([*of_days, *conditions]) or "1"
            self._where = where, (period.wsid, 1 if kind == SESSION else 0, *parameters)
        return self._where

    def matching(self) -> Matching:
        """The conditions alone."""
        period = self._asked.period
        return Matching(self._of_days(period), *self._matching(period.filters))

    def _of_days(self, period: Period) -> list[str]:
        """Conditions for events of the period's days: none where all events are, as all of their hours tell."""
        hours = f"FROM log.buckets WHERE wsid = ?1 AND grain = {HOUR} ORDER BY start"
        first, end = self._db.execute(
            f"SELECT (SELECT start {hours} LIMIT 1), (SELECT start + length {hours} DESC LIMIT 1)",
            (period.wsid,),
        ).fetchone()
        if first is None or (period.day_start <= first and end <= period.day_end):
            return []
        return [f"b.ts >= {period.day_start * 1000} AND b.ts < {period.day_end * 1000}"]

    def _matching(self, filters: Sequence[Filter]) -> tuple[list[str], list[str]]:
        """Conditions as `conditions_of` gives them, with the numbers that match looked up in tables of their own."""
        conditions, parameters = [], []
        for number, one in enumerate(filters):
            dimension = key_of(one.view).dimension
            ((condition,), given) = conditions_of([one])
            if dimension.table:
                self._make(**{f"matching_{number}": "number INTEGER PRIMARY KEY"})
                found = condition.removeprefix(f"{dimension.value} IN ")
                self._db.execute(f"INSERT INTO temp.matching_{number} {found[1:-1]}", given)
                conditions.append(f"{dimension.value} IN temp.matching_{number}")
            else:
                conditions.append(condition)
                parameters += given
        return conditions, parameters

    def _make(self, **tables: str) -> None:
        """Make temporary tables of these columns anew."""
        for name, columns in tables.items():
            self._db.execute(f"DROP TABLE IF EXISTS temp.{name}")
            rowid = "" if "INTEGER PRIMARY KEY" in columns else "WITHOUT ROWID"
            self._db.execute(f"CREATE TEMP TABLE {name}({columns}) {rowid}")


def _inside(period: Period) -> str:
    """SQL for whether an event of the period's days is one of the period itself."""
    if (period.start, period.end) == (period.day_start, period.day_end):
        return "1"
    return f"(b.ts >= {period.start * 1000} AND b.ts < {period.end * 1000})"


def measures_of(row: Sequence[Any]) -> Measures:
    """Measures from the seven sums of a row, None counting as 0."""
    return Measures(*(int(value or 0) for value in row))


def timings_of(rows: Iterable[Sequence[Any]]) -> dict[int, dict[str | None, Timed]]:
    """By bucket and key what rows of (bucket's start, key, timed, duration) say."""
    found: dict[int, dict[str | None, Timed]] = {}
    for start, key, timed, duration in rows:
        found.setdefault(start, {})[key] = Timed(int(timed), int(duration))
    return found


def ranking_of(rows: list[tuple[str, Measures]], whole: Measures) -> Ranking:
    """A ranking of these rows, with what is left of the whole."""
    shown = _sum(measures for _, measures in rows)
    other = Measures(*(a - b for a, b in zip(whole, shown, strict=True)))
    return Ranking(rows, other if other != Measures() else None)


def _sum(several: Iterable[Measures]) -> Measures:
    whole = Measures()
    for measures in several:
        whole = whole.plus(measures)
    return whole


def conditions_of(filters: Sequence[Filter]) -> tuple[list[str], list[str]]:
    """SQL conditions over an event `b` for the filters, with their parameters."""
    conditions, parameters = [], []
    for one in filters:
        key = key_of(one.view)
        value = key.dimension.value
        # GLOB tells upper from lower case and knows * as any text; signs that stand for themselves are quoted
        glob = "*".join(re.sub(r"[*?\[]", r"[\g<0>]", text) for text in one.literals)
        not_ = "NOT " if one.negated else ""
        if key.dimension.table:  # the values that pass are listed also where they are those that don't match
            conditions.append(
                f"{value} IN (SELECT d.id FROM log.{key.dimension.table} d WHERE {not_}{key.text} GLOB ? "
                f"UNION ALL SELECT 0 WHERE {not_}'' GLOB ?)"
            )
            parameters += [glob, glob]
        else:
            conditions.append(f"{not_}{key.text.replace('r.dim', value)} GLOB ?")
            parameters.append(glob)
    return conditions, parameters
