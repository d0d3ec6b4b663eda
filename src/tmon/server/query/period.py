# SPDX-License-Identifier: GPL-3.0-or-later
"""Periods: which stretch of time a question covers, and from which buckets it is answered.

Everything is arithmetic on a few boundaries of the calendar, so the longest period costs as little as the shortest.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from tmon.server.calendar import Calendar
from tmon.server.store.base import Filter, Grain, Period, Span

from .errors import BadQuestion
from .moments import Stretch, around, stretch

DAY_S = 86_400
EARLIEST = 631_152_000
"""1990-01-01T00:00Z: no event is older."""
AHEAD_S = 400 * DAY_S
"""How far `to` may lie in the future: `to=year` and its like do."""


class Bounds(NamedTuple):
    """[start, end) in Unix seconds, on boundaries of local hours."""

    start: int
    end: int


def bounds(since: str | None, until: str | None, calendar: Calendar, now: float) -> Bounds:
    """The period that `from` (`since`) and `to` (`until`) describe, seen from the Unix time `now`.

    Without `to` it ends with the running hour, or with today where `from` is in days. Without `from` it starts 24
    hours before its end, or with the last day where `to` is in days. Raises BadQuestion.
    """
    first = stretch(since, calendar, now) if since is not None else None
    last = stretch(until, calendar, now) if until is not None else _end(first, calendar, now)
    if first is None:
        first = _start(last if until is not None else None, calendar, now)
    if last.end > now + AHEAD_S:
        raise BadQuestion("to is too far in the future; at most 400 days ahead")
    if first.start >= last.end:
        raise BadQuestion("the period is empty: from must be before to")
    return Bounds(first.start, last.end)


def previous(covered: Bounds, calendar: Calendar) -> Bounds:
    """The period immediately before that is as long: as many local days, if it is made of whole ones.

    Else as many seconds, its start rounded down to a local hour. Raises BadQuestion where that is before 1990.
    """
    start, end = covered
    first, last = calendar.day(start), calendar.day(end - 1)
    if first.start == start and last.end == end:
        count = (last.date - first.date).days + 1
        date = first.date - dt.timedelta(days=count)
        # A date that a change of zone skips stands for the day after it.
        before = min(calendar.day_of_date(date).start, calendar.day(start - 1).start)
    else:
        before = calendar.hour(start - (end - start)).start
    return not_too_old(Bounds(before, start))


def not_too_old(covered: Bounds) -> Bounds:
    """The same. Raises BadQuestion where it starts before 1990."""
    if covered.start < EARLIEST - DAY_S:
        raise BadQuestion("the period before this one is older than 1990; ask for a later or a shorter one")
    return covered


def plan(
    wsid: int,
    covered: Bounds,
    calendar: Calendar,
    filters: tuple[Filter, ...] = (),
    grain: Grain | None = None,
) -> Period:
    """The store's period for [start, end) of `covered`, answered from the largest buckets that fit.

    Those are whole local months, days before and after them, and hours at the edges: at most five spans, whatever
    the length. With `grain` (a series) all buckets are of that grain.
    """
    start, end = covered
    spans = (Span(grain, start, end),) if grain is not None else _spans(start, end, calendar)
    return Period(
        wsid=wsid,
        start=start,
        end=end,
        day_start=calendar.day(start).start,
        day_end=calendar.day(end - 1).end,
        spans=spans,
        filters=filters,
    )


def _end(first: Stretch | None, calendar: Calendar, now: float) -> Stretch:
    if first is not None and first.unit == "day":
        today = calendar.day(now)
        return Stretch(today.start, today.end, "day")
    return around(calendar, now)


def _start(last: Stretch | None, calendar: Calendar, now: float) -> Stretch:
    if last is None:
        return around(calendar, now - DAY_S)
    if last.unit == "day":
        day = calendar.day(last.end - 1)
        return Stretch(day.start, day.end, "day")
    return around(calendar, last.end - DAY_S)


def _spans(start: int, end: int, calendar: Calendar) -> tuple[Span, ...]:
    day, last = calendar.day(start), calendar.day(end)
    days = (start if day.start == start else day.end, last.start)
    if days[0] >= days[1]:
        return (Span("hour", start, end),)
    first_month = calendar.day(days[0]).month
    months = (days[0] if first_month.start == days[0] else first_month.end, last.month.start)
    if months[0] >= months[1]:
        months = (days[1], days[1])
    spans = (
        Span("hour", start, days[0]),
        Span("day", days[0], months[0]),
        Span("month", *months),
        Span("day", months[1], days[1]),
        Span("hour", days[1], end),
    )
    return tuple(span for span in spans if span.start < span.end)
