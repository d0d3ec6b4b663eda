# SPDX-License-Identifier: GPL-3.0-or-later
"""The query room: turns what people ask (periods, filters, limits) into questions to the store, and answers them.

A question raises QuestionError where the one who asks is wrong and StoreError where the store can't answer.
"""

from __future__ import annotations

from tmon.server.store.base import Reader, StoreError, TooLong, Unavailable

from .about import Settle, Subject
from .answers import Answer, LedgerRow
from .errors import BadQuestion, NoSuchView, QuestionError
from .live import Arrivals, Live, Tick
from .questions import Noted, Questions
from .sessions import Sessions
from .tables import Kind, as_csv

__all__ = [
    "Answer",
    "Arrivals",
    "BadQuestion",
    "Kind",
    "LedgerRow",
    "Live",
    "NoSuchView",
    "Noted",
    "QuestionError",
    "Questions",
    "Reader",
    "Sessions",
    "Settle",
    "StoreError",
    "Subject",
    "Tick",
    "TooLong",
    "Unavailable",
    "as_csv",
]
