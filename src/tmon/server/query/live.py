# SPDX-License-Identifier: GPL-3.0-or-later
"""What is new at a web service, for those who watch it live: its latest events, and the counts of the last seconds.

Both are read from the store like every other answer, so what a stream shows is what a question would be told, however
many processes collect. It costs two short questions per look and web service, whatever arrives.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tmon.server.events import REQUEST
from tmon.server.store.base import Reader

from .about import Settle, Subject
from .answers import Point, point
from .period import plan
from .questions import NOTHING, shown_event
from .series import buckets, spanned, stamps

FRESH_S = 60
SECONDS = 10
"""How many of the last seconds a tick tells: events count in the second in which they happened, and arrive later."""
SETTLE_S = 0.3
ENDED_S = 1
"""The running second is not told: its count would be of a part of it."""


class Arrivals(NamedTuple):
    """New events, oldest first, and the number to ask on from. An event says whether it is one of a sample."""

    events: list[dict[str, Any]]
    newest: int


class Tick(msgspec.Struct, kw_only=True):
    """The counts of the last seconds that have ended, oldest first, and the time up to which they are complete."""

    seconds: list[Point]
    as_of: str


class Live:
    """Looks at a store for those who watch. May be asked from any number of threads; raises StoreError."""

    def __init__(self, store: Reader, settle: Settle, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settle = settle
        self._clock = clock

    def arrivals(self, subject: Subject, after: int | None, most: int) -> Arrivals:
        """Requests with numbers beyond `after` that happened within the last minute: the `most` latest.

        With `after` None none: it tells the number from which on to ask.
        """
        found = self._store.events(subject.wsid, most + 1 if after is not None else 1)
        newest = max((event.seq for event in found), default=after or 0)
        if after is None:
            return Arrivals([], newest)
        new = [event for event in found if event.seq > after]
        oldest = dt.datetime.fromtimestamp(self._clock() - FRESH_S, dt.UTC)
        shown = [
            {**shown_event(event), "sampled": len(new) > most}
            for event in reversed(new[:most])
            if dt.datetime.fromisoformat(event.fields["ts"]) >= oldest and event.fields["kind"] == REQUEST
        ]
        return Arrivals(shown, newest)

    def tick(self, subject: Subject) -> Tick:
        """The counts of the last seconds."""
        self._settle(SETTLE_S)
        now = self._clock()
        found = buckets("second", SECONDS, subject.calendar, int(now) - ENDED_S)
        period = plan(subject.wsid, spanned(found), subject.calendar, (), "second")
        as_of_ms = self._store.as_of_ms(int(now * 1000))
        counts = self._store.series("second", period)
        starts = stamps([*found.starts, as_of_ms // 1000], subject.calendar)
        return Tick(
            seconds=[
                point(t, counts.get(start, NOTHING)) for start, t in zip(found.starts, starts, strict=False)
            ],
            as_of=starts[-1],
        )
