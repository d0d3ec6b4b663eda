# SPDX-License-Identifier: GPL-3.0-or-later
"""The buckets of a series: the last ones up to a moment, without a gap."""

from __future__ import annotations

from typing import NamedTuple

from tmon.server.calendar import QUARTER_S, Calendar
from tmon.server.store.base import DAY_CLOSES_AFTER_MS, MINUTES_KEPT_MS, SECONDS_KEPT_MS, Grain

from .errors import BadQuestion
from .period import Bounds

MOST: dict[Grain, int] = {"second": 7_200, "minute": 11_520, "hour": 8_784, "day": 3_660}
"""How many buckets a series may have: seconds and minutes for as long as they are kept (2 hours, 8 days), the hours
of a year, the days of ten."""
_LENGTH = {"second": 1, "minute": 60}
KEPT_MS = {"second": SECONDS_KEPT_MS, "minute": MINUTES_KEPT_MS}


class Buckets(NamedTuple):
    """Bucket starts in Unix seconds, oldest first, and the end of the last one."""

    starts: list[int]
    end: int


def check_percentiles(grain: Grain) -> None:
    """Raises BadQuestion where no percentiles are kept for buckets of this grain."""
    if grain in _LENGTH:
        raise BadQuestion(
            f"percentiles are kept by hour and by day; by {grain} there is the mean, duration_ms"
        )


def check_visits(grain: Grain) -> None:
    """Raises BadQuestion where no visits are kept for buckets of this grain."""
    if grain in _LENGTH:
        raise BadQuestion(f"visits are kept by hour and by day; by {grain} there are requests")


def open_from(calendar: Calendar, now: float) -> int:
    """The start of the first local day that can't have closed at the Unix time `now`, whatever was received."""
    return calendar.day(now - DAY_CLOSES_AFTER_MS // 1000).start


def check_limit(grain: Grain, limit: int) -> None:
    """Raises BadQuestion where a series of this grain can't have that many buckets."""
    if not 1 <= limit <= MOST[grain]:
        raise BadQuestion(f"a series by {grain} has 1 to {MOST[grain]} buckets, not {limit}")


def buckets(grain: Grain, limit: int, calendar: Calendar, last: int, first: int | None = None) -> Buckets:
    """The last `limit` buckets up to the one that holds the Unix second `last`, none before the one of `first`."""
    if grain in _LENGTH:
        length = _LENGTH[grain]
        newest = last - last % length
        oldest = newest - (limit - 1) * length
        if first is not None:
            oldest = max(oldest, first - first % length)
        return Buckets(list(range(oldest, newest + 1, length)), newest + length)
    find = calendar.hour if grain == "hour" else calendar.day
    bucket = find(last)
    end = bucket.end
    starts = [bucket.start]
    while len(starts) < limit and (first is None or starts[-1] > first):
        starts.append(find(starts[-1] - 1).start)
    return Buckets(starts[::-1], end)


def kept_from(grain: Grain, now: float) -> int | None:
    """The start of the first second or minute that is still kept at the Unix time `now`; None for other grains."""
    kept_ms = KEPT_MS.get(grain)
    if kept_ms is None:
        return None
    length = _LENGTH[grain]
    newest_gone = int(now) - kept_ms // 1000 - length
    return newest_gone - newest_gone % length + length


def spanned(found: Buckets) -> Bounds:
    """What the buckets cover."""
    return Bounds(found.starts[0], found.end)


def stamps(starts: list[int], calendar: Calendar) -> list[str]:
    """The ISO 8601 times of bucket starts, with the web service's offset.

    A zone's offset changes only at quarters of UTC hours, so within a quarter only minutes and seconds differ.
    """
    texts = []
    quarter = None
    for start in starts:
        if start // QUARTER_S != quarter:
            quarter = start // QUARTER_S
            local = calendar.local(quarter * QUARTER_S).isoformat()
            head, minute, zone = local[:14], int(local[14:16]), local[19:]
        past = start % QUARTER_S
        texts.append(f"{head}{minute + past // 60:02}:{past % 60:02}{zone}")
    return texts
