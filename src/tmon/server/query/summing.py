# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of one period: its totals, and the percentiles of the duration from the view of its classes.

The same percentiles for each hour or day of a series.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tmon.server.store.base import Grain, Period, Reader, UnknownView

from .answers import Summary
from .percentiles import percentiles

LATENCY = "latency"
"""The view that percentiles are read from."""
MOST_CLASSES = 2_000
"""More than a view can have, with the keys "" and "0"."""
PERCENTS = (50, 95, 99)


class Spread(NamedTuple):
    """Percentiles of the duration by the start of a bucket, in the order of PERCENTS; otherwise as `Summed`."""

    values: Mapping[int, Sequence[float | None]]
    loose: Collection[int]
    complete_from: int | None
    as_of_ms: int


class Summed(NamedTuple):
    """A summary. `loose` are the percents that are not exact; `complete` and `as_of_ms` are those of all it is from."""

    results: Summary
    loose: Sequence[int]
    complete: list[int | None]
    as_of_ms: int


def summed(store: Reader, period: Period, now: float) -> Summed:
    """The summary of the period, asked at the Unix time `now`; without that view it has no percentiles."""
    totals = store.totals(period)
    complete = [store.complete_from(period)]
    found: list[float | None] = [None] * len(PERCENTS)
    loose: Sequence[int] = ()
    as_of_ms = int(now * 1000)
    latency = store.views().get(LATENCY)
    if latency is not None and latency.classes is not None:
        try:
            latency_as_of_ms = store.as_of_ms(as_of_ms, LATENCY)
            ranking = store.ranking(LATENCY, period, MOST_CLASSES)
            complete.append(store.complete_from(period, LATENCY))
        except UnknownView:  # taken away since
            pass
        else:
            as_of_ms = latency_as_of_ms
            found, loose = percentiles(latency.classes, dict(ranking.rows), PERCENTS)
            if ranking.other is not None and ranking.other.timed:
                loose = PERCENTS
    results = Summary(
        requests=totals.requests,
        visitors=totals.visitors,
        bots=totals.bots,
        errors=totals.errors,
        bytes=totals.bytes,
        p50_ms=found[0],
        p95_ms=found[1],
        p99_ms=found[2],
    )
    return Summed(results, loose, complete, as_of_ms)


def spread(store: Reader, grain: Grain, period: Period, now: float) -> Spread:
    """The percentiles of each bucket that starts in the period and has any, asked at the Unix time `now`.

    Without that view there are none.
    """
    as_of_ms = int(now * 1000)
    latency = store.views().get(LATENCY)
    if latency is None or latency.classes is None:
        return Spread({}, (), None, as_of_ms)
    try:
        as_of_ms = store.as_of_ms(as_of_ms, LATENCY)
        timings = store.timings(LATENCY, grain, period)
        complete_from = store.complete_from(period, LATENCY)
    except UnknownView:  # taken away since
        return Spread({}, (), None, as_of_ms)
    values: dict[int, Sequence[float | None]] = {}
    loose: set[int] = set()
    for start, keys in timings.items():
        found = percentiles(
            latency.classes, {key: one for key, one in keys.items() if key is not None}, PERCENTS
        )
        values[start] = found.values
        loose.update(PERCENTS if None in keys else found.loose)
    return Spread(values, loose, complete_from, as_of_ms)
