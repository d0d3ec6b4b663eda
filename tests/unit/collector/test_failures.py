# SPDX-License-Identifier: GPL-3.0-or-later
"""The budget of addresses whose envelopes do not open."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tmon.server.collector.failures import Failures


def test_sixty_failures_in_a_minute_are_within_the_budget_and_one_more_is_not() -> None:
    failures = Failures()
    assert [failures.charge("192.0.2.1", 0.0) for _ in range(60)] == [0.0] * 60
    assert failures.charge("192.0.2.1", 0.0) == 1.0


def test_the_budget_comes_back_at_one_a_second() -> None:
    failures = Failures()
    for _ in range(60):
        failures.charge("192.0.2.1", 0.0)
    assert failures.charge("192.0.2.1", 0.5) == 0.5
    assert failures.charge("192.0.2.1", 2.0) == 0.0


def test_another_address_has_a_budget_of_its_own() -> None:
    failures = Failures(per_minute=1)
    failures.charge("192.0.2.1", 0.0)
    assert failures.charge("192.0.2.1", 0.0) > 0
    assert failures.charge("192.0.2.2", 0.0) == 0.0


def test_the_addresses_of_one_ipv6_network_share_a_budget() -> None:
    failures = Failures(per_minute=1)
    assert failures.charge("2001:db8:1:2::1", 0.0) == 0.0
    assert failures.charge("2001:db8:1:2:ffff::9", 0.0) > 0
    assert failures.charge("2001:db8:1:3::1", 0.0) == 0.0


def test_the_table_is_bounded_and_the_one_who_failed_longest_ago_goes() -> None:
    failures = Failures(per_minute=1, table=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        failures.charge(address, 0.0)
    assert failures.charge("192.0.2.3", 0.0) > 0
    assert failures.charge("192.0.2.2", 0.0) > 0
    assert failures.charge("192.0.2.1", 0.0) == 0.0


def test_a_peer_without_an_address_has_a_budget_too() -> None:
    failures = Failures(per_minute=1)
    assert failures.charge("", 0.0) == 0.0
    assert failures.charge("", 0.0) > 0


@given(st.lists(st.floats(0, 300), max_size=400).map(sorted))
def test_never_more_than_burst_and_rate_allow(moments: list[float]) -> None:
    failures = Failures()
    allowed = sum(failures.charge("192.0.2.1", moment) == 0 for moment in moments)
    assert allowed <= 60 + (moments[-1] if moments else 0) + 1
