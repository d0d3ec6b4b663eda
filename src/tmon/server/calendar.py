# SPDX-License-Identifier: GPL-3.0-or-later
"""Local hours, days and months of a web service, as intervals of UTC seconds.

They partition time: every instant is in exactly one hour, that in one day, that in one month, whatever the zone
does. Where a clock is set back across midnight (America/St_Johns until 2011, at 00:01), a day starts when its date
begins for the last time. An hour starts where the wall clock reaches a new hour, so where a clock is set back by
half an hour (Australia/Lord_Howe) one hour is 90 minutes long. Zones since 1990, the earliest time of an event, have
offsets and hour boundaries in whole quarters of UTC hours; tests hold every zone against that.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_S = 900
CACHED_QUARTERS = 50_000
"""Bound of a calendar's cache: 17 months of quarter hours, some 5 MB; on reaching it the cache starts afresh."""


class Month:
    """A local month: `start` and `end` in Unix seconds."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end


class Day:
    """A local day: `start` and `end` in Unix seconds, its `date`, its `month`, and where its hours start."""

    __slots__ = ("date", "end", "hours", "month", "start")

    def __init__(self, start: int, end: int, date: dt.date, month: Month, hours: tuple[int, ...]) -> None:
        self.start, self.end, self.date, self.month, self.hours = start, end, date, month, hours


class Hour:
    """A local hour: `start` and `end` in Unix seconds, and its `day`."""

    __slots__ = ("day", "end", "start")

    def __init__(self, start: int, end: int, day: Day) -> None:
        self.start, self.end, self.day = start, end, day


def hour_of_bounds(
    start: int, end: int, day_start: int, day_end: int, month_start: int, month_end: int
) -> Hour:
    """An hour from all that a store needs of it, Unix seconds; its day knows neither its date nor its hours."""
    return Hour(start, end, Day(day_start, day_end, dt.date.min, Month(month_start, month_end), ()))


class Calendar:
    """The calendar of one web service: which zone held from when.

    `zones` lists (from, IANA name), oldest first, the first from minus infinity; a later `from` is a midnight of the
    zone before it (see `next_change`). The days around a change are as long as they are.
    """

    def __init__(self, zones: Sequence[tuple[float, str]]) -> None:
        self._from = [start for start, _ in zones]
        self._zones = [ZoneInfo(name) for _, name in zones]
        self._names = [name for _, name in zones]
        self._hours: dict[int, Hour] = {}
        self._days: dict[int, Day] = {}

    @property
    def zones(self) -> tuple[tuple[float, str], ...]:
        """(from, name) as given."""
        return tuple(zip(self._from, self._names, strict=True))

    def zone(self) -> str:
        """The name of the newest zone, in force or about to be."""
        return self._names[-1]

    def hour(self, ts: float) -> Hour:
        """The local hour that the Unix time `ts` falls into: the same object while cached."""
        quarter = math.floor(ts) // QUARTER_S
        hour = self._hours.get(quarter)
        if hour is None:
            hour = self._make_hour(quarter * QUARTER_S)
            if len(self._hours) >= CACHED_QUARTERS:
                self._hours.clear()
                self._days.clear()
            self._hours[quarter] = hour
        return hour

    def day(self, ts: float) -> Day:
        """The local day that the Unix time `ts` falls into."""
        return self.hour(ts).day

    def local(self, ts: float) -> dt.datetime:
        """The Unix time `ts` as the web service's wall clock shows it."""
        return dt.datetime.fromtimestamp(ts, self._zones[self._segment(ts)])

    def day_of_date(self, date: dt.date) -> Day:
        """The local day with this date; where a change of zone gives two the later, where none the one after."""
        for segment in reversed(range(len(self._zones))):
            start = _midnight(self._zones[segment], date)
            end = _midnight(self._zones[segment], date + dt.timedelta(days=1))
            if end > self._from[segment]:
                return self.day(max(start, self._from[segment]))
        raise AssertionError("the first zone holds from minus infinity")

    def next_change(self, now: float) -> int:
        """When a new zone chosen at `now` takes effect: the next local midnight that no accepted event can be past.

        Events may be ten minutes ahead, so a midnight nearer than a quarter of an hour is passed over.
        """
        day = self.day(now)
        while day.end < now + QUARTER_S:
            day = self.day(day.end)
        return day.end

    def _segment(self, ts: float) -> int:
        return bisect_right(self._from, ts) - 1

    def _make_hour(self, ts: int) -> Hour:
        day = self._make_day(ts)
        at = bisect_right(day.hours, ts) - 1
        start = day.hours[at]
        end = day.hours[at + 1] if at + 1 < len(day.hours) else day.end
        known = self._hours.get(start // QUARTER_S)
        return known if known is not None and known.start == start else Hour(start, end, day)

    def _make_day(self, ts: int) -> Day:
        segment = self._segment(ts)
        zone = self._zones[segment]
        first = self._from[segment]
        last = self._from[segment + 1] if segment + 1 < len(self._from) else math.inf
        date = dt.datetime.fromtimestamp(ts, zone).date()
        start, end = _bounds(zone, date, ts)
        begin = start if start > first else int(first)
        known = self._days.get(begin)
        if known is not None:
            return known
        stop = end if end < last else int(last)
        date = dt.datetime.fromtimestamp(stop - 1, zone).date()
        month_start, month_end = _month(zone, date)
        month = Month(
            month_start if month_start > first else int(first), month_end if month_end < last else int(last)
        )
        for other in (self._days.get(begin - 86_400), self._days.get(stop)):
            if other is not None and other.month.start == month.start:
                month = other.month
        day = Day(begin, stop, date, month, _hours(zone, begin, stop))
        self._days[begin] = day
        return day


def _bounds(zone: ZoneInfo, date: dt.date, ts: int) -> tuple[int, int]:
    """Start and end of the local day that holds `ts`, whose wall clock shows `date`."""
    one = dt.timedelta(days=1)
    start, end = _midnight(zone, date), _midnight(zone, date + one)
    while ts < start:
        date -= one
        start, end = _midnight(zone, date), start
    while ts >= end:
        date += one
        start, end = end, _midnight(zone, date + one)
    return start, end


@lru_cache(maxsize=4096)
def _midnight(zone: ZoneInfo, date: dt.date) -> int:
    """The Unix second at which `date`, or what comes after it, begins for the last time."""
    early = int(dt.datetime(date.year, date.month, date.day, tzinfo=zone).timestamp())
    late = int(dt.datetime(date.year, date.month, date.day, fold=1, tzinfo=zone).timestamp())
    if late == early:
        return early
    if late > early:  # midnight is shown twice
        return late if dt.datetime.fromtimestamp(late - 1, zone).date() < date else early
    low, high = late, early  # midnight is skipped: search the instant of the jump
    while low < high:
        middle = (low + high) // 2
        if dt.datetime.fromtimestamp(middle, zone).date() >= date:
            high = middle
        else:
            low = middle + 1
    return low


@lru_cache(maxsize=1024)
def _month(zone: ZoneInfo, date: dt.date) -> tuple[int, int]:
    first = date.replace(day=1)
    return _midnight(zone, first), _midnight(zone, (first + dt.timedelta(days=32)).replace(day=1))


def _hours(zone: ZoneInfo, start: int, end: int) -> tuple[int, ...]:
    """Where the hours of a day start: at its start, and wherever the wall clock reaches a new hour."""
    wall = dt.datetime.fromtimestamp(start, zone)
    if end - start == 86_400 and wall.minute == 0 and wall.utcoffset() == _offset(zone, end - 1):
        return tuple(range(start, end, 3600))
    starts = [start]
    before = wall
    for ts in range(start - start % QUARTER_S + QUARTER_S, end, QUARTER_S):
        wall = dt.datetime.fromtimestamp(ts, zone)
        if wall.minute == 0 or wall.hour != before.hour:
            starts.append(ts)
        before = wall
    return tuple(starts)


def _offset(zone: ZoneInfo, ts: int) -> dt.timedelta | None:
    return dt.datetime.fromtimestamp(ts, zone).utcoffset()
