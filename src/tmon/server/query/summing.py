# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of one period: its totals, the percentiles of the duration from the view of its classes, and visits.

The same percentiles and visits for each hour or day of a series.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tmon.server.catalogue import VISIT, View
from tmon.server.store.base import Grain, Measures, Period, Reader, UnknownView

from .answers import Summary, mean_visit_s
from .percentiles import percentiles

LATENCY = "latency"
"""The view that percentiles are read from."""
VISITS = "visit_length"
"""The view that visits are read from: the classes of their length."""
MOST_CLASSES = 2_000
"""More than a view can have, with the keys "" and "0"."""
PERCENTS = (50, 95, 99)


class Spread(NamedTuple):
    """Percentiles of the duration by the start of a bucket, in the order of PERCENTS; otherwise as `Summed`."""

    values: Mapping[int, Sequence[float | None]]
    loose: Collection[int]
    complete_from: int | None
    as_of_ms: int


class Visited(NamedTuple):
    """Visits by the start of a bucket; from `complete_from` on they are all there, everywhere if it is None."""

    values: Mapping[int, Measures]
    complete_from: int | None
    as_of_ms: int


class Summed(NamedTuple):
    """A summary. `loose` names the figures that are not exact; `complete` and `as_of_ms` are those of all it is from.

    `visits_complete` is that of the visits, which are not among `complete`.
    """

    results: Summary
    loose: Sequence[str]
    complete: list[int | None]
    visits_complete: int | None
    as_of_ms: int


def summed(store: Reader, period: Period, now: float, *, visits: bool) -> Summed:
    """The summary of the period, asked at the Unix time `now`; without that view it has no percentiles.

    `visits`: with visits, from their view.
    """
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
    names = [f"p{percent}_ms" for percent in PERCENTS if percent in loose]
    if not visits:
        return Summed(results, names, complete, None, as_of_ms)
    visits_complete, visits_as_of_ms = _add_visits(results, names, store, period, now)
    return Summed(results, names, complete, visits_complete, min(as_of_ms, visits_as_of_ms))


def forget_visits(summary: Summary) -> None:
    """Take out what a summary says of visits."""
    summary.visits = summary.bounces = summary.pages = summary.visit_s = summary.median_visit_s = None


def _add_visits(
    summary: Summary, loose: list[str], store: Reader, period: Period, now: float
) -> tuple[int | None, int]:
    """Put the visits of the period into its summary; returns from when on they are all there, and their `as_of`."""
    as_of_ms = int(now * 1000)
    view = _of_visits(store)
    if view is None or view.classes is None:
        return None, as_of_ms
    try:
        as_of_ms = store.as_of_ms(as_of_ms, VISITS)
        rows, other = store.ranking(VISITS, period, MOST_CLASSES)
        complete = store.complete_from(period, VISITS)
    except UnknownView:  # taken away since
        return None, as_of_ms
    whole = other or Measures()
    for _, measures in rows:
        whole = whole.plus(measures)
    summary.visits, summary.bounces, summary.pages = whole.requests, whole.errors, whole.bytes
    summary.visit_s = mean_visit_s(whole)
    # a bounce has no length, and is in the lowest class
    median = percentiles(view.classes, dict(rows), (50,), unit_us=1_000_000, zeros=whole.errors)
    (summary.median_visit_s,) = median.values
    if median.loose or other is not None:
        loose.append("median_visit_s")
    return complete, as_of_ms


def _of_visits(store: Reader) -> View | None:
    view = store.views().get(VISITS)
    return view if view is not None and view.kind == VISIT else None


def visited(store: Reader, grain: Grain, period: Period, now: float) -> Visited | None:
    """The visits of each bucket that starts in the period, asked at the Unix time `now`; None without their view."""
    if _of_visits(store) is None:
        return None
    try:
        as_of_ms = store.as_of_ms(int(now * 1000), VISITS)
        values = store.series(grain, period, VISITS)
        return Visited(values, store.complete_from(period, VISITS), as_of_ms)
    except UnknownView:  # taken away since
        return None


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
