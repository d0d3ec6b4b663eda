# SPDX-License-Identifier: GPL-3.0-or-later
"""One followed file on its way to the server.

Nothing about it is kept anywhere but on the server: how far that has the file's streams is asked when a course begins,
and again after anything went wrong, when the file is read from its beginning once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from .counts import Counts
from .delivery import Delivery
from .events import Events, OnUnparsed
from .formats import LOOKED_AT, Event, Format, Undetected, detect
from .lines import Line
from .rules import Rule
from .segments import Segments
from .tail import Tail

BATCH_EVENTS: Final = 4_000


class Reading(NamedTuple):
    """How lines are understood."""

    format: Format | None
    """None: told from a file's first lines."""
    zone: tzinfo
    rules: Sequence[Rule]
    on_unparsed: OnUnparsed | None = None


class _Batch(NamedTuple):
    events: list[Event]
    counts: Counts
    """Of the lines that they were made of."""


class Course:
    """The way of one file's lines; `counts` is what became of them."""

    def __init__(self, tail: Tail, reading: Reading, delivery: Delivery) -> None:
        self.tail = tail
        self.counts = Counts()
        self.format = reading.format
        self.delivered = 0
        """The bytes of it that are decided about."""
        self.streams: Sequence[str] = ()
        """Of its lines so far: by them a copy of it is told."""
        self._reading = reading
        self._delivery = delivery
        self._broken = False
        """Whether the last attempt ended half-way."""
        self._begin()

    def advance(self) -> bool:
        """Read what was added, up to a megabyte, and send it; False where there was nothing.

        Raises DeliveryError, after which it has to be called again some time, Undetected where there are enough lines
        to tell the format and it can't be told, Cut and OSError as the tail does.
        """
        if self._broken:
            self.tail.check()
            self.tail.rewind()
            self._begin()
        self._broken = True
        lines = self.tail.read()
        if lines:
            self._take(lines)
        self._broken = False
        return bool(lines)

    def finish(self) -> None:
        """Take a last line that nobody will end any more. Raises DeliveryError."""
        last = self.tail.last()
        if last is not None and not self._broken:
            self._take([last])

    def _begin(self) -> None:
        self._segments = Segments()
        self._streams: list[str] = []
        self._known = -1
        self._undetected: list[Line] = []
        self._events: Events | None = None
        self._batch = _Batch([], Counts())

    def _take(self, lines: list[Line]) -> None:
        if self._events is None:
            lines = self._undetected = self._undetected + lines
            if self.format is None:
                try:
                    self.format = detect([line.content for line in lines], self._reading.zone)
                except Undetected:
                    if len(lines) < LOOKED_AT:
                        return
                    raise
            self._undetected = []
            parser = self.format.parser(self._reading.zone)
            self._events = Events(parser, self._reading.rules, self._reading.on_unparsed)
        for line in lines:
            self._add(line, self._events)
        self._send()
        self.delivered = self.tail.whole
        if self._known > lines[-1].offset and self._segments.complete and not self._events.stateful:
            self.tail.skip(self._known)

    def _add(self, line: Line, events: Events) -> None:
        stream = self._segments.stream_of(line.content)
        if not self._streams or stream != self._streams[-1]:
            self._send()
            self._streams.append(stream)
            self.streams = max(self.streams, tuple(self._streams), key=len)
            self._known = self._delivery.known(stream)
        counts = self._batch.counts
        counts.lines += 1
        if (event := events.of(line, self._known, counts)) is not None:
            self._batch.events.append(event)
            if len(self._batch.events) == BATCH_EVENTS:
                self._send()

    def _send(self) -> None:
        events, counts = self._batch
        if events:
            self._delivery.deliver(self._streams[-1], events, counts)
        self.counts.add(counts)
        self._batch = _Batch([], Counts())
