# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts the content of a log into lines, each with its place."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 1024 * 1024
"""What is longer is cut there, so that memory stays bounded; no web server writes such lines."""


class Line(NamedTuple):
    """A line without its line feed. `offset` is where it begins, in bytes of the uncompressed content."""

    offset: int
    content: bytes
    ended: bool = True
    """Whether there was a line feed, and not just the end of the content."""


class Lines:
    """Is given content piece by piece, from the offset `begin` on, where a line begins."""

    def __init__(self, begin: int = 0) -> None:
        self._begin = begin
        self._pending = b""
        self._dropped = 0

    @property
    def reached(self) -> int:
        """Where the content that was given ends."""
        return self._begin + len(self._pending) + self._dropped

    @property
    def whole(self) -> int:
        """Where the last line that has an end ends."""
        return self._begin

    def of(self, content: bytes) -> list[Line]:
        """The lines that end in this piece of content."""
        lines = []
        begin, dropped = self._begin, self._dropped
        first, *others = content.split(b"\n")
        pending = self._pending + first
        for other in others:
            length = len(pending)
            lines.append(Line(begin, pending if length <= MAX_LINE_BYTES else pending[:MAX_LINE_BYTES]))
            begin += length + dropped + 1
            pending, dropped = other, 0
        self._begin, self._pending, self._dropped = begin, pending, dropped
        if len(self._pending) > MAX_LINE_BYTES:
            self._dropped += len(self._pending) - MAX_LINE_BYTES
            self._pending = self._pending[:MAX_LINE_BYTES]
        return lines

    def last(self) -> Line | None:
        """What there is of a line without an end."""
        return Line(self._begin, self._pending, ended=False) if self._pending else None
