# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to an event between a line and the server: a plain list of rules, an event in, an event out.

A rule may change the event that it is given. It raises Skip to leave it out, with one of SKIPPED, which is counted.
They go in this order, so that filters see whose request it was, and names are found before queries are taken away:
`clients`, `usernames`, `filters`, `assets`, `queries`. `clients` always has its place, with no proxies too: it takes
out `forwarded_for`, which is no field of the server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Event = dict[str, object]
Rule = Callable[[Event], Event]

ASSET: Final = "static asset"
PATH: Final = "path filtered"
STATUS: Final = "status filtered"
HOST: Final = "host filtered"
BOT: Final = "bot"

SKIPPED: Final = (ASSET, PATH, STATUS, HOST, BOT)
"""All reasons that rules leave an event out for."""


class Skip(Exception):
    """The event is left out. `reason` is one of SKIPPED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadRule(ValueError):
    """A rule as somebody wrote it can't be read. The message says what is wrong with it."""


def applied(rules: Iterable[Rule], event: Event) -> Event:
    """What the rules make of an event, one after the other. Raises Skip."""
    for rule in rules:
        event = rule(event)
    return event
