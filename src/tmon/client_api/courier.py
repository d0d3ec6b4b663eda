# SPDX-License-Identifier: LGPL-3.0-or-later
"""Carries sealed envelopes to the server: waits between attempts, hurries when the client closes, tells of outages."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from .answer import Answer
from .delivery import deliver
from .parcel import Parcel
from .transport import Post, Reply
from .trouble import Herald


@dataclass(slots=True)
class Ending:
    """Whether a sender is to end, and until when (monotonic) it may take for that."""

    begun: bool = False
    deadline: float = 0.0

    @property
    def late(self) -> bool:
        """Whether the time to close is over."""
        return self.begun and time.monotonic() >= self.deadline


class Courier:
    """The way to the server. `changed` is notified when `ending` begins."""

    def __init__(self, transport: Post, herald: Herald, changed: threading.Condition, ending: Ending) -> None:
        self.transport = transport
        self._herald = herald
        self._changed = changed
        self._ending = ending
        self._hurried = False
        self._away = ""

    def carry(self, parcel: Parcel) -> Answer:
        """Post the parcel until the server has decided.

        Raises Refused if it does not take it, Undelivered if the time to close is over before.
        """
        return deliver(
            self.post,
            parcel.envelope,
            pause=self._pause,
            # Nobody needs to hear that an empty envelope, which only carries the books, fell by the wayside.
            on_failure=self._note_failure if parcel.events else None,
            on_parked=self._note_parked,
        )

    def post(self, sealed: bytes) -> Reply:
        """Make one attempt, which takes no longer than there is time. Raises Unreachable."""
        ending = self._ending
        left_s = max(ending.deadline - time.monotonic(), 0.1) if ending.begun else None
        return self.transport.post(sealed, timeout_s=left_s)

    def note_answer(self, answer: Answer, *, queued: bool) -> None:
        """Tell that an outage is over, and of `queued` events that the server rejected."""
        with self._changed:
            back, self._away = self._away, ""
        if back:
            self._herald.tell_back()
        if answer.rejected_count and queued:
            first = answer.rejected[0].error if answer.rejected else "no reason was given"
            self._herald.tell(
                "rejected",
                f"the server rejects events, the first because: {first}",
                answer.rejected_count,
            )

    def _pause(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        ending = self._ending
        with self._changed:
            while (now := time.monotonic()) < end:
                if ending.begun and not self._hurried:
                    # Whatever wait was asked for, closing gets one try at once: the server may be back.
                    self._hurried = True
                    break
                if ending.begun and end > ending.deadline:
                    return False
                self._changed.wait(end - now)
            return not ending.late

    def _note_failure(self, reason: str) -> None:
        self._note("unreachable", f"events wait, trying again: {reason}")

    def _note_parked(self, reason: str) -> None:
        self._note("parked", f"events wait, trying again each hour: {reason}")

    def _note(self, trouble: str, message: str) -> None:
        with self._changed:
            known, self._away = self._away == trouble, trouble
        if not known:
            self._herald.tell(trouble, message)
