# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what commands answer: as a table for people, or as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any


def utc(moment: dt.datetime | None) -> str | None:
    """A moment as ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def show_one(values: dict[str, Any], as_json: bool) -> None:
    """Print one thing: a line per value, or a JSON object."""
    if as_json:
        print(json.dumps(values))
        return
    width = max(map(len, values))
    for name, value in values.items():
        print(f"{name:<{width}}  {_cell(value)}")


def show_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print a list: a table with a head, or a JSON array."""
    if as_json:
        print(json.dumps(list(rows)))
        return
    if not rows:
        print("none")
        return
    table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value) or "-"
    if isinstance(value, dict):
        return " ".join(_cell(item) for item in value.values())
    return str(value)
