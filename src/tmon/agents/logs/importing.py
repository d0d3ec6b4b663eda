# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports one log: lines become events, which are sent in order, each segment of the file as a stream of its own.

Before a segment's first line is sent the server is asked how far it has the stream; what is not beyond that is not
even parsed. While a batch is on its way the next one is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, tzinfo
from itertools import chain
from typing import Final

from tmon.client_api import Client

from .clients import clients
from .counts import Counts
from .delivery import Delivery
from .events import Events, OnUnparsed
from .formats import LOOKED_AT, Event, Format, detect
from .lines import Line
from .reading import Log
from .rules import Rule
from .segments import Segments

BATCH_EVENTS: Final = 4_000
BATCH_BYTES: Final = 2 * 1024 * 1024
"""Of lines; as events they are about twice as long, and the server takes 8 MiB."""
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
        self._under_way: Future[None] | None = None

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
        with ThreadPoolExecutor(1, "tmon-import") as sender:
            self._sender = sender
            for line in lines:
                self._take(line, events)
            self._send()
            self._wait()

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
        self._wait()
        self._stream = stream
        self._known = self._delivery.known(stream)

    def _send(self) -> None:
        """Have the batch sent, once the one before it is decided about."""
        if not self._events:
            return
        self._wait()
        self._under_way = self._sender.submit(self._delivery.deliver, self._stream, self._events, self.counts)
        self._events, self._bytes = [], 0

    def _wait(self) -> None:
        """Wait for the batch that is under way, and raise what went wrong with it."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()


def _some(lines: Iterator[Line], most: int) -> Iterator[Line]:
    for _, line in zip(range(most), lines, strict=False):
        yield line
