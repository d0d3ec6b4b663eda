# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles from counts per class of a number."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from tmon.server.catalogue import Classes
from tmon.server.events import key_text
from tmon.server.store.base import Measures


def percentiles(
    classes: Classes, counts: Mapping[str, Measures], percents: Sequence[int]
) -> list[float | None]:
    """The nearest-rank percentiles of the durations in ms that `counts` holds by class key; None without any.

    The value of rank ceil(p/100 * n) lies between the bounds of its class, l <= value < u. What is returned is the
    harmonic mean 2lu/(l+u), whose relative error is at most (u-l)/(u+l) wherever in the class the value lies: 4.8%
    where each class is 1.1 times the one before (the estimate of DDSketch: Masson, Rim, Lee, "DDSketch: a fast and
    fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019). The class below the first bound and
    the one above the last have no such bounds; there it is the class's exact mean.
    """
    found = []
    for key, estimate in _classes(classes):
        measures = counts.get(key)
        if measures is not None and measures.timed > 0:
            mean = measures.duration_us / measures.timed / 1000
            found.append((measures.timed, mean if estimate is None else estimate))
    total = sum(count for count, _ in found)
    return [_at(found, math.ceil(total * percent / 100)) if total else None for percent in percents]


def _classes(classes: Classes) -> list[tuple[str, float | None]]:
    """(key, estimate) of every class, lowest first; None where the class is open."""
    bounds = classes.bounds
    inner = [(key_text(low), 2 * low * high / (low + high)) for low, high in pairwise(bounds)]
    return [("0", None), *inner, (key_text(bounds[-1]), None)]


def _at(found: list[tuple[int, float]], rank: int) -> float:
    """The value of that rank, counted from 1."""
    ranks = list(accumulate(count for count, _ in found))
    return round(found[bisect_left(ranks, rank)][1], 3)
