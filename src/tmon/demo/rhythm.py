# SPDX-License-Identifier: GPL-3.0-or-later
"""When the demo's visitors come: by hour of their own day, by day of the week, and in the course of the demo."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

HOUR_S: Final = 3600
DAY_S: Final = 86_400
SURGE_DAYS: Final = 3 / 24
"""For so long before the demo's start a surge builds up, which then stays."""


_zone = cache(ZoneInfo)  # which itself keeps eight only


class Rhythm(NamedTuple):
    """How busy an hour of the day and a day of the week (Monday first) are; the mean of each is 1."""

    hours: tuple[float, ...]
    days: tuple[float, ...]

    def at(self, moment_s: float, zone: str) -> float:
        """How busy people in `zone` are at the Unix second `moment_s`; 1 in the mean of a week."""
        local = dt.datetime.fromtimestamp(moment_s, _zone(zone))
        return self.hours[local.hour] * self.days[local.weekday()]


def _to_mean(*values: float) -> tuple[float, ...]:
    mean = sum(values) / len(values)
    return tuple(value / mean for value in values)


LEISURE: Final = Rhythm(
    _to_mean(*(9, 5, 3, 2, 2, 4, 10, 20, 29, 35, 39, 42, 46, 43, 41, 42, 45, 50, 57, 66, 70, 62, 42, 22)),
    _to_mean(100, 95, 94, 98, 92, 112, 128),
)
"""People who buy: the busiest hour is after supper, the busiest day is Sunday."""
WORK: Final = Rhythm(
    _to_mean(*(6, 4, 3, 3, 4, 8, 17, 38, 66, 85, 92, 88, 68, 76, 89, 87, 74, 54, 36, 29, 28, 25, 18, 11)),
    _to_mean(118, 124, 122, 118, 98, 42, 46),
)
"""People at work: two humps with lunch between them, and quiet weekends."""
MACHINES: Final = Rhythm(
    _to_mean(
        *(48, 44, 42, 41, 42, 46, 55, 68, 84, 95, 100, 99, 94, 98, 100, 97, 90, 82, 76, 74, 72, 68, 61, 54)
    ),
    _to_mean(108, 110, 110, 109, 104, 80, 79),
)
"""Programs that work for people: they slow down at night and at weekends, and never stop."""
ALWAYS: Final = Rhythm((1.0,) * 24, (1.0,) * 7)
"""Crawlers."""


def course(days: float, surge: float) -> float:
    """How busy everything is `days` after the demo's start (negative: before it).

    In the month before it grows from two fifths. In the last three hours a surge builds up to `surge` times that, so
    that what is sent live continues what was sent before and is worth looking at, while the past takes seconds to send
    and yesterday can still be compared with the day before.
    """
    grown = 0.4 + 0.6 * min(max((days + 30) / 30, 0.0), 1.0)
    rise = min(max((days + SURGE_DAYS) / SURGE_DAYS, 0.0), 1.0)
    return grown * (1 + (surge - 1) * rise * rise * (3 - 2 * rise))
