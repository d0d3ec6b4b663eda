# SPDX-License-Identifier: GPL-3.0-or-later
"""A ranking beside the figures that the same keys had in the period before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from tmon.server.catalogue import VISIT, View
from tmon.server.events import REQUEST, SESSION
from tmon.server.store.base import Measures, Ranking, Sort

from . import answers
from .answers import Answer, Row, SessionRanking, SessionRow, VisitRanking, VisitRow
from .parameters import SESSION_SORTS, SORTS, VISIT_SORTS

AnyRow = Row | VisitRow | SessionRow


class Shape(NamedTuple):
    """How rankings of views of a kind are answered, and what their rows can be sorted by."""

    answer: type[Answer]
    row: Callable[[str | None, Measures], AnyRow]
    figures: Callable[[Measures], Any]
    sorts: Mapping[str, Sort]


SHAPES: Final[Mapping[str, Shape]] = {
    REQUEST: Shape(Answer, answers.row, answers.figures, {name: name for name in SORTS}),
    VISIT: Shape(VisitRanking, answers.visit_row, answers.visit_figures, VISIT_SORTS),
    SESSION: Shape(SessionRanking, answers.session_row, answers.session_figures, SESSION_SORTS),
}
"""By the kind of the view."""


def compared(view: View, found: Ranking, earlier: Ranking | None, *, known: bool) -> list[AnyRow]:
    """The rows of `found`. With `earlier`, which has the same keys in the same order, each has its previous figures.

    The row of everything else is there if either period has any, so that both add up to their totals. What is not
    `known` is None.
    """
    shape = SHAPES[view.kind]
    if earlier is None:
        rows = [shape.row(key, measures) for key, measures in found.rows]
        return rows if found.other is None else [*rows, shape.row(None, found.other)]
    rows = [
        _beside(shape, key, measures, before if known else None)
        for (key, measures), (_, before) in zip(found.rows, earlier.rows, strict=True)
    ]
    other, before_other = found.other, earlier.other if known else None
    if other is not None or before_other is not None:
        before = (before_other or Measures()) if known else None
        rows.append(_beside(shape, None, other or Measures(), before))
    return rows


def _beside(shape: Shape, key: str | None, measures: Measures, before: Measures | None) -> AnyRow:
    row = shape.row(key, measures)
    row.previous = None if before is None else shape.figures(before)
    return row
