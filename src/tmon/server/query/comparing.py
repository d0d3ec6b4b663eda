# SPDX-License-Identifier: GPL-3.0-or-later
"""A ranking beside the figures that the same keys had in the period before."""

from __future__ import annotations

from tmon.server.catalogue import VISIT, View
from tmon.server.store.base import Measures, Ranking

from . import answers
from .answers import Row, VisitRow


def compared(view: View, found: Ranking, earlier: Ranking | None, *, known: bool) -> list[Row | VisitRow]:
    """The rows of `found`. With `earlier`, which has the same keys in the same order, each has its previous figures.

    The row of everything else is there if either period has any, so that both add up to their totals. What is not
    `known` is None. Rows of a view of visits have its measures.
    """
    of_visits = view.kind == VISIT
    if earlier is None:
        rows = [_row(key, measures, of_visits) for key, measures in found.rows]
        return rows if found.other is None else [*rows, _row(None, found.other, of_visits)]
    rows = [
        _beside(key, measures, before if known else None, of_visits)
        for (key, measures), (_, before) in zip(found.rows, earlier.rows, strict=True)
    ]
    other, before_other = found.other, earlier.other if known else None
    if other is not None or before_other is not None:
        rows.append(
            _beside(None, other or Measures(), (before_other or Measures()) if known else None, of_visits)
        )
    return rows


def _row(key: str | None, measures: Measures, of_visits: bool) -> Row | VisitRow:
    return answers.visit_row(key, measures) if of_visits else answers.row(key, measures)


def _beside(key: str | None, measures: Measures, before: Measures | None, of_visits: bool) -> Row | VisitRow:
    row = _row(key, measures, of_visits)
    if isinstance(row, VisitRow):
        row.previous = None if before is None else answers.visit_figures(before)
    else:
        row.previous = None if before is None else answers.figures(before)
    return row
