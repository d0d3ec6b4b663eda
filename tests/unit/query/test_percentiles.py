# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles from classes, with the classes of the shipped latency view."""

from __future__ import annotations

import math
import random
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.catalogue import Classes, read_views
from tmon.server.events import key_text
from tmon.server.query.percentiles import percentiles
from tmon.server.store.base import Measures
from tmon.settings.paths import shipped

PERCENTS = (50, 95, 99)


def shipped_classes() -> Classes:
    classes = read_views([shipped("views")])["latency"].classes
    assert classes is not None
    return classes


CLASSES = shipped_classes()


def counted(durations_ms: list[float]) -> dict[str, Measures]:
    """Durations as the view counts them."""
    counts: dict[str, Measures] = {}
    for duration in durations_ms:
        at = bisect_right(CLASSES.bounds, duration)
        key = key_text(CLASSES.bounds[at - 1]) if at else "0"
        one = Measures(requests=1, duration_us=round(duration * 1000), timed=1)
        counts[key] = counts.get(key, Measures()).plus(one)
    return counts


def nearest_rank(durations_ms: list[float], percent: int) -> float:
    return sorted(durations_ms)[math.ceil(len(durations_ms) * percent / 100) - 1]


def test_without_durations_there_are_none() -> None:
    assert percentiles(CLASSES, {"": Measures(requests=5)}, PERCENTS).values == [None, None, None]


def test_one_duration_is_every_percentile() -> None:
    assert percentiles(CLASSES, counted([100.0]), PERCENTS).values == [pytest.approx(100, rel=0.05)] * 3


def test_the_numbers_to_a_thousand_have_the_percentiles_500_950_990() -> None:
    found = percentiles(CLASSES, counted([float(n) for n in range(1, 1001)]), PERCENTS).values
    assert found == [pytest.approx(500, rel=0.05), pytest.approx(950, rel=0.05), pytest.approx(990, rel=0.05)]


def test_a_slow_tail_of_two_percent_shows_in_p99_only() -> None:
    found = percentiles(CLASSES, counted([20.0] * 98 + [5000.0] * 2), PERCENTS).values
    assert found == [pytest.approx(20, rel=0.05), pytest.approx(20, rel=0.05), pytest.approx(5000, rel=0.05)]


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_of_log_normal_durations_are_within_five_percent(seed: int) -> None:
    source = random.Random(seed)
    durations = [1 + source.lognormvariate(4, 1.5) for _ in range(20_000)]
    found = percentiles(CLASSES, counted(durations), PERCENTS).values
    assert found == [pytest.approx(nearest_rank(durations, percent), rel=0.05) for percent in PERCENTS]


@given(st.lists(st.floats(min_value=1, max_value=600_000), min_size=1, max_size=200))
def test_percentiles_of_whatever_durations_are_within_five_percent(durations: list[float]) -> None:
    # The last class of all has no upper bound; its mean is no estimate of every value in it.
    durations = [one for one in durations if one < CLASSES.bounds[-1]] or [1.0]
    found = percentiles(CLASSES, counted(durations), PERCENTS).values
    assert found == [
        pytest.approx(nearest_rank(durations, percent), rel=0.05, abs=0.001) for percent in PERCENTS
    ]


def test_below_and_above_the_classes_the_mean_is_told() -> None:
    assert percentiles(CLASSES, counted([0.2, 0.4]), [50]).values == [0.3]
    assert percentiles(CLASSES, counted([1_000_000.0, 3_000_000.0]), [50]).values == [2_000_000.0]


def test_what_lies_among_others_in_an_open_class_is_said_to_be_loose() -> None:
    below, inside, above = [0.2, 0.4], [10.0] * 2, [1_000_000.0, 3_000_000.0]
    assert percentiles(CLASSES, counted(below), PERCENTS).loose == [50, 95, 99]
    assert percentiles(CLASSES, counted(below + inside * 4 + above), PERCENTS).loose == [95, 99]
    assert percentiles(CLASSES, counted(inside), PERCENTS).loose == []
    assert percentiles(CLASSES, counted([0.25]), PERCENTS) == ([0.25] * 3, [])
    assert percentiles(CLASSES, {}, PERCENTS).loose == []


@given(st.lists(st.floats(min_value=0, max_value=0.999), min_size=1, max_size=200))
def test_below_a_millisecond_a_percentile_is_less_than_one_off(durations: list[float]) -> None:
    found = percentiles(CLASSES, counted(durations), PERCENTS).values
    assert found == [pytest.approx(nearest_rank(durations, percent), abs=0.999) for percent in PERCENTS]


def test_the_classes_reach_from_one_millisecond_to_nine_minutes() -> None:
    assert CLASSES.bounds[0] == 1
    assert 9 * 60_000 <= CLASSES.bounds[-1] < 10 * 60_000


def test_events_without_a_duration_have_no_rank() -> None:
    counts = {"": Measures(requests=1000), **counted([10.0] * 3)}
    assert percentiles(CLASSES, counts, [50]).values == [pytest.approx(10, rel=0.05)]
