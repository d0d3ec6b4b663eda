# SPDX-License-Identifier: GPL-3.0-or-later
"""What a format of log lines is: a name, an example, and a parser of one line at a time.

The invariant: whatever the bytes, `Parser.parse` returns an event that the server takes, returns None, or raises
Unparsed. Nothing here reads a file or a clock.

Two things to know beyond the event of docs/events.md:

- `kind` is left out, since an event is a request unless it says otherwise.
- `forwarded_for` (what X-Forwarded-For said, as text) is there for `tmon.agents.logs.clients`, the rule that decides
  whose address it is, and which always takes it out. It never goes to the server, whose rules for addresses it escapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Protocol

from tmon.agents.logs.fields.unparsed import REASONS, Unparsed
from tmon.agents.logs.fields.wrapping import prefix_of

__all__ = ["REASONS", "Event", "Format", "Parser", "Unparsed"]

Event = dict[str, object]
"""The fields of docs/events.md by name; a request always has `url`, `ip`, `useragent` and `ts` (Unix seconds)."""


class Parser(Protocol):
    """Reads the lines of one file, in order."""

    stateful: bool
    """Whether a line's meaning depends on earlier ones (W3C's #Fields): it then has to see the file from its start."""

    def parse(self, line: bytes) -> Event | None:
        """The event in `line`, which may end in a line break; None for a line that is none (a directive, a comment).

        Raises Unparsed with one of REASONS.
        """
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format of log lines."""

    name: str
    """How it is chosen: its module's name, with - for _; of a custom one, `custom`."""

    title: str
    """For people, a few words."""

    example: str
    """A line; of a format whose lines depend on others, those as well."""

    make: Callable[[tzinfo], Parser]
    """A new parser for a file whose times that name no zone are of this one."""

    general: int = 0
    """Where two formats read a file equally well, the less general one is detected."""

    def parser(self, zone: tzinfo = UTC) -> Parser:
        """A new parser, for one file. `zone`: that of times which don't name theirs."""
        return self.make(zone)

    def wrapped(self) -> Format:
        """This format inside of syslog, the journal, or what a container's runtime puts before a line."""
        return replace(
            self,
            name=f"wrapped+{self.name}",
            title=f"{self.title}, wrapped",
            make=lambda zone: _Wrapped(self.parser(zone)),
        )


class _Wrapped:
    """Takes what is known off the start of a line; lines without it are read as they are."""

    def __init__(self, inner: Parser) -> None:
        self._inner = inner
        self.stateful = inner.stateful

    def parse(self, line: bytes) -> Event | None:
        return self._inner.parse(line[prefix_of(line) :])
