# SPDX-License-Identifier: GPL-3.0-or-later
"""Visits, made of the page requests of one visitor and local day; pure, and the same for every store.

A visit ends where the next page request is more than VISIT_IDLE_MS later. Which visits there are follows from the
times alone, so it does not depend on the order in which requests arrive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ..catalogue import View
from ..events import REQUEST, Event
from .assets import is_asset
from .base import VISIT_IDLE_MS, Measures

PAGE_METHODS: Final = frozenset({"", "GET"})
PAGE_STATUSES: Final = frozenset({*range(200, 300), 304})


class Visit(NamedTuple):
    """Times are Unix milliseconds, `entry` and `exit` paths."""

    start_ms: int
    end_ms: int
    pages: int
    entry: str
    exit: str

    @property
    def length_s(self) -> float:
        """From the first to the last page request."""
        return (self.end_ms - self.start_ms) / 1000

    def key(self, view: View) -> str:
        """The key under which a view of visits counts it."""
        return view.text(getattr(self, view.field))

    def measures(self) -> Measures:
        """What it adds to a view of visits."""
        return Measures(
            requests=1,
            errors=int(self.pages == 1),
            duration_us=(self.end_ms - self.start_ms) * 1000,
            timed=1,
            bytes=self.pages,
        )


def is_page_request(event: Event) -> bool:
    """Whether the event is one of a visit: a page that a visitor, who is no bot, asked for and got."""
    return (
        event.kind == REQUEST
        and event.visitor is not None
        and not event.agent.bot
        and (event.method or "") in PAGE_METHODS
        and (event.status is None or event.status in PAGE_STATUSES)
        and not is_asset(event.path)
    )


def visits_of(requests: Iterable[tuple[int, str]]) -> list[Visit]:
    """The visits of these page requests (Unix ms, path) of one visitor and local day, in any order."""
    found: list[Visit] = []
    for at_ms, path in sorted(requests):
        if found and at_ms - found[-1].end_ms <= VISIT_IDLE_MS:
            last = found[-1]
            found[-1] = Visit(last.start_ms, at_ms, last.pages + 1, last.entry, path)
        else:
            found.append(Visit(at_ms, at_ms, 1, path, path))
    return found
