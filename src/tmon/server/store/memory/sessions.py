# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of a MemoryStore: a view of the log of its own, which views of sessions are counted from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tmon.server.calendar import Day, Hour
from tmon.server.events import REQUEST, Event
from tmon.server.sessions import Point, Rule, Session, counts, point, sessions_of, user_of
from tmon.server.store.assets import is_asset
from tmon.server.store.base import Filter, StoredSession
from tmon.server.store.told import Begun, joined, paired, passes, sign_of

from .items import Closing, Deletion, Erasure, Item, Logged

Change = Callable[[int, str, tuple[Hour, Session] | None, tuple[Hour, Session] | None], None]
Place = tuple[int, int, str]
"""Web service, day and place."""


@dataclass(slots=True)
class Known:
    """A session as it is kept; `told` is its id, None of one that was made of requests."""

    number: int
    wsid: int
    told: str | None
    source: str
    hour: Hour
    session: Session


class Sessions:
    """Makes sessions of the log's events up to `position`, and tells `change` what a session was and is now."""

    def __init__(self, change: Change) -> None:
        self.position = 0
        self.rules: dict[int, Rule] = {}
        self._change = change
        self._numbers = itertools.count(1)
        self._known: dict[int, Known] = {}
        self._points: dict[Place, list[tuple[Point, Hour]]] = {}
        self.closed: dict[tuple[int, int], Day] = {}

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def apply(self, item: Item) -> None:
        """Take the next item of the log into account."""
        match item:
            case Logged():
                self._take(item)
            case Closing():
                self.closed[item.wsid, item.day.start] = item.day
            case Erasure() if item.username:
                self._erase(item.wsid, item.username)
            case Deletion():
                self._known = {number: one for number, one in self._known.items() if one.wsid != item.wsid}
                self._points = {
                    place: found for place, found in self._points.items() if place[0] != item.wsid
                }
        self.position = item.seq

    def live(
        self, wsid: int, since_ms: int, filters: Sequence[Filter], *, ended: bool
    ) -> list[StoredSession]:
        """See Reader.live_sessions."""
        found = [
            one
            for one in self._stored(wsid, filters)
            if (ended or not one.session.over) and one.session.ended_ms >= since_ms
        ]
        return sorted(found, key=lambda one: (one.session.start_ms, one.number))

    def listed(
        self,
        wsid: int,
        limit: int,
        between: tuple[int, int],
        before: tuple[int, int] | None,
        filters: Sequence[Filter],
    ) -> list[StoredSession]:
        """See Reader.sessions."""
        start, end = between
        found = sorted(
            (
                one
                for one in self._stored(wsid, filters)
                if start * 1000 <= one.session.start_ms < end * 1000
                and (before is None or (one.session.start_ms, one.number) < before)
            ),
            key=lambda one: (-one.session.start_ms, -one.number),
        )
        return found[:limit]

    def begun(self, wsid: int) -> Iterator[Begun]:
        """All of a web service, with the buckets that they begin in."""
        for one in self:
            if one.wsid == wsid:
                day = one.hour.day
                yield Begun(one.source, one.session, one.hour.start, day.start, day.month.start)

    def sync(self, rules: Mapping[int, Rule], since: Mapping[int, int], log: Iterable[Logged]) -> list[int]:
        """See Store.sync_rules; `since` has the first day of which the log has every event, where it has lost some."""
        changed = [
            wsid
            for wsid in sorted(rules.keys() | self.rules.keys())
            if rules.get(wsid) != self.rules.get(wsid)
        ]
        self.rules = dict(rules)
        for wsid in changed:
            if wsid not in rules:
                continue
            first = since.get(wsid, -(2**63))
            for one in [one for one in self if one.wsid == wsid and one.told is None]:
                if one.hour.day.start >= first:
                    self._set(one, one.hour, None)
            for place in [place for place in self._points if place[0] == wsid and place[1] >= first]:
                del self._points[place]
            for logged in log:
                old = logged.wsid == wsid and logged.seq <= self.position
                if old and logged.event.kind == REQUEST and logged.event.hour.day.start >= first:
                    self._take(logged)
        return changed

    def expire(self, days_gone: Mapping[int, Mapping[int, int]]) -> None:
        """Forget those of closed days of which the log has lost events."""

        def past(wsid: int, day: int) -> bool:
            return (wsid, day) in self.closed and day in days_gone.get(wsid, {})

        self._known = {
            number: one for number, one in self._known.items() if not past(one.wsid, one.hour.day.start)
        }
        self._points = {place: found for place, found in self._points.items() if not past(place[0], place[1])}

    def _stored(self, wsid: int, filters: Sequence[Filter]) -> Iterator[StoredSession]:
        for one in self:
            if one.wsid == wsid and passes(one.session, one.source, filters):
                yield StoredSession(one.number, one.source, one.session, one.hour.day.start)

    def _take(self, logged: Logged) -> None:
        event = logged.event
        if event.kind != REQUEST:
            self._join(logged)
        elif logged.wsid in self.rules:
            found = _point(self.rules[logged.wsid], event, logged.source)
            if found is not None:
                place = (logged.wsid, event.hour.day.start, found.place)
                self._points.setdefault(place, []).append((found, event.hour))
                self._make(place)

    def _join(self, logged: Logged) -> None:
        name, sign = sign_of(logged.event.ts_ms, logged.event.extra, logged.source)
        for one in self:
            if one.wsid == logged.wsid and one.told == name and one.source == logged.source:
                session, earliest = joined(one.session, sign)
                self._set(one, logged.event.hour if earliest else one.hour, session)
                return
        self._add(logged.wsid, name, logged.source, logged.event.hour, sign.alone())

    def _make(self, place: Place) -> None:
        """Make the sessions of a place and day of all of its points."""
        wsid, day, where = place
        points = self._points.get(place, [])
        hours = {point.at_ms: hour for point, hour in points}
        rows = {
            (one.session.user, one.session.object, one.session.start_ms): one
            for one in self
            if (one.wsid, one.hour.day.start, one.session.place, one.told) == (wsid, day, where, None)
        }
        new = sessions_of(self.rules[wsid], sorted(point for point, _ in points))
        for before, after in paired([one.session for one in rows.values()], new):
            if before is not None:
                row = rows[before.user, before.object, before.start_ms]
                self._set(row, row.hour, after)
            elif after is not None:
                self._add(wsid, None, "", hours[after.start_ms], after)

    def _add(self, wsid: int, told: str | None, source: str, hour: Hour, session: Session) -> None:
        number = next(self._numbers)
        self._known[number] = Known(number, wsid, told, source, hour, session)
        self._change(wsid, source, None, (hour, session))

    def _set(self, one: Known, hour: Hour, session: Session | None) -> None:
        self._change(one.wsid, one.source, (one.hour, one.session), session and (hour, session))
        if session is None:
            del self._known[one.number]
        else:
            one.hour, one.session = hour, session

    def _erase(self, wsid: int, name: str) -> None:
        for user in {name, user_of(name)} - {""}:
            for place, points in list(self._points.items()):
                if place[0] != wsid or all(point.user != user for point, _ in points):
                    continue
                kept = place[2] and wsid in self.rules
                self._points[place] = [
                    (point._replace(user="") if point.user == user else point, hour)
                    for point, hour in points
                    if kept or point.user != user
                ]
                if kept:
                    self._make(place)
            for one in list(self):
                if one.wsid == wsid and one.session.user == user:
                    self._set(one, one.hour, one.session._replace(user=""))


def _point(rule: Rule, event: Event, source: str) -> Point | None:
    asset = is_asset(event.path)
    if not counts(rule, event.method, event.status, bot=event.agent.bot, asset=asset):
        return None
    return point(rule, event.ts_ms, event.path, event.username, source, event.ip, event.visitor)
