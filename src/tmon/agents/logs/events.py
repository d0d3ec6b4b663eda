# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes events of the lines of one log, and counts by reason those that none is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from .counts import Counts
from .formats import Event, Parser, Unparsed
from .lines import MAX_LINE_BYTES, Line
from .rules import Rule, Skip, applied

TOO_LONG: Final = "too long"

OnUnparsed = Callable[[Line, str], None]
"""Is told of each line that is not understood, and the reason."""


class Events:
    """Is given a log's lines in their order. `rules` change or leave out what they describe."""

    def __init__(self, parser: Parser, rules: Sequence[Rule], on_unparsed: OnUnparsed | None = None) -> None:
        self.stateful = parser.stateful
        """Whether what a line means depends on those before it."""
        self._parser = parser
        self._rules = rules
        self._on_unparsed = on_unparsed

    def of(self, line: Line, known: int, counts: Counts) -> Event | None:
        """The event of a line, with its offset; None where there is none to send, and `counts` then says why.

        Up to the offset `known` the server has decided about all lines: they are only counted.
        """
        if line.offset <= known:
            counts.before += 1
            if self.stateful:
                self._read(line)
            return None
        try:
            event = self._parsed(line.content)
            if event is None:
                counts.directives += 1
                return None
            event = applied(self._rules, event)
        except Unparsed as unparsed:
            counts.unparsed[unparsed.reason] += 1
            if self._on_unparsed is not None:
                self._on_unparsed(line, unparsed.reason)
            return None
        except Skip as skip:
            counts.skipped[skip.reason] += 1
            return None
        event["offset"] = line.offset
        return event

    def _read(self, line: Line) -> None:
        """Let the parser see a line for what it says of those to come."""
        try:
            self._parsed(line.content)
        except Unparsed:
            return

    def _parsed(self, content: bytes) -> Event | None:
        if len(content) >= MAX_LINE_BYTES:
            raise Unparsed(TOO_LONG)
        # Where a file was cut to nothing while its writer stood at its end, zeros fill what is missing.
        return self._parser.parse(content.lstrip(b"\0"))
