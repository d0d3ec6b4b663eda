# SPDX-License-Identifier: GPL-3.0-or-later
"""From the record of a session to its findings, one for each check in their order. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .books import judge_books
from .content import judge_content
from .findings import CHECKS, Finding, not_seen
from .record import Record
from .retries import judge_retries

_JUDGES: tuple[Callable[[Record], Iterator[Finding]], ...] = (judge_content, judge_retries, judge_books)


def judge(record: Record) -> list[Finding]:
    """What a session shows, a finding for each check."""
    found = {finding.check: finding for judge_some in _JUDGES for finding in judge_some(record)}
    return [found.get(check) or not_seen(check, "nothing of it") for check in CHECKS]
