# SPDX-License-Identifier: LGPL-3.0-or-later
"""Delivers what an earlier process left in its spool file, under the books of the run that it was.

One attempt at a time, so that nothing of ours waits for it: the file may hold what the server does not take.
An envelope that is given up becomes an empty one that reports its events as lost, so the ledger of a dead run
adds up like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .answer import Answer
from .delivery import PARKED_S, Retry, judge, wait_s
from .errors import EnvelopeError, Unreachable
from .parcel import Parcel, Sealer
from .run import add_loss
from .spoolfile import SpoolFile
from .transport import Reply
from .trouble import Herald


class Adopted:
    """A spool file of another process that is gone. Methods may raise OSError, which ends the adoption."""

    def __init__(self, file: SpoolFile, max_age_s: float, herald: Herald, sealer: Sealer) -> None:
        self.file = file
        self.not_before = 0.0
        """When the next attempt may be made (monotonic)."""
        self._max_age_s = max_age_s
        self._herald = herald
        self._sealer = sealer
        self._attempts = 0
        self._given_up: dict[tuple[str, str], int] = {}

    def deliver_one(self, post: Callable[[bytes], Reply]) -> bool:
        """Make an attempt for the first parcel; False if there is none left."""
        parcel = self.file.head()
        if parcel is None:
            return False
        if time.time() - parcel.sealed_at > self._max_age_s:
            self._give_up(parcel, "expired", parcel.events, "they waited too long in the spool")
            return True
        try:
            outcome = judge(post(parcel.envelope))
        except Unreachable as error:
            outcome = Retry(str(error))
        if isinstance(outcome, Answer):
            self._settle(parcel, outcome)
        else:
            self._attempts += 1
            self.not_before = time.monotonic() + wait_s(self._attempts, outcome.after_s)
        return True

    def _settle(self, parcel: Parcel, answer: Answer) -> None:
        if answer.status == 403:
            self.not_before = time.monotonic() + PARKED_S
            self._herald.tell(
                "parked", "events of an earlier process wait, trying again each hour: the server answered 403"
            )
            return
        self._attempts = 0
        if answer.ok:
            self.file.replace(())
            return
        if answer.status == 413 and parcel.events > 1:
            try:
                halves = self._sealer.halve(parcel)
            except EnvelopeError:
                pass
            else:
                self.file.replace(halves)
                return
        known = answer.rejected_count if answer.status == 400 else 0
        self._give_up(
            parcel, f"refused_{answer.status}", parcel.events - known, f"the server answered {answer.status}"
        )

    def _give_up(self, parcel: Parcel, reason: str, events: int, why: str) -> None:
        if events <= 0:
            self.file.replace(())
            return
        self._herald.tell(reason, f"{events} events of an earlier process are lost: {why}", events)
        try:
            head, _ = self._sealer.open(parcel)
        except (EnvelopeError, ValueError):
            # Sealed with an earlier key: nobody here can speak for that run.
            self.file.replace(())
            return
        run = (str(head.get("run")), reason)
        self._given_up[run] = self._given_up.get(run, 0) + events
        lost = dict(head.get("lost") or {})
        add_loss(lost, reason, self._given_up[run])
        self.file.replace([self._sealer.seal({**head, "sent_at": round(time.time(), 3), "lost": lost}, ())])
