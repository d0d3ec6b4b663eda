# SPDX-License-Identifier: GPL-3.0-or-later
"""A ranking beside the figures that the same keys had in the period before."""

from __future__ import annotations

from tmon.server.store.base import Measures, Ranking

from . import answers
from .answers import Row


def compared(found: Ranking, earlier: Ranking | None, *, known: bool) -> list[Row]:
    """The rows of `found`. With `earlier`, which has the same keys in the same order, each has its previous figures.

    The row of everything else is there if either period has any, so that both add up to their totals. What is not
    `known` is None.
    """
    if earlier is None:
        rows = [answers.row(key, measures) for key, measures in found.rows]
        return rows if found.other is None else [*rows, answers.row(None, found.other)]
    rows = [
        _row(key, measures, before if known else None)
        for (key, measures), (_, before) in zip(found.rows, earlier.rows, strict=True)
    ]
    other, before_other = found.other, earlier.other if known else None
    if other is not None or before_other is not None:
        rows.append(_row(None, other or Measures(), (before_other or Measures()) if known else None))
    return rows


def _row(key: str | None, measures: Measures, before: Measures | None) -> Row:
    row = answers.row(key, measures)
    row.previous = None if before is None else answers.figures(before)
    return row
