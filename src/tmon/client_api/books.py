# SPDX-License-Identifier: LGPL-3.0-or-later
"""Counts what becomes of a run's events, for the program's own `stats` and for `flush`."""

from __future__ import annotations

from dataclasses import dataclass

from .answer import Answer
from .run import Run


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the events of this run so far.

    `waiting` events are queued, sealed or on their way; `rejected` ones were turned away by the server, which
    keeps count of them itself; `lost` ones (by reason) never got there, or the server cannot know what they
    were. tracked = waiting + accepted + repeated + rejected + lost.
    """

    tracked: int
    waiting: int
    accepted: int
    repeated: int
    rejected: int
    lost: dict[str, int]


class Books:
    """The counts of one run. Not thread-safe: their owner holds a lock around every call."""

    def __init__(self, source: str) -> None:
        self.run = Run(source)
        self.tracked = self.accepted = self.repeated = self.rejected = 0
        self.in_flight = 0
        # Both only grow: events that entered the queue, and events that came to their end after being in it.
        self.queued = self.settled = 0

    @property
    def begun(self) -> bool:
        """Whether there is anything that the server should hear of."""
        return self.queued > 0 or self.run.envelopes > 0 or self.run.unreported_since is not None

    def drop(self, reason: str, count: int = 1) -> None:
        """Count events that were tracked and cannot even be queued."""
        self.tracked += count
        self.run.drop(reason, count)

    def settle(self, count: int, outcome: Answer | str, *, queued: bool = True) -> int:
        """Count what became of the `count` events of an envelope: an answer, or the word for their loss.

        Returns how many are lost.
        """
        self.in_flight -= count
        if queued:
            self.settled += count
        if not isinstance(outcome, str):
            if outcome.ok:
                self.accepted += outcome.accepted
                self.repeated += outcome.repeated
                self.rejected += outcome.rejected_count
                return 0
            # A 400 that counts events comes from an envelope that opened: the server's own books hold them.
            known = min(outcome.rejected_count, count) if outcome.status == 400 else 0
            self.rejected += known
            count -= known
            outcome = f"refused_{outcome.status}"
        self.run.lose_sealed(outcome, count)
        return count

    def stats(self, queue: int) -> Stats:
        """Return the counts while `queue` events wait to be sealed."""
        return Stats(
            tracked=self.tracked,
            waiting=queue + self.in_flight,
            accepted=self.accepted,
            repeated=self.repeated,
            rejected=self.rejected,
            lost=dict(self.run.lost),
        )
