# SPDX-License-Identifier: GPL-3.0-or-later
"""Months of UTC, by which databases are named."""

from __future__ import annotations

import pytest

from tmon.server.store.couchdb.databases import Month


@pytest.mark.parametrize(
    ("time_ms", "month"),
    [
        (0, "1970-01"),
        (-1, "1969-12"),
        (1_796_083_199_999, "2026-11"),
        (1_796_083_200_000, "2026-12"),
    ],
)
def test_a_month_begins_and_ends_with_utc(time_ms: int, month: str) -> None:
    assert str(Month.of(time_ms)) == month


def test_months_are_in_order() -> None:
    assert Month(2025, 12) < Month(2026, 1) < Month(2026, 11)


@pytest.mark.parametrize("time_ms", [10**18, -(10**18), 253_402_300_800_000])
def test_a_time_beyond_four_digits_is_refused(time_ms: int) -> None:
    with pytest.raises(ValueError, match=r"year|range"):
        Month.of(time_ms)
