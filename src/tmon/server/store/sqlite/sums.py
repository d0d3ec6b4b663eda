# SPDX-License-Identifier: GPL-3.0-or-later
"""What is added up per bucket, view and key: seven sums, which a pass carries in four numbers.

Adding a row up costs by the column, so the five sums that count events share two integers, 21 bits each: `crowd` holds
requests, visitors and bots, `marks` errors and timed events. A pass of fewer than 2^21 events cannot overflow them.
"""

from __future__ import annotations

SUMS = "requests, visitors, bots, errors, duration, timed, bytes"
"""The columns of stored sums, in their order."""
ADD = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS.split(", "))
SUMMED = ", ".join(f"sum({name})" for name in SUMS.split(", "))

PACKED = "crowd, marks, duration, bytes"
"""The columns of a pass."""
ADD_PACKED = ", ".join(f"{name} = {name} + excluded.{name}" for name in PACKED.split(", "))

ONE_REQUEST, ONE_VISITOR, ONE_BOT = 1, 1 << 21, 1 << 42
ONE_ERROR, ONE_TIMED = 1, 1 << 21
FIELD = (1 << 21) - 1
ALL_VISITORS = FIELD << 21

MOST_EVENTS = 1_000_000
"""Of one pass; the last envelope may go beyond by its own 10,000 at most."""


def unpacked(row: str) -> str:
    """SQL for the stored sums of a `row` (its alias) of a pass."""
    return (
        f"{row}.crowd & {FIELD}, {row}.crowd >> 21 & {FIELD}, {row}.crowd >> 42, "
        f"{row}.marks & {FIELD}, {row}.duration, {row}.marks >> 21, {row}.bytes"
    )
