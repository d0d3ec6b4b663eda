# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to filtered questions, from the events themselves.

Events are read twice: to add them up by dimension value, and to find the first one of each visitor. Both go row by row
into temporary tables with keys, which is two to four times as fast here as GROUP BY. They come in the order of their
numbers, so the first event of a visitor is the one that INSERT OR IGNORE keeps.

What an event costs is SQLite's steps for it. So its flags are part of what it is added up under, instead of sums of
their own, and visitors are kept by day first: those of one day come together, and stay in the processor's cache.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ...catalogue import View
from ...events import REQUEST, SESSION
from ..base import Filter, Grain, Listing, Measures, Page, Period, Ranking, Timed
from ..pages import page_of
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
INSERT INTO temp.keyed SELECT dim, key, {alike} FROM (
    SELECT r.dim AS dim, {text} AS key FROM (SELECT DISTINCT {dim} AS dim FROM temp.sums s) r {shared})
"""
FIRST_EVENTS = f"""
INSERT OR IGNORE INTO temp.first SELECT h.day, b.visitor, {{dim}}, {{inside}}
FROM log.events b CROSS JOIN log.buckets h ON h.id = b.hour {{join}}
WHERE b.wsid = ? AND b.flags & {1 | BOT} = ? AND b.visitor IS NOT NULL AND {{where}} ORDER BY b.seq
"""
COUNT_FIRST = """
INSERT INTO temp.visitors SELECT dim, 1 FROM temp.first WHERE inside
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
    """Filtered questions on one reading connection, used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

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
        visitors: Any = view.visitors
        return self._answer(period, view.kind, key_of(view), visitors, inside=_inside(period))

    def totals(self, period: Period) -> Measures:
        """The totals of the events that match."""
        return self._answer(period, REQUEST, _ALL, "first", inside=_inside(period)).get(0, Measures())

    def series(self, grain: Grain, period: Period) -> dict[int, Measures]:
        """The totals of the events that match, per bucket that starts in the period."""
        found = self._answer(period, REQUEST, BUCKETS[grain], "first", inside="1")
        return {start: sums for start, sums in found.items() if period.start <= start < period.end}

    def timings(self, view: View, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        """The durations of the events that match, per bucket that starts in the period and key of a view."""
        key = key_of(view)
        conditions, parameters = self._matching(period.filters)
        rows = self._db.execute(
            TIMINGS.format(
                text=key.text,
                bucket=BUCKETS[grain].dimension.value,
                dim=key.dimension.value,
                shared=f"LEFT JOIN log.{key.dimension.table} d ON d.id = r.dim"
                if key.dimension.table
                else "",
                where=" AND ".join([*self._of_days(period), *conditions]) or "1",
            ),
            (period.wsid, 1 if view.kind == SESSION else 0, *parameters, period.start, period.end),
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
        db, dimension = self._db, key.dimension
        sums = _NUMBERED if dimension.numbered else _TEXTS
        self._make(
            sums=sums.columns,
            keyed=f"{sums.value}, key, alike",
            # those who are told apart by key have one first event for each
            first=f"day, visitor, dim, inside, PRIMARY KEY(day, visitor{', dim' if visitors == 'distinct' else ''})",
            visitors=f"{sums.value}, visitors",
        )
        conditions, parameters = self._matching(period.filters)
        where = " AND ".join([*self._of_days(period), *conditions]) or "1"
        values = (period.wsid, 1 if kind == SESSION else 0, *parameters)
        written = sums.written.format(dim=dimension.value, inside=inside)
        db.execute(ADD_UP.format(written=written, where=where), values)
        shared = f"LEFT JOIN log.{dimension.table} d ON d.id = r.dim" if dimension.table else ""
        by_key = visitors == "distinct"
        alike = "min(dim) OVER (PARTITION BY key)" if by_key else "dim"
        db.execute(NAME.format(text=key.text, dim=sums.dim, shared=shared, alike=alike))
        found = {
            row[0]: Measures(row[1], 0, *(int(value) for value in row[2:]))
            for row in db.execute(SUMS.format(dim=sums.dim, flags=sums.flags))
        }
        if visitors == "none":
            return found
        db.execute(
            FIRST_EVENTS.format(
                dim="k.alike" if by_key else dimension.value,
                inside=inside,
                join=f"CROSS JOIN temp.keyed k ON k.dim = {dimension.value}" if by_key else "",
                where=where,
            ),
            values,
        )
        db.execute(COUNT_FIRST)
        for one, number in db.execute(VISITORS):
            found[one] = found[one]._replace(visitors=number)
        return found

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
