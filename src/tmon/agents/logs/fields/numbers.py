# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, states and durations, within what the server takes; what is beyond, or no number, counts as not said."""

from __future__ import annotations

import math
from typing import Final

MAX_BYTES: Final = 10**12
MAX_DURATION_MS: Final = 2_592_000_000
"""30 days."""


def size(text: str) -> int | None:
    """A number of bytes; None for "-"."""
    if len(text) > 13 or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= MAX_BYTES else None


def status(text: str) -> int | None:
    """A status of three digits, None where there was none ("-", 000)."""
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() and text != "000" else None


def duration_ms(text: str, per_ms: float) -> float | None:
    """Milliseconds of a number that counts `per_ms` to the millisecond; None for "-", and below zero."""
    if len(text) > 40:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return bounded_ms(number / per_ms)


def bounded_ms(number: float) -> float | None:
    """`number` of milliseconds if a request can have taken them, to the microsecond."""
    if not math.isfinite(number) or not 0 <= number <= MAX_DURATION_MS:
        return None
    return round(number, 3)
