# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as tables: CSV (RFC 4180) in UTF-8, with a row of names first.

Much of an answer was written by strangers, and a spreadsheet takes a text that starts like a formula for one. Such
a text gets an apostrophe in front; see `harmless`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET

from .answers import (
    Annotation,
    Answer,
    LedgerRow,
    Location,
    Point,
    Row,
    SessionListed,
    SessionLive,
    SessionPoint,
    SessionRanking,
    SessionRow,
    Summary,
    VisitRanking,
    VisitRow,
)

Kind = Literal[
    "ranking",
    "series",
    "summary",
    "events",
    "locations",
    "sources",
    "quarantine",
    "annotations",
    "sessions",
    "live-sessions",
    "session-series",
]
"""Of a question: it decides about the columns."""

ROWS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "ranking": Row,
    "series": Point,
    "summary": Summary,
    "locations": Location,
    "sources": LedgerRow,
    "annotations": Annotation,
    "sessions": SessionListed,
    "live-sessions": SessionLive,
    "session-series": SessionPoint,
}
RANKED: Final[Mapping[type[Answer], type[msgspec.Struct]]] = {
    VisitRanking: VisitRow,
    SessionRanking: SessionRow,
}
QUARANTINE: Final = ("received", "source", "reason", "payload")
EVENT: Final = (
    *("seq", "received", "kind", "ts", "url", "path", "method", "status", "duration_ms", "bytes"),
    *("country", "region", "city", "lat", "lon"),
    *("useragent", "os", "browser", "device", "model", "bot", "visitor", "username", "ip"),
    *("source", "host", "referrer", "referrer_site"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "truncated"),
)
"""The columns that events always have; other fields follow by name, where any of them has some."""
PREVIOUS: Final = "previous"
NOT_ALWAYS: Final = ("p50_ms", "p95_ms", "p99_ms", "visits", "bounces")
"""Columns of a series that are there where they are asked for, or kept."""
NAMES: Final = ("name", "language")
"""Columns that are there where any row has them."""

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")


def as_csv(answer: Answer, kind: Kind) -> bytes:
    """The answer's results as CSV. Figures of the period before are in columns that start with `previous_`."""
    results = [answer.results] if kind == "summary" else answer.results
    if kind == "events":
        fields = {name for event in results for name in event}
        columns: Sequence[str] = (*EVENT, *sorted(fields.difference(EVENT)))
    elif kind == "quarantine":
        columns = QUARANTINE
    else:
        row_type = RANKED.get(type(answer), ROWS[kind])
        columns = [name for name in row_type.__struct_fields__ if name != PREVIOUS]
        if kind == "series":
            columns = [name for name in columns if _is_given(name, results)]
        columns = [name for name in columns if name not in NAMES or _is_named(name, results)]
        earlier = [name for name in columns if name not in ("key", "other", *NAMES)]
        results = [_flat(row) for row in results]
        if answer.previous_from is not UNSET:
            columns = [*columns, *(f"{PREVIOUS}_{name}" for name in earlier)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(harmless, columns))
    writer.writerows(_cells(row.get(name) for name in columns) for row in results)
    return text.getvalue().encode()


def harmless(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would take it for a formula.

    That is where it starts with = + - @, a tab, a line's end or a wide form of the signs. A text in which apostrophes
    come before such a sign gets one too, so that taking one away gives back what it was.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def _is_given(name: str, points: Sequence[Point]) -> bool:
    """Whether a measure was asked for; those that are always there are where there is no bucket to tell by."""
    return getattr(points[0], name) is not UNSET if points else name not in NOT_ALWAYS


def _is_named(name: str, rows: Sequence[msgspec.Struct]) -> bool:
    """Whether any row has what the catalogue of modules says of it."""
    return any(getattr(row, name) is not UNSET for row in rows)


def _flat(row: msgspec.Struct) -> dict[str, Any]:
    """The row by name; what it has of the period before stands beside the rest."""
    values = msgspec.structs.asdict(row)
    before = values.pop(PREVIOUS, None)
    if isinstance(before, msgspec.Struct):
        values |= {f"{PREVIOUS}_{name}": value for name, value in msgspec.structs.asdict(before).items()}
    return values


def _cells(values: Iterable[Any]) -> list[Any]:
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    """What csv writes of a value: numbers as they are in JSON, no text for what is not there."""
    match value:
        case None | msgspec.UNSET:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return harmless(value)
        case dict():
            return msgspec.json.encode(value).decode()
        case list() | tuple():
            return harmless(" ".join(value))
    return value
