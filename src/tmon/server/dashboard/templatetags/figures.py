# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in templates as numbers.js writes them in scripts."""

from __future__ import annotations

from django import template

register = template.Library()

IN_FULL = 10_000_000
SCALES = ((10**12, "T"), (10**9, "G"), (10**6, "M"))


@register.filter
def figure(value: int) -> str:
    """A number of things: 1,284,310; from ten millions on 12.8 M."""
    if abs(value) < IN_FULL:
        return f"{value:,}"
    by, letter = next((by, letter) for by, letter in SCALES if abs(value) >= by)
    digits = value / by
    return f"{digits:.3g} {letter}" if abs(digits) < 99.95 else f"{digits:,.0f} {letter}"
