# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that come in bit by bit, as batches of events on their way to the server."""

from __future__ import annotations

from typing import Final

from .counts import Counts
from .delivery import Delivery
from .events import Events
from .formats import Event
from .lines import Line

BATCH_EVENTS: Final = 4_000


class Batches:
    """Is given lines of a stream in their order, and of the next stream when that begins.

    What became of them is added to `counts` when it is decided. After a DeliveryError nothing can be told of what was
    not sent: whoever gave the lines begins anew with what the server knows then.
    """

    def __init__(self, events: Events, delivery: Delivery, counts: Counts) -> None:
        self.known = -1
        """How far the server had the stream when that began."""
        self.events = events
        self._delivery = delivery
        self._decided = counts
        self._stream = ""
        self._waiting: list[Event] = []
        self._counts = Counts()

    def add(self, stream: str, line: Line) -> None:
        """Take a line; send when there are enough. Raises DeliveryError."""
        if stream != self._stream:
            self.send()
            self.known = self._delivery.known(stream)
            self._stream = stream
        self._counts.lines += 1
        event = self.events.of(line, self.known, self._counts)
        if event is not None:
            self._waiting.append(event)
            if len(self._waiting) == BATCH_EVENTS:
                self.send()

    def send(self) -> None:
        """Send what waits. Raises DeliveryError."""
        if self._waiting:
            self._delivery.deliver(self._delivery.seal(self._stream, self._waiting), self._counts)
        self._decided.add(self._counts)
        self._waiting, self._counts = [], Counts()
