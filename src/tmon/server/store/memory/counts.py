# SPDX-License-Identifier: GPL-3.0-or-later
"""What one view of a MemoryStore, or its totals, has counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tmon.server.calendar import Day, Hour
from tmon.server.catalogue import VISIT, View
from tmon.server.events import REQUEST, SESSION, Event
from tmon.server.sessions import Session
from tmon.server.store.base import MINUTES_KEPT_MS, SECONDS_KEPT_MS, Grain, Limits, Measures, Span
from tmon.server.store.told import steps
from tmon.server.store.visits import is_page_request, visits_of

from .items import Closing, Deletion, Erasure, Item, Logged

NOTHING = Measures()


def measures_of(event: Event, visitor: bool) -> Measures:
    """What one event adds; `visitor`: whether it is the one that its visitor counts with."""
    return Measures(
        requests=1,
        visitors=int(visitor),
        bots=int(event.agent.bot),
        errors=int(event.error),
        duration_us=event.duration_us or 0,
        timed=int(event.duration_us is not None),
        bytes=event.bytes or 0,
    )


def minus(whole: Measures, part: Measures) -> Measures:
    """What is left of `whole` without `part`."""
    return Measures(*(a - b for a, b in zip(whole, part, strict=True)))


def ranked(rows: dict[str, Measures]) -> list[tuple[str, Measures]]:
    """The rows, most requests first, ties by key."""
    return sorted(rows.items(), key=lambda row: (-row[1].requests, row[0]))


@dataclass(slots=True)
class Rows:
    """The counts of one bucket: a row per key, and the remainder."""

    keys: dict[str, Measures] = field(default_factory=dict)
    other: Measures = NOTHING

    def add(self, key: str | None, measures: Measures) -> None:
        """Add to the row of `key`, made if need be, or with None to the remainder."""
        if key is None:
            self.other = self.other.plus(measures)
        else:
            self.keys[key] = self.keys.get(key, NOTHING).plus(measures)

    def take(self, key: str, measures: Measures) -> None:
        """Take away from the row of `key`, which goes when nothing is left."""
        left = minus(self.keys[key], measures)
        if left.requests:
            self.keys[key] = left
        else:
            del self.keys[key]

    def drop_empty(self, key: str | None) -> None:
        """Drop the row of `key` where nothing is left in it."""
        if key is not None and not self.keys[key].requests:
            del self.keys[key]

    def trim(self, most: int) -> list[tuple[str, Measures]]:
        """Keep the `most` largest keys; the others join the remainder and are returned."""
        dropped = ranked(self.keys)[most:]
        for key, measures in dropped:
            del self.keys[key]
            self.add(None, measures)
        return dropped

    def rename(self, key: str, new: str) -> None:
        """Move a row to another key, whose measures add up."""
        if key in self.keys:
            self.add(new, self.keys.pop(key))

    @property
    def size(self) -> int:
        """Rows, with the remainder."""
        return len(self.keys) + bool(self.other.requests)


class Counts:
    """The counts of a view (None: the totals) over the log up to `position`.

    `since` is, per web service, the start of the first local day that is counted; absent where all are.
    """

    def __init__(
        self,
        view: View | None,
        limits: Limits,
        since: dict[int, int] | None = None,
        is_gone: Callable[[int, Grain, int], bool] = lambda *_: False,
    ) -> None:
        """`is_gone` says of a bucket (web service, grain, start) whether it has expired."""
        self.view = view
        self.position = 0
        self.since = since or {}
        self.filling = False
        self._limits = limits
        self._is_gone = is_gone
        self._buckets: dict[tuple[int, Grain], dict[int, Rows]] = {}
        self._seen: dict[tuple[int, int], set[tuple[str, int]]] = {}
        self._pages: dict[tuple[int, int], dict[int, list[tuple[int, str, Hour]]]] = {}
        """Of views of visits, by open day and visitor: the page requests with their hours."""
        self._closed: set[tuple[int, int]] = set()
        self._kept_position = 0
        self._kept_names = False
        """Whether counts that were kept from before a change may have user names for keys."""

    def apply(self, item: Item) -> None:
        """Take the next item of the log into account."""
        match item:
            case Logged() if self.covers(item):
                self._count(item)
            case Closing():
                self.close(item.wsid, item.day)
            case Erasure() if item.seq > self._kept_position:
                self._erase(item.wsid, item.username)
            case Deletion():
                self._forget(item.wsid)
        self.position = item.seq

    def join(self, position: int) -> None:
        """Go on from `position` without having counted anything; then close the days that are closed."""
        self.position, self.filling = position, False

    def covers(self, logged: Logged) -> bool:
        """Whether the event is of a local day that is counted."""
        return logged.wsid not in self.since or logged.event.hour.day.start >= self.since[logged.wsid]

    def refill(self, view: View, since: dict[int, int]) -> None:
        """Start over at the log's start as `view`.

        Buckets that start before `since` keep their counts; a month those of its days before `since`.
        """
        for (wsid, grain), buckets in self._buckets.items():
            months = self._buckets.get((wsid, "month"), {})
            for start in list(buckets):
                if grain == "month" or (wsid in since and start < since[wsid]):
                    continue
                rows = buckets.pop(start)
                if grain == "day":
                    month = months[max(month for month in months if month <= start)]
                    for key, measures in rows.keys.items():
                        month.take(key, measures)
                    month.other = minus(month.other, rows.other)
        self._seen.clear()
        self._pages.clear()
        self._closed.clear()
        self._kept_position = max(self._kept_position, self.position)
        self._kept_names |= self._has_names()
        self.view, self.since, self.position, self.filling = view, since, 0, True

    def within(self, wsid: int, span: Span) -> Iterator[tuple[int, Rows]]:
        """The buckets of a web service that start in the span, by their start."""
        for start, rows in self._buckets.get((wsid, span.grain), {}).items():
            if span.start <= start < span.end:
                yield start, rows

    def drop(self, wsid: int, grain: Grain, start: int) -> int:
        """Delete a bucket; returns how many rows it had."""
        rows = self._buckets.get((wsid, grain), {}).pop(start, None)
        return rows.size if rows else 0

    def expire_utc(self, now_ms: int, most: int) -> int:
        """Delete up to `most` seconds and minutes that are past their time; returns how many."""
        deleted = 0
        for grain, length, kept_ms in UTC_GRAINS:
            for (_, known), buckets in self._buckets.items():
                for start in [one for one in buckets if known == grain]:
                    if (start + length) * 1000 + kept_ms <= now_ms and deleted < most:
                        del buckets[start]
                        deleted += 1
        return deleted

    # -- counting -------------------------------------------------------------------------------------------------

    def _count(self, logged: Logged) -> None:
        wsid, event = logged.wsid, logged.event
        if self.view is not None and self.view.kind == SESSION:
            return
        if self.view is not None and self.view.kind == VISIT:
            if is_page_request(event):
                self._count_page(wsid, event)
            return
        if event.kind != (self.view.kind if self.view else REQUEST):
            return
        day = event.hour.day
        key = self.view.key(event, logged.source) if self.view else ""
        measures = measures_of(event, self._is_visitors_first(wsid, event, key))
        of_hour = self._rows(wsid, "hour", event.hour.start)
        of_day = self._rows(wsid, "day", day.start)
        if (wsid, day.start) in self._closed:
            hour_key = self._key_when_closed(of_hour, key)
            day_key = self._key_when_closed(of_day, key)
        else:
            room = key in of_hour.keys or len(of_hour.keys) < self._limits.hour_keys
            hour_key = day_key = key if room else None
        of_hour.add(hour_key, measures)
        of_day.add(day_key, measures)
        self._rows(wsid, "month", day.month.start).add(day_key, measures)
        if self.view is None:
            for grain, length, kept_ms in UTC_GRAINS:
                start = event.ts_ms // 1000 // length * length
                if (start + length) * 1000 + kept_ms > logged.received_ms:
                    self._rows(wsid, grain, start).add("", measures)

    def _count_page(self, wsid: int, event: Event) -> None:
        """Take the visitor's visits of the day out of the counts, and put in what they are with this page request."""
        assert event.visitor is not None
        pages = self._pages.setdefault((wsid, event.hour.day.start), {}).setdefault(event.visitor, [])
        self._add_visits(wsid, pages, add=False)
        pages.append((event.ts_ms, event.path, event.hour))
        self._add_visits(wsid, pages, add=True)

    def _add_visits(self, wsid: int, pages: list[tuple[int, str, Hour]], *, add: bool) -> None:
        assert self.view is not None
        hours = {at_ms: hour for at_ms, _, hour in pages}
        for visit in visits_of((at_ms, path) for at_ms, path, _ in pages):
            key, measures, hour = visit.key(self.view), visit.measures(), hours[visit.start_ms]
            buckets: tuple[tuple[Grain, int], ...] = (
                ("hour", hour.start),
                ("day", hour.day.start),
                ("month", hour.day.month.start),
            )
            for grain, start in buckets:
                if not self._is_gone(wsid, grain, start):
                    rows = self._rows(wsid, grain, start)
                    (rows.add if add else rows.take)(key, measures)

    def change(
        self, wsid: int, source: str, old: tuple[Hour, Session] | None, new: tuple[Hour, Session] | None
    ) -> None:
        """A session was `old` and is `new`, each with the hour in which it begins; None is no session."""
        assert self.view is not None
        for hour, key, measures in steps(self.view, source, old, new):
            if hour.day.start < self.since.get(wsid, hour.day.start):
                continue
            closed = (wsid, hour.day.start) in self._closed
            into: str | None = key
            buckets: tuple[tuple[Grain, int], ...] = (("hour", hour.start), ("day", hour.day.start))
            for grain, start in buckets:
                if self._is_gone(wsid, grain, start):
                    continue
                rows = self._rows(wsid, grain, start)
                into = self._key_when_closed(rows, key) if closed else key
                rows.add(into, measures)
                rows.drop_empty(into)
                month = hour.day.month.start
                if grain == "day" and not self._is_gone(wsid, "month", month):
                    rows = self._rows(wsid, "month", month)
                    rows.add(into, measures)
                    rows.drop_empty(into)

    def _is_visitors_first(self, wsid: int, event: Event, key: str) -> bool:
        visitors = self.view.visitors if self.view else "first"
        if event.visitor is None or event.agent.bot or visitors == "none":
            return False
        seen = self._seen.setdefault((wsid, event.hour.day.start), set())
        member = (key if visitors == "distinct" else "", event.visitor)
        if member in seen:
            return False
        seen.add(member)
        return True

    def _key_when_closed(self, rows: Rows, key: str) -> str | None:
        if key in rows.keys or (len(rows.keys) < self._limits.day_keys and not rows.other.requests):
            return key
        return None

    def _rows(self, wsid: int, grain: Grain, start: int) -> Rows:
        return self._buckets.setdefault((wsid, grain), {}).setdefault(start, Rows())

    # -- closing and erasing --------------------------------------------------------------------------------------

    def close(self, wsid: int, day: Day) -> None:
        """Close a day: keep its largest keys, and nothing of who its visitors were."""
        self._closed.add((wsid, day.start))
        self._seen.pop((wsid, day.start), None)
        self._pages.pop((wsid, day.start), None)
        for _, of_hour in self.within(wsid, Span("hour", day.start, day.end)):
            of_hour.trim(self._limits.day_keys)
        for _, of_day in self.within(wsid, Span("day", day.start, day.end)):
            of_month = self._rows(wsid, "month", day.month.start)
            for key, measures in of_day.trim(self._limits.day_keys):
                of_month.take(key, measures)
                of_month.add(None, measures)

    def _has_names(self) -> bool:
        """Whether user names are keys."""
        return self.view is not None and self.view.has_names

    def _erase(self, wsid: int, username: str) -> None:
        if not self._has_names() and not self._kept_names:
            return
        for (owner, _), buckets in self._buckets.items():
            if owner == wsid:
                for start, rows in buckets.items():
                    if self._has_names() or start < self.since.get(wsid, start):
                        rows.rename(username, "")
        if not self._has_names():
            return
        for (owner, _), seen in self._seen.items():
            if owner == wsid:
                members = {member for member in seen if member[0] == username}
                seen.difference_update(members)
                seen.update(("", visitor) for _, visitor in members)

    def _forget(self, wsid: int) -> None:
        self.since.pop(wsid, None)
        self._buckets = {one: buckets for one, buckets in self._buckets.items() if one[0] != wsid}
        self._seen = {day: seen for day, seen in self._seen.items() if day[0] != wsid}
        self._pages = {day: pages for day, pages in self._pages.items() if day[0] != wsid}
        self._closed = {day for day in self._closed if day[0] != wsid}


UTC_GRAINS: tuple[tuple[Grain, int, int], ...] = (
    ("second", 1, SECONDS_KEPT_MS),
    ("minute", 60, MINUTES_KEPT_MS),
)
