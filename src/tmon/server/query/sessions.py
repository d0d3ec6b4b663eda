# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about sessions: which go on now, which there were, and how many began when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from tmon.server.catalogue import View
from tmon.server.events import SESSION
from tmon.server.sessions import Rule
from tmon.server.store.base import Filter, Grain, Measures, Period, Reader, StoredSession

from . import answers, parameters
from .about import SETTLE_S, Settle, Subject, answer_about, stamp
from .answers import Answer, LiveTotals, SessionListed, SessionLive, SessionPoint
from .errors import NoSuchView, shown
from .filters import check_kinds, parse_filters
from .parameters import limited
from .period import bounds, plan
from .series import buckets, check_limit, spanned, stamps

Given = Mapping[str, Sequence[str]]

LIMIT, MOST_LISTED = 100, 1_000
GRAINS: dict[str, Grain] = {"hour": "hour", "day": "day"}
STANDARD = Rule()


class Sessions:
    """Answers questions about the sessions of web services; see Questions."""

    def __init__(self, store: Reader, settle: Settle, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settle = settle
        self._clock = clock

    def idle_s(self, wsid: int) -> float | None:
        """After how many seconds sessions end by the web service's rule; None without one. Raises StoreError."""
        rule = self._store.rules().get(wsid)
        return None if rule is None else rule.idle_ms / 1000

    def live(self, subject: Subject, given: Given) -> Answer:
        """Those that go on now, the oldest first. Raises QuestionError, StoreError."""
        asked = parameters.read(given, frozenset({"filter"}))
        filters = self._filters(asked)
        now = self._clock()
        now_ms = int(now * 1000)
        as_of_ms = self._current(now)
        rule = self._store.rules().get(subject.wsid, STANDARD)
        found = self._store.live_sessions(subject.wsid, now_ms - rule.idle_ms, filters=filters)
        answer = self._now(subject, [_live(subject, one, rule, now_ms) for one in found], as_of_ms)
        answer.totals = LiveTotals(
            subjects=len({(one.session.user, one.session.place) for one in found}),
            objects=len({one.session.object for one in found}),
            sessions_today=self._today(subject, filters, now),
        )
        return answer

    def listed(self, subject: Subject, given: Given) -> Answer:
        """Those that began in a period, the latest first. Raises QuestionError, StoreError."""
        asked = parameters.read(given, parameters.PERIOD | {"limit", "before"})
        limit = limited(asked.limit, LIMIT, MOST_LISTED)
        filters = self._filters(asked)
        now = self._clock()
        period = plan(
            subject.wsid, bounds(asked.since, asked.until, subject.calendar, now), subject.calendar, filters
        )
        as_of_ms = self._current(now)
        idle_ms = self._store.rules().get(subject.wsid, STANDARD).idle_ms
        found = self._store.sessions(
            subject.wsid,
            limit + 1,
            between=(period.start, period.end),
            before=asked.before,
            filters=filters,
        )
        complete_from = self._store.complete_from(period)
        rows = [_listed(subject, one, int(now * 1000) - idle_ms) for one in found[:limit]]
        answer = answer_about(subject, rows, [period], complete_from, as_of_ms)
        if len(found) > limit:
            last = found[limit - 1]
            answer.next = f"{last.session.start_ms}-{last.number}"
        return answer

    def series(self, subject: Subject, grain: str, limit: str, given: Given) -> Answer:
        """How many began in each of the last hours or days, and their lengths. Raises QuestionError, StoreError."""
        size = GRAINS.get(grain)
        if size is None:
            raise NoSuchView(f"there are no sessions by {shown(grain)}; there are {', '.join(GRAINS)}")
        count = parameters.number("limit", limit, 1)
        check_limit(size, count)
        asked = parameters.read(given, parameters.PERIOD)
        filters = self._filters(asked)
        view = self._view()
        now = self._clock()
        first, last = None, int(now)
        if asked.since is not None or asked.until is not None:
            covered = bounds(asked.since, asked.until, subject.calendar, now)
            first = covered.start if asked.since is not None else None
            last = min(last, covered.end - 1)
            if first is not None and first > last:
                ahead = plan(subject.wsid, covered, subject.calendar, filters, size)
                return answer_about(subject, [], [ahead], None, self._current(now, view))
        found = buckets(size, count, subject.calendar, last, first)
        period = plan(subject.wsid, spanned(found), subject.calendar, filters, size)
        as_of_ms = self._current(now, view)
        counts = self._store.series(size, period, view)
        complete_from = self._store.complete_from(period, None if filters else view)
        rows = [
            _point(t, counts.get(start, Measures()) if start >= (complete_from or 0) else None)
            for start, t in zip(found.starts, stamps(found.starts, subject.calendar), strict=True)
        ]
        return answer_about(subject, rows, [period], complete_from, as_of_ms)

    def _today(self, subject: Subject, filters: tuple[Filter, ...], now: float) -> int | None:
        """How many sessions have begun since local midnight; None without a view of sessions."""
        try:
            view = self._view()
        except NoSuchView:
            return None
        day = subject.calendar.day(now)
        period = Period(subject.wsid, day.start, day.end, day.start, day.end, (), filters)
        found = self._store.series("day", period, view)
        return sum(one.requests for one in found.values())

    def _view(self) -> str:
        """A view of sessions; every one has counted all of them. Raises NoSuchView."""
        for name, view in self._store.views().items():
            if view.kind == SESSION:
                return name
        raise NoSuchView("there is no view of sessions")

    def _filters(self, asked: parameters.Parameters) -> tuple[Filter, ...]:
        filters = parse_filters(asked.filters, self._store.views()) if asked.filters else ()
        check_kinds(OF_SESSIONS, filters)
        return filters

    def _current(self, now: float, view: str | None = None) -> int:
        self._settle(SETTLE_S)
        return self._store.as_of_ms(int(now * 1000), view)

    def _now(self, subject: Subject, results: list[SessionLive], as_of_ms: int) -> Answer:
        return Answer(
            results=results, since=None, until=None, complete_from=None, as_of=stamp(subject, as_of_ms)
        )


OF_SESSIONS = View(name="sessions", title="Sessions", field="object", kind=SESSION)
"""Stands for what is asked about where that is no view."""


def counted_until_ms(session_ended_ms: int, idle_ms: int, now_ms: int) -> int:
    """Up to when the counter of a session has run: half of the time to idle after its last sign it stops."""
    return max(session_ended_ms, min(now_ms, session_ended_ms + idle_ms // 2))


def _live(subject: Subject, one: StoredSession, rule: Rule, now_ms: int) -> SessionLive:
    session = one.session
    until_ms = counted_until_ms(session.ended_ms, rule.idle_ms, now_ms)
    return SessionLive(
        id=one.number,
        subject=session.user if one.source else session.subject,
        address="" if one.source else session.address,
        object=session.object,
        start=stamp(subject, session.start_ms),
        last=stamp(subject, session.ended_ms),
        seconds=max(0, until_ms - session.start_ms) // 1000,
        idle=until_ms < now_ms,
        requests=session.points,
        source=one.source,
    )


def _listed(subject: Subject, one: StoredSession, live_since_ms: int) -> SessionListed:
    session = one.session
    live = not session.over and session.ended_ms >= live_since_ms
    return SessionListed(
        id=one.number,
        subject=session.user if one.source else session.subject,
        address="" if one.source else session.address,
        object=session.object,
        start=stamp(subject, session.start_ms),
        end=stamp(subject, session.ended_ms),
        seconds=session.length_ms / 1000,
        requests=session.points,
        source=one.source,
        state="live" if live else "ended",
    )


def _point(t: str, measures: Measures | None) -> SessionPoint:
    if measures is None:
        return SessionPoint(t=t, sessions=None, seconds=None, session_s=None)
    figures = answers.session_figures(measures)
    return SessionPoint(t=t, sessions=figures.sessions, seconds=figures.seconds, session_s=figures.session_s)
