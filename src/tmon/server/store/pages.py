# SPDX-License-Identifier: GPL-3.0-or-later
"""A page of a ranking whose keys are all at hand."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Listing, Measures, Page


def contains(key: str, search: str) -> bool:
    """Whether the key contains the text, whatever the case of either."""
    return search.casefold() in key.casefold()


def page_of(found: Mapping[str, Measures], other: Measures, page: Page) -> Listing:
    """The page of these keys; `other` is what belongs to none of them."""
    rows = [row for row in found.items() if contains(row[0], page.search)]
    rows.sort(key=lambda row: (-_weight(row[1], page.sort), row[0]))
    shown = rows[page.offset : page.offset + page.limit]
    whole = [sum(column) for column in zip(other, *found.values(), strict=True)]
    parts = [sum(column) for column in zip(Measures(), *(measures for _, measures in shown), strict=True)]
    rest = Measures(*(a - b for a, b in zip(whole, parts, strict=True)))
    return Listing(shown, rest if rest != Measures() else None, len(rows))


def _weight(measures: Measures, sort: str) -> float:
    """What the measure weighs in the order: keys have the same weight."""
    if sort == "key":
        return 0
    if sort == "duration_ms":
        return measures.duration_us / measures.timed if measures.timed else -1
    weight: int = getattr(measures, sort)
    return weight
