# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of one period: its totals, and the percentiles of the duration from the view of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tmon.server.store.base import Period, Reader, UnknownView

from .answers import Summary
from .percentiles import percentiles

LATENCY = "latency"
"""The view that percentiles are read from."""
MOST_CLASSES = 2_000
"""More than a view can have, with the keys "" and "0"."""
PERCENTS = (50, 95, 99)


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
