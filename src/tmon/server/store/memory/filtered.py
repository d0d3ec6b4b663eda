# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to filtered questions, counted from a MemoryStore's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from tmon.server.calendar import Hour
from tmon.server.catalogue import VISIT, View
from tmon.server.events import REQUEST
from tmon.server.store.base import Filter, Grain, Measures, Period, Timed
from tmon.server.store.visits import Visit, is_page_request, visits_of

from .counts import NOTHING, measures_of
from .items import Logged

Group = TypeVar("Group", bound=Hashable)


def matches(logged: Logged, filters: Sequence[Filter]) -> bool:
    """Whether the event passes every filter."""
    return all(_matches(logged, one) for one in filters)


def _matches(logged: Logged, one: Filter) -> bool:
    pattern = ".*".join(re.escape(text) for text in one.literals)
    key = one.view.key(logged.event, logged.source)
    return bool(re.fullmatch(pattern, key, re.DOTALL)) != one.negated


def ranking(log: Iterable[Logged], view: View, period: Period) -> dict[str, Measures]:
    """The measures of the period by key."""
    if view.kind == VISIT:
        sums: dict[str, Measures] = {}
        for visit, _ in visits(log, period):
            if _inside(visit.start_ms, period):
                sums[visit.key(view)] = sums.get(visit.key(view), NOTHING).plus(visit.measures())
        return sums
    distinct = view.visitors == "distinct"
    return _tally(
        _candidates(log, view.kind, period),
        lambda logged: view.key(logged.event, logged.source) if _inside(logged.event.ts_ms, period) else None,
        lambda logged: view.key(logged.event, logged.source) if distinct else "",
        visitors=view.visitors != "none",
    )


def totals(log: Iterable[Logged], period: Period) -> Measures:
    """The totals of the period."""
    sums = _tally(
        _candidates(log, REQUEST, period),
        lambda logged: True if _inside(logged.event.ts_ms, period) else None,
        lambda _: "",
    )
    return sums.get(True, NOTHING)


def series(log: Iterable[Logged], grain: Grain, period: Period) -> dict[int, Measures]:
    """The totals of every bucket that starts in the period and has an event, by its start."""

    def bucket(logged: Logged) -> int | None:
        start = bucket_start(logged, grain)
        return start if period.start <= start < period.end else None

    return _tally(_candidates(log, REQUEST, period), bucket, lambda _: "")


def timings(
    log: Iterable[Logged], view: View, grain: Grain, period: Period
) -> dict[int, dict[str | None, Timed]]:
    """The durations of every bucket that starts in the period, by its start and the view's key."""
    found: dict[int, dict[str | None, Timed]] = {}
    if view.kind == VISIT:
        for visit, hour in visits(log, period):
            start, one = hour_bucket(hour, grain), visit.measures()
            if period.start <= start < period.end:
                keys = found.setdefault(start, {})
                key = visit.key(view)
                keys[key] = keys.get(key, Timed()).plus(Timed(1, one.duration_us))
        return found
    for logged in _candidates(log, view.kind, period):
        start, duration_us = bucket_start(logged, grain), logged.event.duration_us
        if duration_us is not None and period.start <= start < period.end:
            keys = found.setdefault(start, {})
            key = view.key(logged.event, logged.source)
            keys[key] = keys.get(key, Timed()).plus(Timed(1, duration_us))
    return found


def visits(log: Iterable[Logged], period: Period) -> Iterator[tuple[Visit, Hour]]:
    """The visits of the days that the period touches of which a page request passes its filters, and their hours."""
    requests: dict[tuple[int, int | None], list[Logged]] = {}
    for logged in log:
        event = logged.event
        if is_page_request(event) and period.day_start * 1000 <= event.ts_ms < period.day_end * 1000:
            requests.setdefault((event.hour.day.start, event.visitor), []).append(logged)
    for of_visitor in requests.values():
        passing = {one.event.ts_ms for one in of_visitor if matches(one, period.filters)}
        hours = {one.event.ts_ms: one.event.hour for one in of_visitor}
        for visit in visits_of((one.event.ts_ms, one.event.path) for one in of_visitor):
            if any(visit.start_ms <= at_ms <= visit.end_ms for at_ms in passing):
                yield visit, hours[visit.start_ms]


def visits_by_bucket(log: Iterable[Logged], grain: Grain, period: Period) -> dict[int, Measures]:
    """Those visits per bucket that starts in the period, by its start."""
    sums: dict[int, Measures] = {}
    for visit, hour in visits(log, period):
        start = hour_bucket(hour, grain)
        if period.start <= start < period.end:
            sums[start] = sums.get(start, NOTHING).plus(visit.measures())
    return sums


def bucket_start(logged: Logged, grain: Grain) -> int:
    """The start of the bucket that the event falls into."""
    second = logged.event.ts_ms // 1000
    match grain:
        case "second":
            return second
        case "minute":
            return second - second % 60
    return hour_bucket(logged.event.hour, grain)


def hour_bucket(hour: Hour, grain: Grain) -> int:
    """The start of the local hour, day or month that an hour belongs to."""
    match grain:
        case "day":
            return hour.day.start
        case "month":
            return hour.day.month.start
    return hour.start


def _inside(ts_ms: int, period: Period) -> bool:
    return period.start * 1000 <= ts_ms < period.end * 1000


def _candidates(log: Iterable[Logged], kind: str, period: Period) -> Iterator[Logged]:
    """Whatever decides where a visitor of the period counts: the matching events of the days that it touches."""
    for logged in log:
        event = logged.event
        if (
            logged.wsid == period.wsid
            and event.kind == kind
            and period.day_start * 1000 <= event.ts_ms < period.day_end * 1000
            and matches(logged, period.filters)
        ):
            yield logged


def _tally(
    candidates: Iterator[Logged],
    group: Callable[[Logged], Group | None],
    visitor_per: Callable[[Logged], str],
    *,
    visitors: bool = True,
) -> dict[Group, Measures]:
    """Sums by `group` (None: not asked for), visitors counted at their first event of the day and `visitor_per`."""
    sums: dict[Group, Measures] = {}
    seen: set[tuple[int, str, int]] = set()
    for logged in candidates:
        event = logged.event
        first = False
        if visitors and event.visitor is not None and not event.agent.bot:
            member = (event.hour.day.start, visitor_per(logged), event.visitor)
            first = member not in seen
            seen.add(member)
        into = group(logged)
        if into is not None:
            sums[into] = sums.get(into, NOTHING).plus(measures_of(event, first))
    return sums
