# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a store: a log that envelopes are appended to, and views that follow it.

An implementation exists when tests/contract passes against it. Times that end in `_ms` are Unix milliseconds; other
times are Unix seconds. Every method may be called from any thread; `append`, `close_days`, `expire`,
`erase_username`, `delete_webservice` and `sync_views` from one thread at a time (the writer), `advance` from one
thread at a time, and questions from any number of them beside both.

The rules that every store keeps:

- The log's entries (envelopes, also empty and refused ones; the closing of a day; an erasure) have numbers that are
  never reused. The events of an envelope have numbers too, between its own and the next entry's.
- An envelope counts once: its outcome is stored under its id together with its events.
- A view counts the events of the log up to its position, each exactly once; position and counts move together.
- Counts are kept per view, bucket and key. Buckets are the local hours, days and months of the events' calendars,
  and for the built-in totals also UTC seconds and minutes; one that ended longer before an event's receipt than it
  is kept does not count it.
- While a day is open an hour takes keys in the order of their first event up to `Limits.hour_keys`; what comes under
  further keys joins the remainder of its hour, day and month.
- Closing a day keeps its `Limits.day_keys` largest keys per view (by requests, ties by key) and the same number in
  each of its hours; the rest joins the remainder. Months are sums of days. A later event joins its key's row, makes
  one while the day (the hour alike) has fewer than `Limits.day_keys` and no remainder, else joins the remainder.
  It has no visitor.
- Visitors are no bots and are counted once per local day, in the bucket of the entry with the lowest number: per key
  in views whose `visitors` are "distinct", once for all keys where they are "first" (and in the totals).
- The totals count requests, and so do views of kind "request".
- Views of kind "session" count sessions: those that are made of requests by the web service's Rule (sessions.py beside
  the rooms says how), and those that senders tell of in events of kind "session". Of the latter, events of the same
  source with the same id are one session, from the first of them to the last, or to the end of its `duration_s`; what
  is used by whom says the earliest. A session counts in the hour, day and month of its beginning, from its first event
  on, and what comes later corrects it, as it does visits. In its Measures `requests` are sessions, `errors` those
  without length, `duration_us` is the sum of their lengths, all are `timed`, and `bytes` are the requests or events
  that they are made of. They count no visitors. Sessions are known one by one as long as the log has every event of
  the day on which they began, and until that day closes; what is corrected in a day that is closed takes from its
  key's row, or from the remainder where it has none.
- A rule that is new or has changed applies to the days of which the log has every event; those before keep the
  sessions that they had. Without a rule no more are made.
- Views of kind "visit" count visits. A visit is the page requests of one visitor, who is no bot, of one local day in
  which no two that follow each other are more than VISIT_IDLE_MS apart; `visits.py` says what a page request is. It
  counts in the hour, day and month of its first one, from then on, and what comes later (in any order) corrects it: a
  row shrinks and goes when nothing is left in it. In its Measures `requests` are visits, `errors` those of one page,
  `duration_us` is the sum of their lengths, all are `timed`, and `bytes` are page requests. As there are no more keys
  than visits, which the store knows one by one until their day closes, an hour takes all of them; closing a day cuts
  them like those of any view. Counts of a bucket that has expired are not corrected, and none come back.
- A filtered visit is one of which a page request passes every filter; then all of it counts.
- Erasing a user name moves its rows to the key "": measures add up.
- A view that is added later counts the events that the log still has, of local days for which it has all of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from ..catalogue import View
from ..events import Event, Rejected
from ..sessions import Rule, Session

Grain = Literal["second", "minute", "hour", "day", "month"]

DAY_MS = 86_400_000
OUTCOMES_KEPT_MS = 32 * DAY_MS
QUARANTINE_KEPT_MS = 7 * DAY_MS
DAY_CLOSES_AFTER_MS = 2 * DAY_MS
SECONDS_KEPT_MS = 2 * 3_600_000
MINUTES_KEPT_MS = 8 * DAY_MS
HOURS_KEPT_MS = 35 * DAY_MS
DAYS_KEPT_MS = 27 * 31 * DAY_MS
VISIT_IDLE_MS = 30 * 60_000
"""A page request that comes later than so long after the last one begins another visit."""
LOST_REASONS = 32
"""Reasons for which a run may report losses; of more, those with the largest counts are kept."""
LEDGER_RUNS = 10_000
"""Runs that the ledger keeps of each web service; those that were last seen longest ago make room."""


class StoreError(Exception):
    """A store could not do what was asked.

    StoreError
    ├── Unavailable      nothing was done; the same call may succeed later
    │   └── TooLong      a question was given up, because others wait
    ├── Damaged          what is on disk contradicts itself; the message says what to do
    └── UnknownView      a question names a view that the store has not been told of
    """


class Unavailable(StoreError):
    """Nothing was done (disk full, database away); the same call may succeed later."""


class TooLong(Unavailable):
    """A question took so long that it was given up; the message says what takes less."""


class Damaged(StoreError):
    """What is on disk contradicts itself; the message says what to do."""


class UnknownView(StoreError):
    """The question names a view that the store has not been told of by `sync_views`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep a store's size in proportion."""

    hour_keys: int = 50_000
    day_keys: int = 1_000
    quarantine_rows: int = 1_000
    """Per web service; the oldest make room."""


class Envelope(msgspec.Struct, kw_only=True, array_like=True):
    """An opened envelope, judged and enriched, as the collector hands it to the writer.

    `refused` is the reason for a 400, decided before it got here, with `message` to explain; its events, if any could
    be told apart, are all in `rejected`. `payloads` holds what goes to quarantine: (reason, text). `key` is the number
    of the key that opened it, where that is known. `size` is that of its plaintext in bytes.
    """

    wsid: int
    id: bytes
    received_ms: int
    events: list[Event] = []
    rejected: list[Rejected] = []
    payloads: list[tuple[str, str]] = []
    refused: str | None = None
    message: str = ""
    source: str = ""
    run: str = ""
    seq: int | None = None
    sent: int | None = None
    lost: dict[str, int] = {}
    close: bool = False
    stream: str | None = None
    key: int | None = None
    size: int = 0


class Outcome(msgspec.Struct, kw_only=True, frozen=True, array_like=True):
    """What became of an envelope; stored with it. `rejected` are the first 100 as (index, error).

    `highest_offset` is the highest one that is stored of the envelope's stream, None where nothing is. It alone is not
    stored with the envelope: what a duplicate gets has None.
    """

    status: int
    accepted: int = 0
    repeated: int = 0
    rejected_count: int = 0
    rejected: tuple[tuple[int, str], ...] = ()
    message: str = ""
    duplicate: bool = False
    highest_offset: int | None = None

    def again(self) -> Outcome:
        """What a duplicate of the envelope gets."""
        return msgspec.structs.replace(self, duplicate=True, highest_offset=None)


class Measures(NamedTuple):
    """What is counted. `duration_us` is the sum over the `timed` events that have one; `bytes` is a sum.

    What they stand for in views of visits says the head of this module.
    """

    requests: int = 0
    visitors: int = 0
    bots: int = 0
    errors: int = 0
    duration_us: int = 0
    timed: int = 0
    bytes: int = 0

    def plus(self, other: Measures) -> Measures:
        """The sum of both."""
        return Measures(*(a + b for a, b in zip(self, other, strict=True)))


class Timed(NamedTuple):
    """How many events have a duration, and its sum."""

    timed: int = 0
    duration_us: int = 0

    def plus(self, other: Timed) -> Timed:
        """The sum of both."""
        return Timed(self.timed + other.timed, self.duration_us + other.duration_us)


class Span(NamedTuple):
    """The buckets of one grain that start in [start, end), Unix seconds."""

    grain: Grain
    start: int
    end: int


class Filter(NamedTuple):
    r"""Events whose key in `view` matches `pattern`; `negated`: those that don't.

    In a pattern * stands for any text, `\*` for a star and `\\` for a backslash; everything else stands for itself.
    """

    view: View
    pattern: str
    negated: bool = False

    @property
    def literals(self) -> list[str]:
        """What stands between the pattern's stars, each as it is: one text more than there are stars."""
        found = [""]
        for part in re.findall(r"\\[*\\]|.", self.pattern, re.DOTALL):
            if part == "*":
                found.append("")
            else:
                found[-1] += part if len(part) == 1 else part[1]
        return found


class Day(NamedTuple):
    """A local day of a web service by its bounds in Unix seconds."""

    wsid: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Period:
    """What a question is about.

    Unfiltered questions are answered from the buckets of `spans`, which are disjoint and together cover [start, end).
    Filtered ones from the events themselves: `day_start` and `day_end` are the bounds of the local days that the period
    touches, because a visitor belongs to the day's first matching event.
    """

    wsid: int
    start: int
    end: int
    day_start: int
    day_end: int
    spans: tuple[Span, ...]
    filters: tuple[Filter, ...] = ()


class Ranking(NamedTuple):
    """The largest keys of a view, most requests first, ties by key; `other` is everything else, None if nothing is."""

    rows: list[tuple[str, Measures]]
    other: Measures | None


Sort = Literal["requests", "visitors", "bots", "errors", "duration_ms", "duration_us", "bytes", "key"]


class Page(NamedTuple):
    """A part of a ranking: of the keys that contain `search`, whatever the case (casefold), `limit` from `offset` on.

    They are in the order of `sort`: a measure from its largest value on, `duration_ms` being the mean and last where
    nothing was timed, `duration_us` the sum, or the key from the first on. Ties are in the order of their keys.
    """

    limit: int
    offset: int = 0
    search: str = ""
    sort: Sort = "requests"


class Listing(NamedTuple):
    """The rows of a page; `other` is everything else, None if nothing is. `keys`: how many keys all pages have."""

    rows: list[tuple[str, Measures]]
    other: Measures | None
    keys: int


class Box(NamedTuple):
    """A part of the map in degrees, bounds included; it crosses the antimeridian where `west` is more than `east`."""

    north: float
    east: float
    south: float
    west: float

    @property
    def longitudes(self) -> tuple[tuple[float, float], ...]:
        """The (least, most) longitudes of its parts; the meridian 180 is also -180."""
        found = [(self.west, self.east)]
        if self.west > self.east:
            found = [(self.west, 180.0), (-180.0, self.east)]
        elif self.east == 180:
            found.append((-180.0, -180.0))
        elif self.west == -180:
            found.append((180.0, 180.0))
        return tuple(found)


class Located(NamedTuple):
    """Requests from one place, which `lat` and `lon` (degrees), `city` and `country` tell apart.

    `errors` of them have a status of 500 or above. `latest_ms` is the time of the latest one.
    """

    lat: float
    lon: float
    city: str
    country: str
    requests: int
    errors: int
    latest_ms: int


class Locations(NamedTuple):
    """Places, most requests first, then the latest, then as they are ordered by their fields.

    `to_the_end` if older events, had the store any, would have been looked at too.
    """

    places: list[Located]
    to_the_end: bool


class StoredEvent(NamedTuple):
    """An event of the log as the reading API shows it: its number, when it was received, and its fields by name."""

    seq: int
    received_ms: int
    fields: dict[str, Any]


class StoredSession(NamedTuple):
    """A session by its number, which is never given again; `source` is whoever told of it, "" if nobody did.

    `day` is the start (Unix seconds) of the local day on which it began.
    """

    number: int
    source: str
    session: Session
    day: int


class Quarantined(NamedTuple):
    """A rejected payload."""

    received_ms: int
    source: str
    reason: str
    payload: str


@dataclass(slots=True)
class Run:
    """The ledger of one run of one source. Everything counts events but `refused`, which counts envelopes.

    `sent` is what the sender says it had sealed or lost, or what arrived from one that says nothing. `missing` is
    what has not arrived: sent - stored - repeated - rejected. `lost` is the part that the sender reported, by reason.
    `key` opened the envelope that was appended last, None where that is not known.
    """

    source: str
    run: str
    first_seen_ms: int
    last_seen_ms: int
    sent: int = 0
    stored: int = 0
    repeated: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    closed: bool = False
    key: int | None = None

    @property
    def missing(self) -> int:
        """Events that the sender counted and the server has not seen; never negative."""
        return max(0, self.sent - self.stored - self.repeated - self.rejected)


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed or blanked."""

    events: int
    quarantined: int = 0


@dataclass(slots=True)
class Stats:
    """Figures for /metrics and /readyz.

    `position` is the entry up to which the totals, the ledger and every view that is not filling have counted, and
    `behind_*` the distance from there to the log's end. `filling` names the other views, and rules of sessions that
    fill from the log. `newest_ms` is when the newest envelope that the log still has was received.
    """

    last_seq: int
    position: int
    behind_events: int
    behind_ms: int
    filling: list[str]
    log_bytes: int
    views_bytes: int
    newest_ms: int | None = None


class Reader(ABC):
    """The side of a store that answers questions, also in a process that does not own it.

    See the head of this module for what holds. Methods raise Unavailable where the store is away.
    """

    @abstractmethod
    def views(self) -> dict[str, View]:
        """The views that `sync_views` has made known, by name."""

    @abstractmethod
    def ranking(self, view: str, period: Period, limit: int) -> Ranking:
        """The `limit` largest keys. Raises UnknownView."""

    @abstractmethod
    def page(self, view: str, period: Period, page: Page) -> Listing:
        """A part of the view's ranking, of the keys that the store has kept. Raises UnknownView."""

    @abstractmethod
    def figures(self, view: str, period: Period, keys: Sequence[str]) -> Ranking:
        """What these keys have, each once and in their order, also without any event; `other` is everything else.

        Raises UnknownView.
        """

    @abstractmethod
    def totals(self, period: Period) -> Measures:
        """The totals of the period."""

    @abstractmethod
    def series(self, grain: Grain, period: Period, view: str | None = None) -> dict[int, Measures]:
        """Totals per bucket that starts in the period, by its start; buckets without events are absent.

        `second` and `minute` buckets are of UTC; filtered ones are counted from the events. With a view of visits it
        is all that this view has counted, by hour, day or month. Raises UnknownView.
        """

    @abstractmethod
    def timings(self, view: str, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        """The durations that each key of a view has per bucket that starts in the period, by the bucket's start.

        None is the remainder; keys and buckets without a duration are absent. `grain` is hour, day or month, which
        are the buckets of views. Raises UnknownView.
        """

    @abstractmethod
    def events(
        self, wsid: int, limit: int, *, after: int | None = None, filters: Sequence[Filter] = ()
    ) -> list[StoredEvent]:
        """The latest events, newest first; with `after` those with higher numbers, the nearest first."""

    @abstractmethod
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
        """Where the latest requests inside the box came from: the `limit` with the highest numbers, by place.

        Only the `most` newest events of the web service are looked at, whatever their kind. Requests whose place has
        no coordinates are in no box. With `between` only requests of [start, end), Unix seconds, count.
        """

    @abstractmethod
    def rules(self) -> Mapping[int, Rule]:
        """The rules of `sync_rules`, by web service."""

    @abstractmethod
    def live_sessions(
        self, wsid: int, since_ms: int, *, ended: bool = False, filters: Sequence[Filter] = ()
    ) -> list[StoredSession]:
        """Sessions that nothing has ended, whose last sign of life is of `since_ms` or later; the oldest first.

        With `ended` also those that something has ended then or later. Filters, here and below, are on views of
        sessions.
        """

    @abstractmethod
    def sessions(
        self,
        wsid: int,
        limit: int,
        *,
        between: tuple[int, int],
        before: tuple[int, int] | None = None,
        filters: Sequence[Filter] = (),
    ) -> list[StoredSession]:
        """Sessions that begin in [start, end), Unix seconds, those that began last first, by beginning and number.

        With `before`, the beginning (Unix milliseconds) and number of one, those that come after it in this order.
        """

    @abstractmethod
    def runs(self, wsid: int) -> list[Run]:
        """The ledger of the web service, last seen first."""

    @abstractmethod
    def quarantine(self, wsid: int, limit: int) -> list[Quarantined]:
        """The latest rejected payloads, newest first."""

    @abstractmethod
    def sizes(self) -> dict[int, dict[int, int]]:
        """Bytes of plaintext that were appended, by web service and UTC day of receipt (days since 1970).

        Days stay at least as long as one of their events can be there. Costs no look at events.
        """

    @abstractmethod
    def complete_from(self, period: Period, view: str | None = None) -> int | None:
        """None if nothing that the question needs was deleted or predates the view; else the start of the first local
        day (Unix seconds) from which it is all there. Raises UnknownView.
        """

    @abstractmethod
    def open_from(self, period: Period) -> int | None:
        """The start (Unix seconds) of the first local day that the period touches, got an event and is not closed.

        None if there is no such day.
        """

    @abstractmethod
    def as_of_ms(self, now_ms: int, view: str | None = None) -> int:
        """The receipt time before which everything in the log is counted: `now_ms` if nothing waits.

        Counted in `view`, or without one in the totals, the ledger and every view that is not filling.
        """

    @abstractmethod
    def stats(self, now_ms: int) -> Stats:
        """Sizes and positions."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. Nothing is lost by leaving it out."""


class Store(Reader):
    """A store, in the process that owns it."""

    # -- appending ------------------------------------------------------------------------------------------------

    @abstractmethod
    def outcomes(self, ids: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], Outcome]:
        """The stored outcomes of those (wsid, envelope id) that have one, with `duplicate` set."""

    @abstractmethod
    def append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Append the envelopes in order, all or none, and return their outcomes once they are on disk.

        One whose id has an outcome already, also from earlier in this call, changes nothing and gets that outcome
        with `duplicate` set. Of an envelope with `stream` only events beyond the stream's highest stored offset are
        appended, the others are counted as repeated; an empty one is told that offset as well. One that is refused, or
        has events but no valid one, gets the outcome 400; the others 200.
        """

    @abstractmethod
    def erase_username(self, wsid: int, username: str, now_ms: int) -> Erased:
        """Blank the name in the web service's events and quarantine, and have every view move its key to ""."""

    @abstractmethod
    def delete_webservice(self, wsid: int, now_ms: int) -> Erased:
        """Drop all that is stored of a web service. Its number is never used again. Large ones go on in `expire`."""

    # -- views ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def sync_views(self, views: Mapping[str, View]) -> list[str]:
        """Make the store's views those: new ones and those with a raised version fill from the log, absent ones go.

        Views of sessions fill from the sessions that the store knows, at once.
        A change of field, kind, visitors or classes without a raised version raises StoreError, naming the view.
        Returns the names of the views that fill, are gone or have changed their looks.
        """

    @abstractmethod
    def sync_rules(self, rules: Mapping[int, Rule]) -> list[int]:
        """Make these the rules by which sessions are made of requests. Returns the web services whose rule changed."""

    @abstractmethod
    def advance(self, most: int = 20_000) -> bool:
        """Bring the views about `most` events further in one transaction. Returns whether anything is left to do."""

    def settle(self) -> None:
        """Bring every view to the end of the log."""
        while self.advance():
            pass

    # -- periodic work --------------------------------------------------------------------------------------------

    @abstractmethod
    def close_days(self, now_ms: int) -> list[Day]:
        """Append the closing of each day that ended, and got its first event, 48 hours ago or earlier; return them."""

    @abstractmethod
    def closed(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those of the (wsid, day start) that are closed."""

    @abstractmethod
    def opened(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those of the (wsid, day start) that got an event and are not closed."""

    @abstractmethod
    def expire(self, now_ms: int, retention_days: Mapping[int, int], most: int = 5_000) -> bool:
        """Delete up to about `most` rows of what is past its time. Returns whether more is left.

        Events go `retention_days[wsid]` (14 where absent, at least 1) after their receipt, and only once every view has
        durably passed them; outcomes after 32 days, quarantine after 7. Seconds go 2 hours and minutes 8
        days after their end; hours 35 days, days and months 27 months of 31 days after the later of their end and the
        receipt of the last event that changed them. Of the ledger the LEDGER_RUNS runs that were seen last stay.
        """


def outcome_of(envelope: Envelope, repeated: int, highest_offset: int | None) -> Outcome:
    """The outcome of an envelope that is appended now, `repeated` of whose events were there before.

    `highest_offset` is that of its stream, with this envelope.
    """
    count = len(envelope.rejected)
    accepted = len(envelope.events) - repeated
    refused = envelope.refused is not None or (count > 0 and not envelope.events)
    return Outcome(
        status=400 if refused else 200,
        accepted=accepted,
        repeated=repeated,
        rejected_count=count,
        rejected=tuple((one.index, one.error) for one in envelope.rejected[:100]),
        message=envelope.message or ("no event is valid" if refused else ""),
        highest_offset=highest_offset,
    )
