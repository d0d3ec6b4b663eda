# SPDX-License-Identifier: GPL-3.0-or-later
"""One followed file on its way to the server.

Nothing about it is kept anywhere but on the server: how far that has the file's streams is asked when a course begins,
and again after anything went wrong, when the file is read from its beginning once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from .batches import Batches
from .counts import Counts
from .delivery import Delivery
from .formats import LOOKED_AT, Undetected, detect
from .lines import Line
from .segments import Segments
from .tail import Tail
from .understanding import Understanding


class Course:
    """The way of one file's lines; `counts` is what became of them."""

    def __init__(self, tail: Tail, understanding: Understanding, delivery: Delivery) -> None:
        self.tail = tail
        self.counts = Counts()
        self.format = understanding.format
        self.delivered = 0
        """The bytes of it that are decided about."""
        self.streams: Sequence[str] = ()
        """Of its lines so far: by them a copy of it is told."""
        self._understanding = understanding
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

    @property
    def settled(self) -> bool:
        """Whether all that was in the file is decided about, but for a last line without an end."""
        return not self._broken and self.tail.size == self.tail.reached

    def finish(self) -> None:
        """Take a last line that nobody will end any more. Raises DeliveryError, and Undetected."""
        self._broken = True
        last = self.tail.last()
        if last is not None:
            self._take([last])
        self._broken = False

    def _begin(self) -> None:
        self._broken = False
        self._segments = Segments()
        self._streams: list[str] = []
        self._undetected: list[Line] = []
        self._batches: Batches | None = None

    def _take(self, lines: list[Line]) -> None:
        if self._batches is None:
            lines = self._undetected = self._undetected + lines
            if self.format is None:
                try:
                    self.format = detect([line.content for line in lines], self._understanding.zone)
                except Undetected:
                    if len(lines) < LOOKED_AT:
                        return
                    raise
            self._undetected = []
            self._batches = Batches(self._understanding.events(self.format), self._delivery, self.counts)
        batches = self._batches
        for line in lines:
            stream = self._segments.stream_of(line.content)
            if stream not in self._streams[-1:]:
                self._streams.append(stream)
                self.streams = max(self.streams, tuple(self._streams), key=len)
            batches.add(stream, line)
        batches.send()
        self.delivered = self.tail.whole
        if batches.known > lines[-1].offset and self._segments.complete and not batches.events.stateful:
            self.tail.skip(batches.known)
