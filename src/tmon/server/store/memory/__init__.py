# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in memory: the contract of base.py in its plainest form, event by event.

It is what the other stores are compared with, and public for tests of programs that need a store. Nothing outlives the
process, and every question looks at everything.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tmon.server.calendar import Hour
from tmon.server.catalogue import View
from tmon.server.events import SESSION
from tmon.server.sessions import Rule, Session
from tmon.server.store.base import (
    DAYS_KEPT_MS,
    HOURS_KEPT_MS,
    Box,
    Day,
    Envelope,
    Erased,
    Filter,
    Grain,
    Limits,
    Listing,
    Locations,
    Measures,
    Outcome,
    Page,
    Period,
    Quarantined,
    Ranking,
    Run,
    Span,
    Stats,
    Store,
    StoredEvent,
    StoredSession,
    Timed,
    UnknownView,
)
from tmon.server.store.changes import check_change
from tmon.server.store.fields import fields_of
from tmon.server.store.pages import page_of
from tmon.server.store.told import Begun, key_of, lengths, passes, summed

from . import filtered, locating
from .counts import NOTHING, Counts, Rows, ranked
from .items import Logged, Received
from .ledger import Ledger
from .log import Log
from .sessions import Sessions

KEPT_MS: dict[Grain, int] = {"hour": HOURS_KEPT_MS, "day": DAYS_KEPT_MS, "month": DAYS_KEPT_MS}


@dataclass(slots=True)
class Bucket:
    """A local hour, day or month that got an event. `day_end` is the end of its last local day."""

    end: int
    day_end: int
    changed_ms: int


class MemoryStore(Store):
    """See the contract in base.py. `limits` are those of a store; tests set small ones to reach them."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.RLock()
        self._log = Log(self._limits)
        self._ledger = Ledger()
        self._totals = Counts(None, self._limits)
        self._views: dict[str, Counts] = {}
        self._sessions = Sessions(self._session_changed)
        self._buckets: dict[tuple[int, Grain, int], Bucket] = {}
        self._buckets_gone: dict[tuple[int, Grain], dict[int, int]] = {}
        """By web service and grain: the starts of deleted buckets, with the end of their last local day."""

    # -- appending ------------------------------------------------------------------------------------------------

    def outcomes(self, ids: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], Outcome]:
        with self._lock:
            return self._log.outcomes(ids)

    def append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        with self._lock:
            return [self._log.append(envelope) for envelope in envelopes]

    def erase_username(self, wsid: int, username: str, now_ms: int) -> Erased:
        with self._lock:
            return self._log.erase_username(wsid, username)

    def delete_webservice(self, wsid: int, now_ms: int) -> Erased:
        with self._lock:
            self._buckets = {one: kept for one, kept in self._buckets.items() if one[0] != wsid}
            self._buckets_gone = {one: kept for one, kept in self._buckets_gone.items() if one[0] != wsid}
            return self._log.delete_webservice(wsid)

    # -- views ----------------------------------------------------------------------------------------------------

    def sync_views(self, views: Mapping[str, View]) -> list[str]:
        with self._lock:
            known = self.views()
            for name in known.keys() & views.keys():
                check_change(known[name], views[name])
            changed = sorted(
                name for name in known.keys() | views.keys() if known.get(name) != views.get(name)
            )
            for name in changed:
                if name not in views:
                    del self._views[name]
                elif name not in known:
                    self._views[name] = Counts(
                        views[name], self._limits, self._complete_since(), self._is_gone
                    )
                    self._views[name].filling = self._totals.position > 0
                    self._fill_from_sessions(self._views[name])
                elif views[name].version > known[name].version:
                    self._views[name].refill(views[name], self._complete_since())
                    self._fill_from_sessions(self._views[name])
                else:
                    self._views[name].view = views[name]
            return changed

    def sync_rules(self, rules: Mapping[int, Rule]) -> list[int]:
        with self._lock:
            log = [item for item in self._log.after(0) if isinstance(item, Logged)]
            return self._sessions.sync(rules, self._complete_since(), log)

    def _fill_from_sessions(self, counts: Counts) -> None:
        """Have a view, if it is one of sessions, count those that are known."""
        if counts.view is None or counts.view.kind != SESSION:
            return
        counts.join(self._sessions.position)
        for one in self._sessions:
            counts.change(one.wsid, one.source, None, (one.hour, one.session))
        for (wsid, _), day in self._sessions.closed.items():
            counts.close(wsid, day)

    def _session_changed(
        self, wsid: int, source: str, old: tuple[Hour, Session] | None, new: tuple[Hour, Session] | None
    ) -> None:
        for counts in self._of_sessions():
            counts.change(wsid, source, old, new)

    def _of_sessions(self) -> list[Counts]:
        """The views of sessions, which follow the sessions."""
        return [one for one in self._views.values() if one.view is not None and one.view.kind == SESSION]

    def _complete_since(self) -> dict[int, int]:
        """By web service: the first local day of which, and of all after it, the log has every event."""
        return {wsid: max(days.values()) for wsid, days in self._log.days_gone.items()}

    def _is_gone(self, wsid: int, grain: Grain, start: int) -> bool:
        """Whether the counts of a bucket have expired."""
        return start in self._buckets_gone.get((wsid, grain), {})

    def advance(self, most: int = 20_000) -> bool:
        with self._lock:
            for follower in self._followers():
                waiting = self._log.after(follower.position)
                for item in waiting[:most]:
                    follower.apply(item)
                    if follower is self._sessions:
                        for counts in self._of_sessions():
                            counts.apply(item)
                    if isinstance(item, Logged) and isinstance(follower, Counts) and follower.covers(item):
                        self._note_change(item)
                if len(waiting) <= most:
                    follower.position = self._log.last_seq
                    if follower is self._sessions:
                        for counts in self._of_sessions():
                            counts.position = follower.position
                    if isinstance(follower, Counts):
                        follower.filling = False
            return self._passed() < self._log.last_seq

    def _followers(self) -> Iterator[Counts | Ledger | Sessions]:
        yield self._ledger
        yield self._totals
        yield self._sessions
        of_sessions = self._of_sessions()
        yield from (one for one in self._views.values() if one not in of_sessions)

    def _passed(self) -> int:
        """The number that every view has passed."""
        return min(follower.position for follower in self._followers())

    def _in_step(self) -> int:
        """The number that the totals, the ledger and every view that is not filling have passed."""
        filling = {id(counts) for counts in self._views.values() if counts.filling}
        return min(follower.position for follower in self._followers() if id(follower) not in filling)

    def _note_change(self, logged: Logged) -> None:
        """An event changes the buckets that it falls into, which go some time after their last change."""
        hour = logged.event.hour
        day, month = hour.day, hour.day.month
        buckets: tuple[tuple[Grain, int, int, int], ...] = (
            ("hour", hour.start, hour.end, day.end),
            ("day", day.start, day.end, day.end),
            ("month", month.start, month.end, month.end),
        )
        for grain, start, end, day_end in buckets:
            new = Bucket(end, day_end, logged.received_ms)
            bucket = self._buckets.setdefault((logged.wsid, grain, start), new)
            bucket.changed_ms = max(bucket.changed_ms, logged.received_ms)

    # -- periodic work --------------------------------------------------------------------------------------------

    def close_days(self, now_ms: int) -> list[Day]:
        with self._lock:
            return self._log.close_days(now_ms)

    def closed(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        with self._lock:
            return {day for day in days if day in self._log.days and self._log.days[day].closed}

    def opened(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        with self._lock:
            return {day for day in days if day in self._log.days and not self._log.days[day].closed}

    def expire(self, now_ms: int, retention_days: Mapping[int, int], most: int = 5_000) -> bool:
        with self._lock:
            deleted = self._log.expire(now_ms, retention_days, self._passed(), most)
            deleted += self._totals.expire_utc(now_ms, most - deleted)
            for (wsid, grain, start), bucket in list(self._buckets.items()):
                due_ms = max(bucket.end * 1000, bucket.changed_ms) + KEPT_MS[grain]
                if deleted < most and due_ms <= now_ms:
                    del self._buckets[wsid, grain, start]
                    self._buckets_gone.setdefault((wsid, grain), {})[start] = bucket.day_end
                    for counts in (self._totals, *self._views.values()):
                        deleted += counts.drop(wsid, grain, start)
            self._sessions.expire(self._log.days_gone)
            self._ledger.bound()
            return deleted >= most

    # -- questions ------------------------------------------------------------------------------------------------

    def views(self) -> dict[str, View]:
        with self._lock:
            return {name: counts.view for name, counts in self._views.items() if counts.view is not None}

    def ranking(self, view: str, period: Period, limit: int) -> Ranking:
        with self._lock:
            sums = self._sums(view, period)
            rows = ranked(sums.keys)
            for _, measures in rows[limit:]:
                sums.add(None, measures)
            return Ranking(rows[:limit], sums.other if sums.other.requests else None)

    def page(self, view: str, period: Period, page: Page) -> Listing:
        with self._lock:
            sums = self._sums(view, period)
            return page_of(sums.keys, sums.other, page)

    def figures(self, view: str, period: Period, keys: Sequence[str]) -> Ranking:
        with self._lock:
            sums = self._sums(view, period)
            rows = [(key, sums.keys.pop(key, NOTHING)) for key in dict.fromkeys(keys)]
            for measures in sums.keys.values():
                sums.add(None, measures)
            return Ranking(rows, sums.other if sums.other.requests else None)

    def _sums(self, view: str, period: Period) -> Rows:
        counts = self._counts(view)
        if period.filters:
            assert counts.view is not None
            if counts.view.kind == SESSION:
                known = counts.view
                begun = self._begun(period, period.start, period.end)
                return Rows(summed(begun, lambda one: key_of(known, one.session, one.source)))
            return Rows(filtered.ranking(self._log.events(period.wsid), counts.view, period))
        return _sum_of(counts, period)

    def totals(self, period: Period) -> Measures:
        with self._lock:
            if period.filters:
                return filtered.totals(self._log.events(period.wsid), period)
            return _sum_of(self._totals, period).keys.get("", NOTHING)

    def series(self, grain: Grain, period: Period, view: str | None = None) -> dict[int, Measures]:
        with self._lock:
            if view is not None:
                return self._series_of(self._counts(view), grain, period)
            if period.filters:
                return filtered.series(self._log.events(period.wsid), grain, period)
            span = Span(grain, period.start, period.end)
            return {start: rows.keys[""] for start, rows in self._totals.within(period.wsid, span)}

    def _series_of(self, counts: Counts, grain: Grain, period: Period) -> dict[int, Measures]:
        """All that a view has counted per bucket."""
        if period.filters and counts.view is not None and counts.view.kind == SESSION:
            return summed(self._of_buckets(grain, period), lambda one: one.bucket(grain))
        if period.filters:
            return filtered.visits_by_bucket(self._log.events(period.wsid), grain, period)
        sums = {
            start: functools.reduce(Measures.plus, rows.keys.values(), rows.other)
            for start, rows in counts.within(period.wsid, Span(grain, period.start, period.end))
        }
        return {start: measures for start, measures in sums.items() if measures.requests}

    def _begun(self, period: Period, start: int, end: int) -> Iterator[Begun]:
        """The sessions that begin in [start, end), Unix seconds, and pass the period's filters."""
        for one in self._sessions.begun(period.wsid):
            if start * 1000 <= one.session.start_ms < end * 1000 and passes(
                one.session, one.source, period.filters
            ):
                yield one

    def _of_buckets(self, grain: Grain, period: Period) -> Iterator[Begun]:
        for one in self._begun(period, period.start, period.day_end):
            if period.start <= one.bucket(grain) < period.end:
                yield one

    def timings(self, view: str, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        with self._lock:
            counts = self._counts(view)
            if period.filters:
                assert counts.view is not None
                if counts.view.kind == SESSION:
                    return lengths(self._of_buckets(grain, period), counts.view, grain)
                return filtered.timings(self._log.events(period.wsid), counts.view, grain, period)
            found: dict[int, dict[str | None, Timed]] = {}
            for start, rows in counts.within(period.wsid, Span(grain, period.start, period.end)):
                timed = {
                    key: Timed(measures.timed, measures.duration_us)
                    for key, measures in (*rows.keys.items(), (None, rows.other))
                    if measures.timed
                }
                if timed:
                    found[start] = timed
            return found

    def events(
        self, wsid: int, limit: int, *, after: int | None = None, filters: Sequence[Filter] = ()
    ) -> list[StoredEvent]:
        with self._lock:
            found = [
                StoredEvent(one.seq, one.received_ms, fields_of(one.event, one.source))
                for one in self._log.events(wsid)
                if (after is None or one.seq > after) and filtered.matches(one, filters)
            ]
            return found[::-1][:limit] if after is None else found[:limit]

    def locations(
        self,
        wsid: int,
        box: Box,
        limit: int,
        most: int,
        *,
        between: tuple[int, int] | None = None,
        filters: Sequence[Filter] = (),
    ) -> Locations:
        with self._lock:
            return locating.locations(list(self._log.events(wsid)), box, limit, most, between, filters)

    def rules(self) -> dict[int, Rule]:
        with self._lock:
            return dict(self._sessions.rules)

    def live_sessions(
        self, wsid: int, since_ms: int, *, ended: bool = False, filters: Sequence[Filter] = ()
    ) -> list[StoredSession]:
        with self._lock:
            return self._sessions.live(wsid, since_ms, filters, ended=ended)

    def sessions(
        self,
        wsid: int,
        limit: int,
        *,
        between: tuple[int, int],
        before: tuple[int, int] | None = None,
        filters: Sequence[Filter] = (),
    ) -> list[StoredSession]:
        with self._lock:
            return self._sessions.listed(wsid, limit, between, before, filters)

    def runs(self, wsid: int) -> list[Run]:
        with self._lock:
            return copy.deepcopy(self._ledger.runs(wsid))

    def quarantine(self, wsid: int, limit: int) -> list[Quarantined]:
        with self._lock:
            return list(self._log.quarantine.get(wsid, ()))[::-1][:limit]

    def sizes(self) -> dict[int, dict[int, int]]:
        with self._lock:
            return copy.deepcopy(self._log.sizes)

    def complete_from(self, period: Period, view: str | None = None) -> int | None:
        with self._lock:
            counts = self._totals if view is None else self._counts(view)
            wsid = period.wsid
            if period.filters:
                days = self._log.days_gone.get(wsid, {}).items()
                found = [end for start, end in days if start < period.day_end and end > period.day_start]
                return max(found, default=None)
            found = [
                day_end
                for span in period.spans
                for start, day_end in self._buckets_gone.get((wsid, span.grain), {}).items()
                if span.start <= start < span.end
            ]
            if counts.since.get(wsid, period.start) > period.start:
                found.append(counts.since[wsid])
            return max(found, default=None)

    def open_from(self, period: Period) -> int | None:
        with self._lock:
            days = (
                opened.day
                for (wsid, _), opened in self._log.days.items()
                if wsid == period.wsid and not opened.closed
            )
            touched = [day.start for day in days if day.start < period.day_end and day.end > period.day_start]
            return min(touched, default=None)

    def as_of_ms(self, now_ms: int, view: str | None = None) -> int:
        with self._lock:
            position = self._in_step() if view is None else self._counts(view).position
            waiting = [item for item in self._log.after(position) if isinstance(item, (Received, Logged))]
            return min([now_ms, *(item.received_ms for item in waiting)])

    def stats(self, now_ms: int) -> Stats:
        with self._lock:
            position = self._in_step()
            return Stats(
                last_seq=self._log.last_seq,
                position=position,
                behind_events=self._log.last_seq - position,
                behind_ms=now_ms - self.as_of_ms(now_ms),
                filling=sorted(name for name, counts in self._views.items() if counts.filling),
                log_bytes=0,
                views_bytes=0,
                newest_ms=self._log.newest_ms,
            )

    def close(self) -> None:
        """Nothing to let go of."""

    def _counts(self, view: str) -> Counts:
        if view not in self._views:
            raise UnknownView(f"there is no view {view!r}")
        return self._views[view]


def _sum_of(counts: Counts, period: Period) -> Rows:
    """The counts of the period, added up from the buckets of its spans."""
    sums = Rows()
    for span in period.spans:
        for _, rows in counts.within(period.wsid, span):
            for key, measures in rows.keys.items():
                sums.add(key, measures)
            sums.add(None, rows.other)
    return sums
