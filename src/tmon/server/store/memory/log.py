# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a MemoryStore: what is appended, event by event, and what goes from it again."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tmon.server import calendar
from tmon.server.events import Event
from tmon.server.store.base import (
    DAY_CLOSES_AFTER_MS,
    DAY_MS,
    OUTCOMES_KEPT_MS,
    QUARANTINE_KEPT_MS,
    Day,
    Envelope,
    Erased,
    Limits,
    Outcome,
    Quarantined,
    outcome_of,
)
from tmon.server.store.erasing import without_name

from .items import Closing, Deletion, Erasure, Item, Logged, Received

RETENTION_DAYS = 14


@dataclass(slots=True)
class OpenedDay:
    """A local day that got an event: when the first was received, and whether the day is closed."""

    day: calendar.Day
    first_ms: int
    closed: bool = False


class Log:
    """Numbered items, outcomes, streams, days and quarantine; `days_gone` are the days that lost events.

    `days_gone` has, by web service, the starts and ends of those local days.
    """

    def __init__(self, limits: Limits) -> None:
        self.last_seq = 0
        self.days: dict[tuple[int, int], OpenedDay] = {}
        self.days_gone: dict[int, dict[int, int]] = {}
        self.sizes: dict[int, dict[int, int]] = {}
        self.quarantine: dict[int, deque[Quarantined]] = {}
        self._limits = limits
        self._items: list[Item] = []
        self._outcomes: dict[tuple[int, bytes], tuple[int, Outcome]] = {}
        self._streams: dict[tuple[int, str], int] = {}

    @property
    def newest_ms(self) -> int | None:
        """When the newest envelope was received."""
        received = (item.received_ms for item in reversed(self._items) if isinstance(item, Received))
        return next(received, None)

    def after(self, position: int) -> list[Item]:
        """The items with higher numbers."""
        return self._items[bisect_right(self._items, position, key=lambda item: item.seq) :]

    def events(self, wsid: int) -> Iterator[Logged]:
        """The events of a web service, oldest first."""
        return (item for item in self._items if isinstance(item, Logged) and item.wsid == wsid)

    # -- appending ------------------------------------------------------------------------------------------------

    def outcomes(self, ids: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], Outcome]:
        """See Store.outcomes."""
        return {one: self._outcomes[one][1].again() for one in ids if one in self._outcomes}

    def append(self, envelope: Envelope) -> Outcome:
        """Append one envelope; see Store.append."""
        identity = (envelope.wsid, envelope.id)
        if known := self.outcomes([identity]):
            return known[identity]
        taken = self._beyond(envelope)
        highest = None if envelope.stream is None else self._streams.get((envelope.wsid, envelope.stream))
        outcome = outcome_of(envelope, len(envelope.events) - len(taken), highest)
        self._outcomes[identity] = (envelope.received_ms, outcome)
        day = envelope.received_ms // DAY_MS
        if envelope.size:
            days = self.sizes.setdefault(envelope.wsid, {})
            days[day] = days.get(day, 0) + envelope.size
        self._items.append(Received(self._next(), envelope.wsid, envelope.received_ms, envelope, outcome))
        for event in taken:
            self._append_event(envelope, event)
        for reason, payload in envelope.payloads:
            rows = self.quarantine.setdefault(envelope.wsid, deque(maxlen=self._limits.quarantine_rows))
            rows.append(Quarantined(envelope.received_ms, envelope.source, reason, payload))
        return outcome

    def _append_event(self, envelope: Envelope, event: Event) -> None:
        wsid, received_ms, day = envelope.wsid, envelope.received_ms, event.hour.day
        if self.days.setdefault((wsid, day.start), OpenedDay(day, received_ms)).closed:
            event = msgspec.structs.replace(event, visitor=None)
        self._items.append(Logged(self._next(), wsid, received_ms, envelope.source, event))

    def _beyond(self, envelope: Envelope) -> list[Event]:
        """The events that are new to the envelope's stream; without one, all."""
        if envelope.stream is None:
            return envelope.events
        stream = (envelope.wsid, envelope.stream)
        taken = []
        for event in envelope.events:
            if event.offset is not None and event.offset > self._streams.get(stream, -1):
                self._streams[stream] = event.offset
                taken.append(event)
        return taken

    def _next(self) -> int:
        self.last_seq += 1
        return self.last_seq

    # -- closing, erasing, deleting -------------------------------------------------------------------------------

    def close_days(self, now_ms: int) -> list[Day]:
        """See Store.close_days."""
        due_ms = now_ms - DAY_CLOSES_AFTER_MS
        closed = []
        for (wsid, start), opened in sorted(self.days.items()):
            if not opened.closed and opened.day.end * 1000 <= due_ms and opened.first_ms <= due_ms:
                opened.closed = True
                self._items.append(Closing(self._next(), wsid, opened.day))
                closed.append(Day(wsid, start, opened.day.end))
        return closed

    def erase_username(self, wsid: int, username: str) -> Erased:
        """See Store.erase_username."""
        events = quarantined = 0
        for at, item in enumerate(self._items):
            if (
                isinstance(item, Logged)
                and item.wsid == wsid
                and username
                and item.event.username == username
            ):
                event = msgspec.structs.replace(item.event, username=None)
                self._items[at] = Logged(item.seq, wsid, item.received_ms, item.source, event)
                events += 1
        rows = self.quarantine.get(wsid, deque())
        for at, row in enumerate(rows):
            payload = without_name(row.payload, username)
            if payload != row.payload:
                rows[at] = row._replace(payload=payload)
                quarantined += 1
        self._items.append(Erasure(self._next(), wsid, username))
        return Erased(events, quarantined)

    def delete_webservice(self, wsid: int) -> Erased:
        """See Store.delete_webservice. Its days are still closed, so that their salts are destroyed."""
        erased = Erased(len(list(self.events(wsid))), len(self.quarantine.pop(wsid, ())))
        self._items = [item for item in self._items if item.wsid != wsid]
        self._outcomes = {one: kept for one, kept in self._outcomes.items() if one[0] != wsid}
        self._streams = {one: kept for one, kept in self._streams.items() if one[0] != wsid}
        self.days_gone.pop(wsid, None)
        self.sizes.pop(wsid, None)
        self._items.append(Deletion(self._next(), wsid))
        return erased

    # -- expiring -------------------------------------------------------------------------------------------------

    def expire(self, now_ms: int, retention_days: Mapping[int, int], passed: int, most: int) -> int:
        """Delete up to `most` of what is past its time, items up to number `passed` only; returns how many."""
        deleted = self._expire_items(now_ms, retention_days, passed, most)
        for one, (received_ms, _) in list(self._outcomes.items()):
            if deleted < most and received_ms + OUTCOMES_KEPT_MS <= now_ms:
                del self._outcomes[one]
                deleted += 1
        for rows in self.quarantine.values():
            while rows and deleted < most and rows[0].received_ms + QUARANTINE_KEPT_MS <= now_ms:
                rows.popleft()
                deleted += 1
        kept_from = now_ms // DAY_MS - max(RETENTION_DAYS, *retention_days.values(), 1)
        kept = {
            wsid: {day: size for day, size in days.items() if day >= kept_from}
            for wsid, days in self.sizes.items()
        }
        self.sizes = {wsid: days for wsid, days in kept.items() if days}
        return deleted

    def _expire_items(self, now_ms: int, retention_days: Mapping[int, int], passed: int, most: int) -> int:
        kept: list[Item] = []
        deleted = 0
        for item in self._items:
            if deleted < most and item.seq <= passed and _is_due(item, now_ms, retention_days):
                deleted += 1
                if isinstance(item, Logged):
                    day = item.event.hour.day
                    self.days_gone.setdefault(item.wsid, {})[day.start] = day.end
            else:
                kept.append(item)
        self._items = kept
        return deleted


def _is_due(item: Item, now_ms: int, retention_days: Mapping[int, int]) -> bool:
    match item:
        case Logged():
            days = max(1, retention_days.get(item.wsid, RETENTION_DAYS))
            return item.received_ms + days * DAY_MS <= now_ms
        case Received():
            return item.received_ms + OUTCOMES_KEPT_MS <= now_ms
        case Closing():
            return False  # a view that is added later needs it
        case Erasure() | Deletion():
            return True
