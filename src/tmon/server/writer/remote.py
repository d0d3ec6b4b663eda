# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer as a collector sees it that is a process of its own: envelopes go over a socket, outcomes come back.

While the writer is away nothing is taken (503), and what was on its way gets no outcome: its sender tries again, and if
the envelope was stored it finds its outcome. The connection is made again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tmon.server.store.base import Envelope, Outcome

from . import sockets
from .errors import Busy, NotStored, NotTaken
from .frames import SOCKET_NAME, Answers, Append, Figures, Frame, Frames, Hello, Wanted, error_of
from .gathering import MOST, MOST_EVENTS
from .group_commit import Answered, Bounds, tell

log = structlog.get_logger(__name__)

AGAIN_S: Final = 0.1
"""Between two attempts to reach the writer."""
GATHER_S: Final = 0.0015
"""How long envelopes wait for others that go with them: less than a commit takes."""
STUCK_S: Final = 30.0
"""A writer that has not answered about an envelope for so long is stopped or stuck, and senders are not to wait longer.
If it was only busy, with an erasure in a very large log, who sends again finds the outcome."""
LOOKS: Final = 10
"""How often is looked within that time."""
AWAY: Final = "the writer is away"


class RemoteWriter:
    """Takes envelopes for the writer that owns `data_dir`. Everything here belongs to one event loop.

    `name` is this collector's in figures, which `figures` returns in Prometheus' text format.
    """

    def __init__(
        self,
        data_dir: Path,
        name: str,
        figures: Callable[[], str],
        *,
        bounds: Bounds | None = None,
        stuck_s: float = STUCK_S,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._path = data_dir / SOCKET_NAME
        self._stuck_s = stuck_s
        self._name = name
        self._figures = figures
        self._bounds = bounds or Bounds()
        self._waiting: dict[int, tuple[Answered, int, int, float]] = {}
        """By the envelopes' numbers, the oldest first: whom to tell the outcome, how many events and bytes of
        plaintext, and since when."""
        self._events = 0
        self._bytes = 0
        self._gathered: list[Envelope] = []
        self._gathered_events = 0
        self._due: asyncio.Handle | None = None
        self._next = 0
        self._line: Frames | None = None
        self._gone = asyncio.Event()
        self._there = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._stopping = False
        registry = registry or CollectorRegistry()
        self._busy = Counter(
            "tmon_collector_busy", "Envelopes that the writer was too far behind to take.", registry=registry
        )
        for what, help_, value in (
            ("connected", "1 while the writer can be reached.", lambda: float(self.connected)),
            ("waiting_envelopes", "Envelopes that wait for the writer.", lambda: len(self._waiting)),
            ("waiting_events", "Events that wait for the writer.", lambda: self._events),
            ("waiting_bytes", "Bytes of plaintext that wait for the writer.", lambda: self._bytes),
        ):
            Gauge(f"tmon_collector_{what}", help_, registry=registry).set_function(value)

    @property
    def connected(self) -> bool:
        """Whether the writer can be reached."""
        return self._line is not None

    def start(self) -> None:
        """Connect, and go on connecting whenever the writer was away. Returns at once."""
        self._connecting = asyncio.create_task(self._connect())

    async def reached(self, timeout_s: float) -> bool:
        """Wait until the writer can be reached; whether that was so in time."""
        try:
            await asyncio.wait_for(self._there.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Send what was taken, and end the connection; whoever waits then gets NotStored."""
        self._stopping = True
        self._flush()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._line is not None:
            self._line.close()

    def take(self, envelope: Envelope, size: int, answered: Answered) -> None:
        """See Writer.take. Raises NotStored while the writer is away."""
        if self._line is None:
            raise NotStored(AWAY)
        events = len(envelope.events) + len(envelope.rejected) or 1
        bounds = self._bounds
        if self._waiting and (
            len(self._waiting) >= bounds.envelopes
            or self._events + events > bounds.events
            or self._bytes + size > bounds.bytes
        ):
            self._busy.inc()
            raise Busy("more waits than the store can keep up with")
        envelope.size = size
        self._waiting[self._next + len(self._gathered)] = (answered, events, size, time.monotonic())
        self._events += events
        self._bytes += size
        self._gather(envelope, events)

    def _gather(self, envelope: Envelope, events: int) -> None:
        """Keep it for the next frame, which goes a moment later, or when it has become large.

        Without that most frames would hold a single envelope and cost more than everything else about it; and what
        waits here takes part in the next commit all the same, for the core makes one after the other.
        """
        self._gathered.append(envelope)
        self._gathered_events += events
        if len(self._gathered) >= MOST or self._gathered_events >= MOST_EVENTS:
            self._flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER_S, self._flush)

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        envelopes, self._gathered, self._gathered_events = self._gathered, [], 0
        first, self._next = self._next, self._next + len(envelopes)
        if envelopes and self._line is not None:
            self._line.send(Append(first, envelopes))

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        told = False
        while True:
            self._gone.clear()
            line = Frames(self._received, self._lost)
            try:
                connection = sockets.connected(self._path, 0)
            except OSError as error:
                if not told:
                    log.warning("the writer is away", why=str(error))
                    told = True
                await asyncio.sleep(AGAIN_S)
                continue
            await loop.create_connection(partial(_given, line), sock=connection)
            if line.open:
                line.send(Hello(self._name))
                self._line = line
                self._there.set()
                told = False
                log.info("connected to the writer")
                await self._lasting(line)
            await asyncio.sleep(AGAIN_S)  # one that ends each connection at once is not asked without a pause

    async def _lasting(self, line: Frames) -> None:
        """Wait for the end of the connection, and end it where the writer is stuck: senders are not to wait for ever.

        What it has got by then it may still store; who sends that again finds its outcome.
        """
        while not self._gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._stuck_s / LOOKS):
                    await self._gone.wait()
            _, _, _, since = next(iter(self._waiting.values()), (None, 0, 0, time.monotonic()))
            if time.monotonic() - since > self._stuck_s:
                log.error("the writer does not answer", envelopes=len(self._waiting))
                line.abort()
                await self._gone.wait()

    def _lost(self) -> None:
        self._line = None
        self._there.clear()
        self._flush()  # to nobody: whoever waits is told below
        waiting, self._waiting = self._waiting, {}
        self._events = self._bytes = 0
        for answered, _, _, _ in waiting.values():
            tell(answered, NotStored(AWAY))
        self._gone.set()
        if not self._stopping:
            log.warning("the connection to the writer has ended", envelopes=len(waiting))

    def _received(self, frame: Frame) -> None:
        match frame:
            case Answers(outcomes, refused):
                for number, outcome in outcomes:
                    self._settle(number, outcome)
                for number, refusal in refused:
                    self._settle(number, error_of(refusal))
            case Wanted(number):
                if self._line is not None:
                    self._line.send(Figures(number, self._figures()))
            case _:
                log.error("the writer says what it should not", frame=type(frame).__name__)

    def _settle(self, number: int, answer: Outcome | NotTaken) -> None:
        answered, events, size, _ = self._waiting.pop(number)
        self._events -= events
        self._bytes -= size
        tell(answered, answer)


def _given(line: Frames) -> Frames:
    return line
