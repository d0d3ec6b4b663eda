# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of the reading API (CONTRACT section 4), answered from a store.

Each question first has the views brought up to date, as far as that takes under a second, and reads `as_of` before
its figures and `complete_from` after them: what is stored or deleted meanwhile makes an answer better than it says,
never worse.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tmon.server.calendar import Calendar
from tmon.server.catalogue import View
from tmon.server.store.base import (
    QUARANTINE_KEPT_MS,
    Filter,
    Grain,
    Measures,
    Period,
    Quarantined,
    Reader,
    StoredEvent,
    UnknownView,
)

from . import answers, parameters
from .answers import Answer
from .errors import NoSuchView, shown
from .filters import parse_filters
from .ledger import ledger
from .parameters import Parameters, limited
from .percentiles import percentiles
from .period import EARLIEST, Bounds, bounds, plan
from .series import MOST, buckets, check_limit, spanned, stamps

Settle = Callable[[float], object]
"""Has the views brought to the log's end; returns then, or after so many seconds."""
Given = Mapping[str, Sequence[str]]
"""The parameters of a question: every value of each name."""

SETTLE_S = 0.9
RANKING_LIMIT, MOST_ROWS = 10, 10_000
EVENTS_LIMIT, MOST_EVENTS = 100, 1_000
QUARANTINE_LIMIT, MOST_QUARANTINED = 100, 1_000
LATENCY = "latency"
"""The view that percentiles are read from."""
MOST_CLASSES = 2_000
"""More than a view can have, with the keys "" and "0"."""
PERCENTS = (50, 95, 99)
NOTHING = Measures()
GRAINS: dict[str, Grain] = {grain: grain for grain in MOST}
ANYTHING = Filter(View(name="kind", title="Kinds", field="kind"), "*")
"""Lets through every event, and has the store answer from the events."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The web service that a question is about.

    `newest_key` is the number of the key that its senders are to use, None if it has none.
    """

    wsid: int
    calendar: Calendar
    newest_key: int | None = None


class Questions:
    """Answers questions about web services. May be asked from any number of threads.

    `settle` is called before each question; `clock` gives the Unix time in seconds.
    """

    def __init__(self, store: Reader, settle: Settle, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settle = settle
        self._clock = clock

    def ranking(self, subject: Subject, view: str, given: Given) -> Answer:
        """The keys of a view with the most requests. Raises QuestionError, StoreError."""
        if view not in self._store.views():
            raise _no_such_view(view)
        asked = parameters.read(given, parameters.PERIOD | {"limit"})
        limit = limited(asked.limit, RANKING_LIMIT, MOST_ROWS)
        now = self._clock()
        period = plan(
            subject.wsid,
            bounds(asked.since, asked.until, subject.calendar, now),
            subject.calendar,
            self._filters(asked),
        )
        try:
            as_of_ms = self._current(now, view)
            found = self._store.ranking(view, period, limit)
            complete_from = self._store.complete_from(period, view)
        except UnknownView:  # taken away since
            raise _no_such_view(view) from None
        rows = [answers.row(key, measures) for key, measures in found.rows]
        if found.other is not None:
            rows.append(answers.row(None, found.other))
        return _answer(subject, rows, period, complete_from, as_of_ms)

    def series(self, subject: Subject, grain: str, limit: str, given: Given) -> Answer:
        """The last `limit` buckets of a grain, zero-filled. Raises QuestionError, StoreError."""
        size = GRAINS.get(grain)
        if size is None:
            raise NoSuchView(f"there is no series by {shown(grain)}; there are {', '.join(GRAINS)}")
        count = parameters.number("limit", limit, 1)
        check_limit(size, count)
        asked = parameters.read(given, parameters.PERIOD)
        filters = self._filters(asked)
        now = self._clock()
        first, last = None, int(now)
        if asked.since is not None or asked.until is not None:
            covered = bounds(asked.since, asked.until, subject.calendar, now)
            first = covered.start if asked.since is not None else None
            last = min(last, covered.end - 1)
            if first is not None and first > last:
                period = plan(subject.wsid, covered, subject.calendar, filters, size)
                return _answer(subject, [], period, None, self._current(now))
        found = buckets(size, count, subject.calendar, last, first)
        period = plan(subject.wsid, spanned(found), subject.calendar, filters, size)
        as_of_ms = self._current(now)
        counts = self._store.series(size, period)
        points = [
            answers.point(t, counts.get(start, NOTHING))
            for start, t in zip(found.starts, stamps(found.starts, subject.calendar), strict=True)
        ]
        return _answer(subject, points, period, self._store.complete_from(period), as_of_ms)

    def summary(self, subject: Subject, given: Given) -> Answer:
        """The totals of a period, and percentiles of the duration. Raises QuestionError, StoreError."""
        asked = parameters.read(given, parameters.PERIOD)
        now = self._clock()
        covered = bounds(asked.since, asked.until, subject.calendar, now)
        period = plan(subject.wsid, covered, subject.calendar, self._filters(asked))
        as_of_ms = self._current(now)
        totals = self._store.totals(period)
        complete = [self._store.complete_from(period)]
        found: list[float | None] = [None] * len(PERCENTS)
        approximate: list[str] = []
        latency = self._store.views().get(LATENCY)
        if latency is not None and latency.classes is not None:
            try:
                latency_as_of_ms = self._store.as_of_ms(int(now * 1000), LATENCY)
                ranking = self._store.ranking(LATENCY, period, MOST_CLASSES)
                complete.append(self._store.complete_from(period, LATENCY))
            except UnknownView:  # taken away since
                pass
            else:
                as_of_ms = min(as_of_ms, latency_as_of_ms)
                found, loose = percentiles(latency.classes, dict(ranking.rows), PERCENTS)
                unknown = ranking.other is not None and ranking.other.timed
                approximate = [f"p{percent}_ms" for percent in (PERCENTS if unknown else loose)]
        results = answers.Summary(
            requests=totals.requests,
            visitors=totals.visitors,
            bots=totals.bots,
            errors=totals.errors,
            bytes=totals.bytes,
            p50_ms=found[0],
            p95_ms=found[1],
            p99_ms=found[2],
        )
        complete_from = max((start for start in complete if start is not None), default=None)
        answer = _answer(subject, results, period, complete_from, as_of_ms)
        if approximate:
            answer.approximate = approximate
        return answer

    def events(self, subject: Subject, given: Given) -> Answer:
        """The latest raw events, newest first; those after a number, oldest first. Raises QuestionError, StoreError."""
        asked = parameters.read(given, frozenset({"limit", "after", "filter"}))
        limit = limited(asked.limit, EVENTS_LIMIT, MOST_EVENTS)
        filters = self._filters(asked)
        now = self._clock()
        found = self._store.events(subject.wsid, limit, after=asked.after, filters=filters)
        complete_from = None
        if asked.after is not None or len(found) < limit:  # else what was deleted is older than all of these
            ever = plan(subject.wsid, Bounds(EARLIEST, int(now)), subject.calendar, (ANYTHING,))
            complete_from = self._store.complete_from(ever)
        return Answer(
            results=[shown_event(event) for event in found],
            since=None,
            until=None,
            complete_from=_date(subject, complete_from),
            as_of=_stamp(subject, int(now * 1000)),
        )

    def sources(self, subject: Subject, given: Given) -> Answer:
        """The loss ledger: what each run of each source sent, and its fate. Raises QuestionError, StoreError."""
        parameters.read(given, frozenset())
        now = self._clock()
        as_of_ms = self._current(now)
        runs = self._store.runs(subject.wsid)
        rows, totals = ledger(runs, int(now * 1000), lambda ms: _stamp(subject, ms), subject.newest_key)
        return Answer(
            results=rows,
            since=None,
            until=None,
            complete_from=None,
            as_of=_stamp(subject, as_of_ms),
            totals=totals,
        )

    def quarantine(self, subject: Subject, given: Given) -> Answer:
        """The latest rejected payloads, newest first. Raises QuestionError, StoreError."""
        asked = parameters.read(given, frozenset({"limit"}))
        limit = limited(asked.limit, QUARANTINE_LIMIT, MOST_QUARANTINED)
        now = self._clock()
        found = self._store.quarantine(subject.wsid, limit)
        kept_from_ms = int(now * 1000) - QUARANTINE_KEPT_MS  # what is older goes with the next periodic work
        return Answer(
            results=[_quarantined(row) for row in found if row.received_ms > kept_from_ms],
            since=None,
            until=None,
            complete_from=None,
            as_of=_stamp(subject, int(now * 1000)),
        )

    def _filters(self, asked: Parameters) -> tuple[Filter, ...]:
        return parse_filters(asked.filters, self._store.views()) if asked.filters else ()

    def _current(self, now: float, view: str | None = None) -> int:
        """Have the views brought up to date; the time before which everything acknowledged is counted, in ms."""
        self._settle(SETTLE_S)
        return self._store.as_of_ms(int(now * 1000), view)


def _answer(
    subject: Subject, results: Any, period: Period, complete_from: int | None, as_of_ms: int
) -> Answer:
    calendar = subject.calendar
    since, until = stamps([period.start, period.end], calendar)
    return Answer(
        results=results,
        since=since,
        until=until,
        complete_from=_date(subject, complete_from),
        as_of=_stamp(subject, as_of_ms),
    )


def shown_event(event: StoredEvent) -> dict[str, Any]:
    """An event as the API shows it."""
    own = {"seq": event.seq, "received": _utc(event.received_ms)}
    # First in the answer, and last to be set: a sender may call fields of his own so.
    return {**own, **event.fields, **own}


def _quarantined(row: Quarantined) -> dict[str, str]:
    return {
        "received": _utc(row.received_ms),
        "source": row.source,
        "reason": row.reason,
        "payload": row.payload,
    }


def _date(subject: Subject, start: int | None) -> str | None:
    """The date of the local day that starts then."""
    return None if start is None else subject.calendar.day(start).date.isoformat()


def _utc(ms: int) -> str:
    """Unix milliseconds as ISO 8601 in UTC."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC) + dt.timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stamp(subject: Subject, ms: int) -> str:
    """Unix milliseconds as ISO 8601 with the web service's offset."""
    moment = subject.calendar.local(ms // 1000) + dt.timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds")


def _no_such_view(view: str) -> NoSuchView:
    return NoSuchView(f"there is no view {shown(view)}")
