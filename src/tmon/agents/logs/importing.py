# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports one log: lines become events, which are sent in order, each segment of the file as a stream of its own.

Before a segment's first line is sent the server is asked how far it has the stream; what is not beyond that is not
even parsed. While a batch is at the server the next one is sealed, and the one after that read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, tzinfo
from itertools import chain
from typing import Final

from tmon.client_api import Client

from .clients import clients
from .counts import Counts
from .delivery import Delivery, Sealed
from .events import Events, OnUnparsed
from .formats import LOOKED_AT, Event, Format, detect
from .lines import Line
from .reading import Log
from .rules import Rule
from .segments import Segments

BATCH_EVENTS: Final = 4_000
BATCH_BYTES: Final = 2 * 1024 * 1024
"""Of lines; as events they are about twice as long, and the server takes 8 MiB."""
AHEAD: Final = 2
"""Batches that are read and not yet decided about: one is at the server, one being sealed while the next is read."""
SHOWN_EVERY: Final = 1_000
"""Lines between two looks at the progress."""


class Import:
    """One log on its way to the server.

    `format_` is what its lines are in, detected from its first lines where that is None. `rules` change or leave out
    what they describe. `timeout_s` is how long to go on trying when the server is away; `on_failure` hears why it does.
    `on_progress` is called now and then.
    """

    def __init__(
        self,
        log: Log,
        client: Client,
        *,
        format_: Format | None = None,
        zone: tzinfo = UTC,
        rules: Sequence[Rule] = (clients(),),
        timeout_s: float = 30.0,
        unended: bool = False,
        on_unparsed: OnUnparsed | None = None,
        on_failure: Callable[[str], None] | None = None,
        on_progress: Callable[[], None] | None = None,
    ) -> None:
        self.log = log
        self.counts = Counts()
        self.format = format_
        self._delivery = Delivery(client, timeout_s, on_failure)
        self._zone = zone
        self._rules = rules
        self._unended = unended
        self._on_unparsed = on_unparsed
        self._on_progress = on_progress
        self._segments = Segments()
        self._stream = ""
        self._known = -1
        self._events: list[Event] = []
        self._bytes = 0
        self._under_way: deque[Future[None]] = deque()
        self._failed = False

    def run(self) -> None:
        """Read it to its end and send everything.

        Raises Undetected where the format can't be told, DeliveryError where the server can't be reached or takes
        nothing. What was sent by then is counted, and is not sent again by the next import.
        """
        lines = self.log.lines()
        if self.format is None:
            first = list(_some(lines, LOOKED_AT))
            if not first:
                return
            self.format = detect([line.content for line in first], self._zone)
            lines = chain(first, lines)
        events = Events(self.format.parser(self._zone), self._rules, self._on_unparsed)
        with (
            ThreadPoolExecutor(1, "tmon-send") as self._sender,
            ThreadPoolExecutor(1, "tmon-seal") as self._sealer,
        ):
            for line in lines:
                self._take(line, events)
            self._send()
            self._wait(0)

    def _take(self, line: Line, events: Events) -> None:
        counts = self.counts
        counts.lines += 1
        if counts.lines % SHOWN_EVERY == 0 and self._on_progress is not None:
            self._on_progress()
        if not line.ended and self.log.may_grow and not self._unended:
            counts.unended += 1
            return
        stream = self._segments.stream_of(line.content)
        if stream != self._stream:
            self._begin(stream)
        event = events.of(line, self._known, counts)
        if event is None:
            return
        self._events.append(event)
        self._bytes += len(line.content)
        if len(self._events) >= BATCH_EVENTS or self._bytes >= BATCH_BYTES:
            self._send()

    # -- sending ------------------------------------------------------------------------------------------------------

    def _begin(self, stream: str) -> None:
        """Another segment begins: find out how far the server has it."""
        self._send()
        self._wait(0)
        self._stream = stream
        self._known = self._delivery.known(stream)

    def _send(self) -> None:
        """Have the batch sealed, and sent once the one before it is decided about."""
        if not self._events:
            return
        sealing = self._sealer.submit(self._delivery.seal, self._stream, self._events)
        self._under_way.append(self._sender.submit(self._deliver, sealing))
        self._events, self._bytes = [], 0
        self._wait(AHEAD)

    def _deliver(self, sealing: Future[Sealed]) -> None:
        sealed = sealing.result()
        if self._failed:
            self._delivery.give_up(sealed)
            return
        self._failed = True
        self._delivery.deliver(sealed, self.counts)
        self._failed = False

    def _wait(self, left: int) -> None:
        """Wait until at most so many batches are under way, and raise what went wrong with another."""
        while len(self._under_way) > left:
            self._under_way.popleft().result()


def _some(lines: Iterator[Line], most: int) -> Iterator[Line]:
    for _, line in zip(range(most), lines, strict=False):
        yield line
