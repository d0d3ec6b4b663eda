# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends events of logs, each batch as a part of its stream, and counts what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tmon.client_api import Answer, Client, NotEncodable, Refused

from .counts import Counts
from .formats import Event

if TYPE_CHECKING:
    from tmon.client_api.parcel import Parcel

ATTEMPT_S: Final = 5.0
"""How long whoever follows something tries at a time; in between it looks after what it follows."""


class Sealed(NamedTuple):
    """A batch of a stream that is ready to be sent; or `why` it isn't, as it is."""

    stream: str
    events: Sequence[Event]
    parcel: Parcel | None
    why: str = ""


class Delivery:
    """Sends batches one after the other, for at most `timeout_s` seconds each; `on_failure` hears of failed attempts.

    A batch must not be sent before the one before it is decided about: were that lost and this one stored, the server
    would take what is lost for counted.
    """

    def __init__(
        self, client: Client, timeout_s: float, on_failure: Callable[[str], None] | None = None
    ) -> None:
        self._client = client
        self.timeout_s = timeout_s
        self._on_failure = on_failure

    def known(self, stream: str) -> int:
        """The offset up to which the server has a stream; -1 for nothing. Raises DeliveryError."""
        answer = self._client.send_batch([], stream, self.timeout_s, on_failure=self._on_failure)
        return -1 if answer.highest_offset is None else answer.highest_offset

    def seal(self, stream: str, events: Sequence[Event]) -> Sealed:
        """Make a batch ready; what can't be sealed as a whole is told apart when it is delivered."""
        try:
            return Sealed(stream, events, self._client.seal_batch(events, stream))
        except (NotEncodable, ValueError) as error:
            return Sealed(stream, events, None, str(error))

    def give_up(self, sealed: Sealed) -> None:
        """Count a batch as lost to this run, since it will not be delivered."""
        if sealed.parcel is not None:
            self._client.give_up_batch(sealed.parcel)

    def deliver(self, sealed: Sealed, counts: Counts) -> None:
        """Send a batch, in halves where it is too large. Raises DeliveryError; what was sent by then is counted."""
        if sealed.parcel is None:
            self._halves(sealed, counts, sealed.why)
            return
        try:
            answer = self._client.deliver_batch(sealed.parcel, self.timeout_s, on_failure=self._on_failure)
        except Refused as refused:
            answer = refused.answer
            if answer.status == 413:
                self._halves(sealed, counts, "too large")
            elif answer.status == 400 and answer.rejected_count:
                _count(answer, len(sealed.events), counts)
            else:
                raise
        else:
            _count(answer, answer.rejected_count, counts)

    def _halves(self, sealed: Sealed, counts: Counts, why: str) -> None:
        stream, events, *_ = sealed
        if len(events) == 1:
            counts.rejected += 1
            counts.why_rejected[why] += 1
            return
        middle = len(events) // 2
        for half in (events[:middle], events[middle:]):
            self.deliver(self.seal(stream, half), counts)


def _count(answer: Answer, rejected: int, counts: Counts) -> None:
    counts.accepted += answer.accepted
    counts.before += answer.repeated
    counts.rejected += rejected
    for one in answer.rejected:
        counts.why_rejected[one.error] += 1
