# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that are fields in a fixed order with text between them, which one pattern reads.

Every field's pattern ends where the text after it begins, or holds no quotes, so that a line is read in time in
proportion to its length, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from .meanings import Event, Meanings, Put
from .ncsa import QUOTED
from .text import text_of, unlike

WORD: Final = r"(\S+)"
TIME: Final = r"\[([^][]{1,64})\]"
REST: Final = r"(?=\s|$)"
"""The end of what is read of a line; more may follow."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what it means (a name of Meanings), and the pattern of its text, with one group."""

    meaning: str
    pattern: str = WORD
    rewritten: Callable[[str], str] | None = None
    """What the field says in a form that its meaning reads. May raise Unparsed."""


def quoted(meaning: str) -> Field:
    """A field in quotes, with those inside it escaped."""
    return Field(meaning, QUOTED)


def stamped(meaning: str = "time") -> Field:
    """A time in brackets."""
    return Field(meaning, TIME)


class Layout:
    """The order of a format's fields; strings between them are patterns."""

    def __init__(self, *pieces: Field | str) -> None:
        self.fields = tuple(piece for piece in pieces if isinstance(piece, Field))
        self.pattern = re.compile(
            "".join(piece.pattern if isinstance(piece, Field) else piece for piece in pieces), re.DOTALL
        )

    def parser(self, zone: tzinfo) -> LayoutParser:
        """A new parser, for one file."""
        return LayoutParser((self,), zone)


class LayoutParser:
    """Reads lines that have one of several layouts."""

    stateful = False

    def __init__(self, layouts: Sequence[Layout], zone: tzinfo) -> None:
        self._meanings = Meanings(zone)
        self._layouts = [(layout.pattern, tuple(map(self._put, layout.fields))) for layout in layouts]

    def parse(self, line: bytes) -> Event | None:
        """The event of one line; None for a comment. Raises Unparsed."""
        text = text_of(line)
        for pattern, puts in self._layouts:
            match = pattern.match(text)
            if match is not None:
                event: Event = {}
                for put, field in zip(puts, match.groups(), strict=True):
                    if field is not None:
                        put(event, field)
                return self._meanings.finish(event)
        if text.startswith("#"):
            return None
        raise unlike(text)

    def _put(self, field: Field) -> Put:
        put = self._meanings.named(field.meaning)
        rewritten = field.rewritten
        if rewritten is None:
            return put
        return lambda event, text: put(event, rewritten(text))
