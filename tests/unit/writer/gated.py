# SPDX-License-Identifier: GPL-3.0-or-later
"""A memory store whose commits and passes a test holds up, fails and counts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from tmon.server.calendar import Calendar
from tmon.server.events import Agent, Event
from tmon.server.store.base import Envelope, Outcome
from tmon.server.store.memory import MemoryStore
from tmon.server.writer import NotTaken

UTC = Calendar([(float("-inf"), "UTC")])
NOON_MS = 1_700_049_600_000


class Taking(Protocol):
    """Whatever takes envelopes: the writer, what stands before it, its other end."""

    def take(self, envelope: Envelope, size: int, answered: Callable[[Outcome | NotTaken], None]) -> None: ...


def submit(writer: Taking, envelope: Envelope, size: int) -> asyncio.Future[Outcome]:
    """Have an envelope taken; the future gets what `answered` is told, and fails where that is told twice."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def answered(answer: Outcome | NotTaken) -> None:
        if isinstance(answer, Outcome):
            future.set_result(answer)
        else:
            future.set_exception(answer)

    writer.take(envelope, size, answered)
    return future


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
