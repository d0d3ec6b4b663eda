# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of answers (CONTRACT section 4), as they are encoded to JSON."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tmon.server.store.base import Measures


class Answer(msgspec.Struct, kw_only=True):
    """What a question is answered with.

    `since` ("from") and `until` ("to") are ISO 8601 with the web service's offset; None where an answer is about no
    period. `previous_from` and `previous_to` bound the period that it is compared with. `complete_from` is a local
    date, and so are `visits_complete_from`, which is there where visits lack more than the rest, and `open_from`: that
    of the first day which is not closed. `as_of` is ISO 8601. `approximate` names
    measures that are not exact. `keys` is how many keys all pages of a ranking have. `next` asks, as `before`, for the
    rows that follow.
    """

    status_code: int = 200
    results: Any
    since: str | None = msgspec.field(name="from")
    until: str | None = msgspec.field(name="to")
    previous_from: str | UnsetType = UNSET
    previous_to: str | UnsetType = UNSET
    complete_from: str | None
    visits_complete_from: str | UnsetType = UNSET
    open_from: str | UnsetType | None = UNSET
    as_of: str
    approximate: Sequence[str] | UnsetType = UNSET
    totals: Any = UNSET
    keys: int | UnsetType = UNSET
    next: str | UnsetType = UNSET


class SessionRanking(Answer, kw_only=True):
    """An answer that ranks the keys of a view of sessions; its results are SessionRows."""


class VisitRanking(Answer, kw_only=True):
    """An answer that ranks the keys of a view of visits; its results are VisitRows."""


class Figures(msgspec.Struct, kw_only=True):
    """What is counted."""

    requests: int
    visitors: int
    bots: int
    errors: int
    duration_ms: float | None
    bytes: int


class Row(msgspec.Struct, kw_only=True):
    """A key of a ranking; `key` is None and `other` true in the row of everything else.

    `previous`, here and below, are the figures of the period before: absent where they are not asked for, None where
    either period is not complete.
    """

    key: str | None
    other: bool | UnsetType = UNSET
    requests: int
    visitors: int
    bots: int
    errors: int
    duration_ms: float | None
    bytes: int
    previous: Figures | UnsetType | None = UNSET


class VisitFigures(msgspec.Struct, kw_only=True):
    """What is counted of visits: those of one page are bounces, `visit_s` is the mean length in seconds."""

    visits: int
    bounces: int
    pages: int
    visit_s: float | None


class VisitRow(msgspec.Struct, kw_only=True):
    """A key of a view of visits; see Row and VisitFigures."""

    key: str | None
    other: bool | UnsetType = UNSET
    visits: int
    bounces: int
    pages: int
    visit_s: float | None
    previous: VisitFigures | UnsetType | None = UNSET


class SessionFigures(msgspec.Struct, kw_only=True):
    """What is counted of sessions: how many, how long in all and in the mean, and of how many requests they are."""

    sessions: int
    seconds: float
    session_s: float | None
    requests: int


class SessionRow(msgspec.Struct, kw_only=True):
    """A key of a view of sessions; see Row and SessionFigures."""

    key: str | None
    other: bool | UnsetType = UNSET
    sessions: int
    seconds: float
    session_s: float | None
    requests: int
    name: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    previous: SessionFigures | UnsetType | None = UNSET


class SessionPoint(msgspec.Struct, kw_only=True):
    """The sessions that began in the hour or day that starts at `t`; None where not all are known."""

    t: str
    sessions: int | None
    seconds: float | None
    session_s: float | None


class SessionListed(msgspec.Struct, kw_only=True):
    """A session: who used what, from when to when. `address` is "" where none is kept.

    `source` told of it, "" where it was made of requests. `state` is "live" for one that may still go on, else "ended".
    `name` and `language`, here and below, are those of the object in the catalogue of modules, absent if it has none.
    """

    id: int
    subject: str
    address: str
    object: str
    start: str
    end: str
    seconds: float
    requests: int
    source: str
    state: str
    name: str | UnsetType = UNSET
    language: str | UnsetType = UNSET


class SessionLive(msgspec.Struct, kw_only=True):
    """A session that goes on. `seconds` are whole, from its start to now, or to when its counter was stopped.

    It stops (`idle`) where nothing has come for half of the time after which it will have ended at `last`. `limit` are
    the minutes for which its object may be used at a time, None without a limit.
    """

    id: int
    subject: str
    address: str
    object: str
    start: str
    last: str
    seconds: int
    idle: bool
    requests: int
    source: str
    limit: int | None = None
    name: str | UnsetType = UNSET
    language: str | UnsetType = UNSET


class LiveTotals(msgspec.Struct, kw_only=True):
    """How many use something now, how many objects are used, and the sessions that began today, None if unknown."""

    subjects: int
    objects: int
    sessions_today: int | None


class Point(msgspec.Struct, kw_only=True):
    """A bucket of a series that starts at `t`, with the measures that are asked for.

    Percentiles of the duration are in milliseconds. Visits, of hours and days, are None where they are not all there.
    """

    t: str
    requests: int | UnsetType
    visitors: int | UnsetType
    bots: int | UnsetType
    errors: int | UnsetType
    duration_ms: float | UnsetType | None
    bytes: int | UnsetType
    p50_ms: float | UnsetType | None = UNSET
    p95_ms: float | UnsetType | None = UNSET
    p99_ms: float | UnsetType | None = UNSET
    visits: int | UnsetType | None = UNSET
    bounces: int | UnsetType | None = UNSET
    previous: Point | UnsetType | None = UNSET


class Summary(msgspec.Struct, kw_only=True):
    """The totals of a period; percentiles of the duration in milliseconds, None without any.

    `pages` are page requests, `visit_s` and `median_visit_s` the mean and the median length of a visit in seconds, None
    without any. All five are None without the view that they are read from.
    """

    requests: int
    visitors: int
    bots: int
    errors: int
    bytes: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    visits: int | None = None
    bounces: int | None = None
    pages: int | None = None
    visit_s: float | None = None
    median_visit_s: float | None = None
    previous: Summary | UnsetType | None = UNSET


class Location(msgspec.Struct, kw_only=True):
    """A place in degrees, how many of the latest requests came from it and failed, and when the latest did."""

    lat: float
    lon: float
    city: str
    country: str
    requests: int
    errors: int
    latest: str


class LedgerRow(msgspec.Struct, kw_only=True):
    """A run of a source: sent = stored + repeated + rejected + missing, in events.

    `reasons` says why events were rejected. `lost` is what the sender reported lost, by reason: part of `missing`.
    `refused` counts envelopes that were refused as a whole. `key` opened the last envelope; `old_key` says that it is
    not the web service's newest one.
    """

    source: str
    run: str
    first_seen: str
    last_seen: str
    sent: int
    stored: int
    repeated: int
    rejected: int
    reasons: dict[str, int]
    missing: int
    lost: dict[str, int]
    refused: int
    closed: bool
    unconfirmed: bool
    key: int | None
    old_key: bool


class LedgerTotals(msgspec.Struct, kw_only=True):
    """The sums over all runs; `unconfirmed` counts runs, and so does `old_key`, without those that have closed."""

    sent: int
    stored: int
    repeated: int
    rejected: int
    reasons: dict[str, int]
    missing: int
    lost: dict[str, int]
    refused: int
    unconfirmed: int
    old_key: int


class Annotation(msgspec.Struct, kw_only=True):
    """What somebody noted at the moment `t`; `by` is his user name, None once the account is gone."""

    id: int
    t: str
    text: str
    by: str | None
    created: str


def row(key: str | None, measures: Measures) -> Row:
    """A row of a ranking; with the key None that of everything else."""
    return Row(
        key=key,
        other=True if key is None else UNSET,
        requests=measures.requests,
        visitors=measures.visitors,
        bots=measures.bots,
        errors=measures.errors,
        duration_ms=mean_ms(measures),
        bytes=measures.bytes,
    )


def figures(measures: Measures) -> Figures:
    """What was counted."""
    return Figures(
        requests=measures.requests,
        visitors=measures.visitors,
        bots=measures.bots,
        errors=measures.errors,
        duration_ms=mean_ms(measures),
        bytes=measures.bytes,
    )


def visit_row(key: str | None, measures: Measures) -> VisitRow:
    """A row of a ranking of visits; with the key None that of everything else."""
    return VisitRow(
        key=key,
        other=True if key is None else UNSET,
        visits=measures.requests,
        bounces=measures.errors,
        pages=measures.bytes,
        visit_s=mean_visit_s(measures),
    )


def visit_figures(measures: Measures) -> VisitFigures:
    """What was counted of visits."""
    return VisitFigures(
        visits=measures.requests,
        bounces=measures.errors,
        pages=measures.bytes,
        visit_s=mean_visit_s(measures),
    )


def session_figures(measures: Measures) -> SessionFigures:
    """What was counted of sessions."""
    return SessionFigures(
        sessions=measures.requests,
        seconds=measures.duration_us / 1_000_000,
        session_s=mean_visit_s(measures),
        requests=measures.bytes,
    )


def session_row(key: str | None, measures: Measures) -> SessionRow:
    """A row of a ranking of sessions; with the key None that of everything else."""
    return SessionRow(
        key=key,
        other=True if key is None else UNSET,
        sessions=measures.requests,
        seconds=measures.duration_us / 1_000_000,
        session_s=mean_visit_s(measures),
        requests=measures.bytes,
    )


def point(t: str, measures: Measures, spread: Sequence[float | None] | None = None) -> Point:
    """A bucket of a series; `spread` are its 50th, 95th and 99th percentile, if they are asked for."""
    p50_ms, p95_ms, p99_ms = (UNSET, UNSET, UNSET) if spread is None else spread
    return Point(
        t=t,
        requests=measures.requests,
        visitors=measures.visitors,
        bots=measures.bots,
        errors=measures.errors,
        duration_ms=mean_ms(measures),
        bytes=measures.bytes,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
    )


def leave_out(points: Sequence[Point], names: Collection[str]) -> None:
    """Take measures out of the buckets of a series."""
    for one in points:
        for name in names:
            setattr(one, name, UNSET)


def mean_ms(measures: Measures) -> float | None:
    """The mean duration in milliseconds of the events that have one, to the microsecond; None without any."""
    if not measures.timed:
        return None
    return round(measures.duration_us / measures.timed / 1000, 3)


def mean_visit_s(measures: Measures) -> float | None:
    """The mean length of the visits in seconds, to the millisecond; None without any."""
    return round(measures.duration_us / measures.timed / 1_000_000, 3) if measures.timed else None
