# SPDX-License-Identifier: GPL-3.0-or-later
"""Event budgets of web services."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tmon.server.writer.budgets import EventBudgets


def test_a_seconds_worth_passes_at_once_and_then_nothing() -> None:
    budgets = EventBudgets()
    assert budgets.charge(7, 60, 100, 0.0) == 0
    assert budgets.charge(7, 40, 100, 0.0) == 0
    assert budgets.charge(7, 1, 100, 0.0) == 0.01


def test_what_is_refused_is_not_charged() -> None:
    budgets = EventBudgets()
    budgets.charge(7, 100, 100, 0.0)
    for _ in range(5):
        assert budgets.charge(7, 50, 100, 0.0) == 0.5
    assert budgets.charge(7, 50, 100, 0.5) == 0


def test_an_envelope_larger_than_the_budget_passes_when_the_bucket_is_full_and_leaves_a_debt() -> None:
    budgets = EventBudgets()
    assert budgets.charge(7, 1000, 100, 0.0) == 0
    assert budgets.charge(7, 1, 100, 5.0) == 4.01
    assert budgets.charge(7, 1000, 100, 9.0) == 1.0
    assert budgets.charge(7, 1000, 100, 10.0) == 0


def test_web_services_do_not_share() -> None:
    budgets = EventBudgets()
    budgets.charge(7, 100, 100, 0.0)
    assert budgets.charge(8, 100, 100, 0.0) == 0


def test_the_table_forgets_idle_web_services_but_no_debt() -> None:
    budgets = EventBudgets()
    budgets.charge(1, 10_000, 10, 0.0)
    for wsid in range(2, 10_001):
        budgets.charge(wsid, 1, 10, 0.0)
    budgets.charge(20_000, 1, 10, 100.0)
    assert len(budgets._levels) == 2
    assert budgets.charge(1, 1, 10, 100.0) > 800


@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(1, 100)), max_size=100).map(sorted),
    st.integers(1, 200),
)
def test_no_more_passes_than_rate_burst_and_one_envelope(
    history: list[tuple[float, int]], per_second: int
) -> None:
    budgets = EventBudgets()
    passed = sum(events for now, events in history if budgets.charge(7, events, per_second, now) == 0)
    end = history[-1][0] if history else 0.0
    assert passed <= per_second * (end + 1) + 100 + 1e-6
