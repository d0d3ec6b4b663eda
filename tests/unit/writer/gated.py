# SPDX-License-Identifier: GPL-3.0-or-later
"""A memory store whose commits and passes a test holds up, fails and counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tmon.server.calendar import Calendar
from tmon.server.events import Agent, Event
from tmon.server.store.base import Envelope, Outcome
from tmon.server.store.memory import MemoryStore

UTC = Calendar([(float("-inf"), "UTC")])
NOON_MS = 1_700_049_600_000


class GatedStore(MemoryStore):
    """`gate` holds up every append while it is cleared; `before` runs first and may raise."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.before: Callable[[Sequence[Envelope]], None] = lambda envelopes: None
        self.before_advance: Callable[[], None] = lambda: None
        self.groups: list[int] = []
        self.passes = 0

    def append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        self.reached.set()
        assert self.gate.wait(30)
        self.before(envelopes)
        self.groups.append(len(envelopes))
        return super().append(envelopes)

    def advance(self, most: int = 20_000) -> bool:
        self.before_advance()
        self.passes += 1
        return super().advance(most)


def envelope(number: int, events: int = 1, wsid: int = 7) -> Envelope:
    """An envelope that holds so many equal events."""
    event = Event(ts_ms=NOON_MS, hour=UTC.hour(NOON_MS / 1000), path="/", agent=Agent())
    return Envelope(
        wsid=wsid, id=number.to_bytes(16, "big"), received_ms=NOON_MS + number, events=[event] * events
    )
