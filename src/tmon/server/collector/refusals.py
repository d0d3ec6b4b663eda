# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the collector turns a request away before it reaches the writer.

Refusal             the status and message of an answer that is not 200
LargeWork           no refusal: the work is too much for the event loop and has to be done off it
"""

from __future__ import annotations


class Refusal(Exception):
    """The answer to a request that is turned away.

    `retry_after_s` is when another attempt may succeed, for 429 and 503; `allow` the methods there are, for 405.
    """

    def __init__(
        self, status: int, message: str, *, retry_after_s: float | None = None, allow: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.allow = allow


class LargeWork(Exception):
    """What arrived small turns out to be large once inflated."""


def accounts_away() -> Refusal:
    """503: whether this may be taken cannot be found out now, so it is not refused for good."""
    return Refusal(503, "the accounts database does not answer", retry_after_s=2)
