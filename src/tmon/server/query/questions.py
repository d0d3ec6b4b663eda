# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of the reading API (CONTRACT section 4), answered from a store.

Each question first has the views brought up to date, as far as that takes under a second, and reads `as_of` before
its figures and `complete_from` after them: what is stored or deleted meanwhile makes an answer better than it says,
never worse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from tmon.server.catalogue import View
from tmon.server.events import REQUEST, SESSION
from tmon.server.store.base import (
    QUARANTINE_KEPT_MS,
    Filter,
    Grain,
    Measures,
    Page,
    Period,
    Quarantined,
    Ranking,
    Reader,
    StoredEvent,
    UnknownView,
)

from . import answers, parameters
from .about import SETTLE_S, Settle, Subject, answer_about, date_of, last_of, stamp, utc
from .answers import Answer
from .comparing import SHAPES, compared
from .errors import BadQuestion, NoSuchView, shown
from .filters import check_kinds, parse_filters
from .ledger import ledger
from .moments import moment
from .parameters import Parameters, limited
from .period import AHEAD_S, EARLIEST, Bounds, bounds, not_too_old, plan, previous
from .places import MOST_LOOKED_AT, MOST_PLACED, read_box
from .series import (
    MOST,
    buckets,
    check_limit,
    check_percentiles,
    check_visits,
    kept_from,
    open_from,
    spanned,
    stamps,
)
from .summing import PERCENTS, Spread, Visited, forget_visits, spread, summed, visited

Given = Mapping[str, Sequence[str]]
"""The parameters of a question: every value of each name."""

RANKING_LIMIT, MOST_ROWS = 10, 10_000
EVENTS_LIMIT, MOST_EVENTS = 100, 1_000
QUARANTINE_LIMIT, MOST_QUARANTINED = 100, 1_000
NOTHING = Measures()
APPROXIMATE = (*(f"p{percent}_ms" for percent in PERCENTS), "median_visit_s")
"""Figures of a summary that may not be exact."""
BY_VISITS = frozenset({"hour", "day"})
"""Grains of series that have visits."""
NO_PERCENTILES = (None,) * len(PERCENTS)
GRAINS: dict[str, Grain] = {grain: grain for grain in MOST}
ANYTHING = Filter(View(name="kind", title="Kinds", field="kind"), "*")
"""Lets through every event, and has the store answer from the events."""


class Noted(NamedTuple):
    """An annotation as it is kept: its moment and when it was written, in Unix milliseconds."""

    id: int
    at_ms: int
    text: str
    by: str | None
    created_ms: int


class Questions:
    """Answers questions about web services. May be asked from any number of threads.

    `settle` is called before each question; `clock` gives the Unix time in seconds. With `public`, what views are not
    public are not there, neither to be asked for nor as filters.
    """

    def __init__(
        self, store: Reader, settle: Settle, clock: Callable[[], float] = time.time, *, public: bool = False
    ) -> None:
        self._public = public
        self._store = store
        self._settle = settle
        self._clock = clock

    def views(self) -> list[View]:
        """Every view that there is, in the order in which panels show them."""
        return list(self._views().values())

    def filterable(self) -> list[View]:
        """Those of them that filters of requests can be about."""
        return [view for view in self.views() if view.kind == REQUEST]

    def has_objects(self, view: str) -> bool:
        """Whether the keys of a view are what sessions use."""
        found = self._views().get(view)
        return found is not None and found.kind == SESSION and found.field == "object"

    def is_empty(self, subject: Subject) -> bool:
        """Whether nothing was ever reported for the web service, as far as can be known. Raises StoreError."""
        latest = self.events(subject, {"limit": ["1"]})
        return not latest.results and latest.complete_from is None

    def ranking(self, subject: Subject, view: str, given: Given) -> Answer:
        """The keys of a view with the most requests. Raises QuestionError, StoreError."""
        ranked = self._views().get(view)
        if ranked is None:
            raise _no_such_view(view)
        shape = SHAPES[ranked.kind]
        asked = parameters.read(given, parameters.RANKED, shape.sorts)
        limit = limited(asked.limit, RANKING_LIMIT, MOST_ROWS)
        now = self._clock()
        periods = self._periods(subject, asked, now, view=ranked)
        period = periods[0]
        earlier = None
        try:
            as_of_ms = self._current(now, view)
            found, keys = self._ranked(view, period, asked, limit)
            if asked.compare:
                earlier = self._store.figures(view, periods[1], [key for key, _ in found.rows])
            complete_from = last_of(self._store.complete_from(one, view) for one in periods)
        except UnknownView:  # taken away since
            raise _no_such_view(view) from None
        rows = compared(ranked, found, earlier, known=complete_from is None)
        answer = answer_about(subject, rows, periods, complete_from, as_of_ms, shape.answer)
        answer.keys = keys
        return answer

    def _ranked(
        self, view: str, period: Period, asked: Parameters, limit: int
    ) -> tuple[Ranking, int | UnsetType]:
        """The rows that are asked for and, where they are a page, how many keys all pages have."""
        if (asked.offset, asked.search, asked.sort) == (None, None, None):
            return self._store.ranking(view, period, limit), UNSET
        page = Page(limit, asked.offset or 0, asked.search or "", asked.sort or "requests")
        rows, other, keys = self._store.page(view, period, page)
        return Ranking(rows, other), keys

    def series(self, subject: Subject, grain: str, limit: str, given: Given) -> Answer:
        """The last `limit` buckets of a grain, zero-filled. Raises QuestionError, StoreError."""
        size = GRAINS.get(grain)
        if size is None:
            raise NoSuchView(f"there is no series by {shown(grain)}; there are {', '.join(GRAINS)}")
        count = parameters.number("limit", limit, 1)
        check_limit(size, count)
        asked = parameters.read(given, parameters.SERIES)
        if asked.beside:
            check_percentiles(size)
        # Under filters the events have to be read once more for them.
        wanted = asked.measures or (() if asked.filters else parameters.OF_VISITS)
        with_visits = not set(parameters.OF_VISITS).isdisjoint(wanted)
        if with_visits and asked.measures is not None:
            check_visits(size)
        calendar = subject.calendar
        now = self._clock()
        first, last = None, int(now)
        if asked.since is not None or asked.until is not None:
            covered = bounds(asked.since, asked.until, calendar, now)
            first = covered.start if asked.since is not None else None
            last = min(last, covered.end - 1)
            if first is not None and first > last:
                ahead = self._periods(subject, asked, now, size)
                nothing = answer_about(subject, [], ahead, None, self._current(now))
                nothing.open_from = date_of(subject, self._open_from(subject, ahead[0], now))
                return nothing
        found = [buckets(size, count, calendar, last, first)]
        if asked.compare:
            oldest = found[0].starts[0]
            found.append(buckets(size, len(found[0].starts), calendar, oldest - 1))
            not_too_old(spanned(found[1]))
        filters = self._filters(asked)
        periods = [plan(subject.wsid, spanned(one), calendar, filters, size) for one in found]
        as_of_ms = self._current(now)
        points = []
        missing = []
        spreads: list[Spread] = []
        visits: list[Visited] = []
        for one, period in zip(found, periods, strict=True):
            counts = self._store.series(size, period)
            values: dict[int, Sequence[float | None] | None] = {}
            if asked.beside:
                spreads.append(spread(self._store, size, period, now))
                values = {start: spreads[-1].values.get(start, NO_PERCENTILES) for start in one.starts}
            points.append(
                [
                    answers.point(t, counts.get(start, NOTHING), values.get(start))
                    for start, t in zip(one.starts, stamps(one.starts, calendar), strict=True)
                ]
            )
            if with_visits and size in BY_VISITS:
                of_period = visited(self._store, size, period, now)
                if of_period is not None:
                    visits.append(of_period)
                    _put_visits(points[-1], one.starts, of_period)
            if asked.measures is not None:
                answers.leave_out(points[-1], set(parameters.MEASURES).difference(asked.measures))
            missing.append(self._missing(subject, size, period, now))
        if asked.compare:
            known = [
                [start >= lack.until for start in one.starts]
                for one, lack in zip(found, missing, strict=True)
            ]
            for one, before, *both in zip(*points, *known, strict=True):
                one.previous = before if all(both) else None
        complete = [one.complete_from for one in missing] + [one.complete_from for one in spreads]
        as_of_ms = min([as_of_ms, *(one.as_of_ms for one in spreads), *(one.as_of_ms for one in visits)])
        answer = answer_about(subject, points[0], periods, last_of(complete), as_of_ms)
        _note_visits(subject, answer, last_of(complete), last_of(one.complete_from for one in visits))
        answer.open_from = date_of(subject, self._open_from(subject, periods[0], now))
        loose = {percent for one in spreads for percent in one.loose}
        return _with_approximate(answer, [f"p{percent}_ms" for percent in PERCENTS if percent in loose])

    def summary(self, subject: Subject, given: Given) -> Answer:
        """The totals of a period, percentiles of the duration, and visits. Raises QuestionError, StoreError.

        Under filters visits take up to as long as all the rest, so there they have to be asked for.
        """
        asked = parameters.read(given, parameters.SUMMED, beside="visits")
        now = self._clock()
        periods = self._periods(subject, asked, now)
        as_of_ms = self._current(now)
        visits = asked.beside or not asked.filters
        found = [summed(self._store, one, now, visits=visits) for one in periods]
        results, loose = found[0].results, {*found[0].loose}
        complete_from = last_of(start for one in found for start in one.complete)
        visits_from = last_of(one.visits_complete for one in found)
        if asked.compare:
            results.previous = None
            if complete_from is None:
                results.previous = found[1].results
                loose.update(found[1].loose)
                if visits_from is not None:
                    forget_visits(results.previous)
        as_of_ms = min(as_of_ms, *(one.as_of_ms for one in found))
        answer = answer_about(subject, results, periods, complete_from, as_of_ms)
        _note_visits(subject, answer, complete_from, visits_from)
        return _with_approximate(answer, [name for name in APPROXIMATE if name in loose])

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
            complete_from=date_of(subject, complete_from),
            as_of=stamp(subject, int(now * 1000)),
        )

    def locations(self, subject: Subject, corners: Sequence[str], given: Given) -> Answer:
        """Where the latest requests inside a box came from, by place. Raises QuestionError, StoreError.

        `corners` are the latitude and longitude of the north-eastern and those of the south-western corner, as texts.
        """
        ne_lat, ne_lng, sw_lat, sw_lng = corners
        box = read_box(ne_lat, ne_lng, sw_lat, sw_lng)
        asked = parameters.read(given, parameters.PERIOD)
        filters = self._filters(asked)
        now = self._clock()
        covered = None
        if asked.since is not None or asked.until is not None:
            covered = bounds(asked.since, asked.until, subject.calendar, now)
        found = self._store.locations(
            subject.wsid, box, MOST_PLACED, MOST_LOOKED_AT, between=covered, filters=filters
        )
        complete_from = None
        if found.to_the_end:  # else what was deleted is older than all that was looked at
            needed = covered or Bounds(EARLIEST, int(now))
            complete_from = self._store.complete_from(
                plan(subject.wsid, needed, subject.calendar, (ANYTHING,))
            )
        since, until = (None, None) if covered is None else stamps(list(covered), subject.calendar)
        return Answer(
            results=[
                answers.Location(
                    lat=one.lat,
                    lon=one.lon,
                    city=one.city,
                    country=one.country,
                    requests=one.requests,
                    errors=one.errors,
                    latest=stamp(subject, one.latest_ms),
                )
                for one in found.places
            ],
            since=since,
            until=until,
            complete_from=date_of(subject, complete_from),
            as_of=stamp(subject, int(now * 1000)),
        )

    def sources(self, subject: Subject, given: Given) -> Answer:
        """The loss ledger: what each run of each source sent, and its fate. Raises QuestionError, StoreError."""
        parameters.read(given, frozenset())
        now = self._clock()
        as_of_ms = self._current(now)
        runs = self._store.runs(subject.wsid)
        rows, totals = ledger(runs, int(now * 1000), lambda ms: stamp(subject, ms), subject.newest_key)
        return Answer(
            results=rows,
            since=None,
            until=None,
            complete_from=None,
            as_of=stamp(subject, as_of_ms),
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
            as_of=stamp(subject, int(now * 1000)),
        )

    def annotations(
        self, subject: Subject, given: Given, find: Callable[[int, int], Iterable[Noted]]
    ) -> Answer:
        """What people have noted in a period, oldest first. Raises QuestionError.

        `find(start, end)` gives what there is in [start, end) of Unix seconds, in that order.
        """
        asked = parameters.read(given, frozenset({"from", "to"}))
        now = self._clock()
        covered = bounds(asked.since, asked.until, subject.calendar, now)
        since, until = stamps(list(covered), subject.calendar)
        return Answer(
            results=[_annotation(subject, one) for one in find(*covered)],
            since=since,
            until=until,
            complete_from=None,
            as_of=stamp(subject, int(now * 1000)),
        )

    def annotation(self, subject: Subject, noted: Noted, status_code: int = 200) -> Answer:
        """One of them."""
        return Answer(
            status_code=status_code,
            results=_annotation(subject, noted),
            since=None,
            until=None,
            complete_from=None,
            as_of=stamp(subject, int(self._clock() * 1000)),
        )

    def moment(self, subject: Subject, text: str | None) -> float:
        """The Unix time that `text` names for the web service, None the present. Raises BadQuestion."""
        now = self._clock()
        if text is None:
            return now
        found = moment(text, subject.calendar)
        if found > now + AHEAD_S:
            raise BadQuestion("that is too far in the future; at most 400 days ahead")
        return found

    def _periods(
        self,
        subject: Subject,
        asked: Parameters,
        now: float,
        grain: Grain | None = None,
        view: View | None = None,
    ) -> list[Period]:
        """The period that is asked about, and where a comparison is asked for the one before."""
        covered = [bounds(asked.since, asked.until, subject.calendar, now)]
        if asked.compare:
            covered.append(previous(covered[0], subject.calendar))
        filters = self._filters(asked, view)
        return [plan(subject.wsid, one, subject.calendar, filters, grain) for one in covered]

    def _missing(self, subject: Subject, grain: Grain, period: Period, now: float) -> _Missing:
        """What a series by `grain` over the period lacks."""
        complete_from = self._store.complete_from(period)
        until = kept_from(grain, now)
        if complete_from is None and not period.filters and until is not None and period.start < until:
            # Seconds and minutes go unnoticed; the hours say whether there were any.
            first, last = (
                subject.calendar.hour(period.start),
                subject.calendar.hour(min(until, period.end) - 1),
            )
            hours = plan(subject.wsid, Bounds(first.start, last.end), subject.calendar)
            if self._store.totals(hours).requests or self._store.complete_from(hours) is not None:
                return _Missing(until, subject.calendar.day(until - 1).end)
        return _Missing(complete_from or 0, complete_from)

    def _open_from(self, subject: Subject, period: Period, now: float) -> int | None:
        """The start of the period's first local day that is not closed, None if all are."""
        waits = max(open_from(subject.calendar, now), period.day_start)
        opened = self._store.open_from(period)
        first = waits if opened is None else min(opened, waits)
        return first if first < period.day_end else None

    def _filters(self, asked: Parameters, view: View | None = None) -> tuple[Filter, ...]:
        """Those of a question about a view, or about requests."""
        return self._read_filters(asked.filters, view) if asked.filters else ()

    def check_filters(self, texts: Sequence[str]) -> None:
        """Raises QuestionError where these are no filters of requests that may be asked with."""
        self._read_filters(texts, None)

    def _read_filters(self, texts: Sequence[str], view: View | None) -> tuple[Filter, ...]:
        filters = parse_filters(texts, self._views(), NoSuchView if self._public else BadQuestion)
        check_kinds(view, filters)
        return filters

    def _views(self) -> Mapping[str, View]:
        views = self._store.views()
        return {name: view for name, view in views.items() if view.public} if self._public else views

    def _current(self, now: float, view: str | None = None) -> int:
        """Have the views brought up to date; the time before which everything acknowledged is counted, in ms."""
        self._settle(SETTLE_S)
        return self._store.as_of_ms(int(now * 1000), view)


class _Missing(NamedTuple):
    """Buckets that start before `until` (Unix seconds) may lack something."""

    until: int
    complete_from: int | None


def _note_visits(
    subject: Subject, answer: Answer, complete_from: int | None, visits_from: int | None
) -> None:
    """Say from when on visits are all there, where that is later than everything else is."""
    if visits_from is not None and visits_from > (complete_from or 0):
        date = date_of(subject, visits_from)
        answer.visits_complete_from = UNSET if date is None else date


def _put_visits(points: Sequence[answers.Point], starts: Sequence[int], visits: Visited) -> None:
    """Put visits into the buckets; None where they are not all there."""
    for point, start in zip(points, starts, strict=True):
        counts = visits.values.get(start, NOTHING)
        known = start >= (visits.complete_from or 0)
        point.visits, point.bounces = (counts.requests, counts.errors) if known else (None, None)


def _with_approximate(answer: Answer, names: Sequence[str]) -> Answer:
    """The answer, naming the figures that are not exact."""
    if names:
        answer.approximate = names
    return answer


def shown_event(event: StoredEvent) -> dict[str, Any]:
    """An event as the API shows it."""
    own = {"seq": event.seq, "received": utc(event.received_ms)}
    # First in the answer, and last to be set: a sender may call fields of his own so.
    return {**own, **event.fields, **own}


def _annotation(subject: Subject, noted: Noted) -> answers.Annotation:
    return answers.Annotation(
        id=noted.id,
        t=stamp(subject, noted.at_ms),
        text=noted.text,
        by=noted.by,
        created=utc(noted.created_ms),
    )


def _quarantined(row: Quarantined) -> dict[str, str]:
    return {
        "received": utc(row.received_ms),
        "source": row.source,
        "reason": row.reason,
        "payload": row.payload,
    }


def _no_such_view(view: str) -> NoSuchView:
    return NoSuchView(f"there is no view {shown(view)}")
