# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles from counts per class of a number."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

from tmon.server.catalogue import Classes
from tmon.server.events import key_text


class Durations(Protocol):
    """How many events have a duration, and its sum."""

    @property
    def timed(self) -> int:
        """How many."""

    @property
    def duration_us(self) -> int:
        """The sum."""


class Percentiles(NamedTuple):
    """Percentiles in the order in which they were asked for, None without any duration.

    `loose` are the percents whose value lies in a class without two bounds, among others: it may be any of that class.
    """

    values: list[float | None]
    loose: list[int]


def percentiles(
    classes: Classes,
    counts: Mapping[str, Durations],
    percents: Sequence[int],
    *,
    unit_us: int = 1000,
    zeros: int = 0,
) -> Percentiles:
    """The nearest-rank percentiles of the durations that `counts` holds by class key.

    They are in the unit of the classes, which is `unit_us` microseconds. Of the lowest class so many as `zeros` says
    are known to be 0.

    The value of rank ceil(p/100 * n) lies between the bounds of its class, l <= value < u. What is returned is the
    harmonic mean 2lu/(l+u), whose relative error is at most (u-l)/(u+l) wherever in the class the value lies: 4.8%
    where each class is 1.1 times the one before (the estimate of DDSketch: Masson, Rim, Lee, "DDSketch: a fast and
    fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). The class below the first bound and
    the one above the last have no such bounds; there it is the class's exact mean.
    """
    found = [_Class(zeros, 0.0, loose=False)] if zeros else []
    for key, estimate in _classes(classes):
        measures = counts.get(key)
        timed = 0 if measures is None else measures.timed - (zeros if key == "0" else 0)
        if measures is not None and timed > 0:
            mean = measures.duration_us / timed / unit_us
            loose = estimate is None and timed > 1
            found.append(_Class(timed, mean if estimate is None else estimate, loose))
    if not found:
        return Percentiles([None] * len(percents), [])
    ranks = list(accumulate(one.timed for one in found))
    at = [found[bisect_left(ranks, math.ceil(ranks[-1] * percent / 100))] for percent in percents]
    return Percentiles(
        [round(one.estimate, 3) for one in at],
        [percent for percent, one in zip(percents, at, strict=True) if one.loose],
    )


class _Class(NamedTuple):
    timed: int
    estimate: float
    loose: bool


def _classes(classes: Classes) -> list[tuple[str, float | None]]:
    """(key, estimate) of every class, lowest first; None where the class is open."""
    bounds = classes.bounds
    inner = [(key_text(low), 2 * low * high / (low + high)) for low, high in pairwise(bounds)]
    return [("0", None), *inner, (key_text(bounds[-1]), None)]
