# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check finds."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about what is, and for what is not ok one about what to do."""

    level: Level
    message: str
    advice: str | None = None


def ok(message: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, message)


def warning(message: str, advice: str) -> Finding:
    """It works, but not as it should, or not for ever."""
    return Finding(Level.WARNING, message, advice)


def problem(message: str, advice: str) -> Finding:
    """Something does not work, or data is in danger."""
    return Finding(Level.PROBLEM, message, advice)


def number(count: int, what: str) -> str:
    """How many of what, for instance `1 key` or `2 keys`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
