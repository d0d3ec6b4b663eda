# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a question.

QuestionError         the message says what is wrong and what would be right
├── BadQuestion       a parameter is unknown or its value makes no sense
└── NoSuchView        there is no view of that name
"""

from __future__ import annotations

LONGEST_SHOWN = 80


class QuestionError(Exception):
    """Base of this room's errors."""


class BadQuestion(QuestionError):
    """A parameter is unknown or its value makes no sense."""


class NoSuchView(QuestionError):
    """There is no view of that name."""


def shown(text: str) -> str:
    """What somebody wrote, quoted for a message and cut where it is long."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")
