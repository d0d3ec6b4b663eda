# SPDX-License-Identifier: GPL-3.0-or-later
"""Events, envelopes, views and periods for the contract's tests, written in few words."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
from typing import Any

from tmon.server.calendar import Calendar
from tmon.server.catalogue import View
from tmon.server.events import NO_CAMPAIGN, NOWHERE, Agent, Campaign, Event, Place, Referrer, Rejected
from tmon.server.store.base import Envelope, Filter, Grain, Limits, Measures, Period, Ranking, Span

WSID = 7
SMALL = Limits(hour_keys=4, day_keys=2, quarantine_rows=3)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def zone(name: str) -> Calendar:
    return Calendar([(-math.inf, name)])


VIENNA = zone("Europe/Vienna")
KATHMANDU = zone("Asia/Kathmandu")
ST_JOHNS = zone("America/St_Johns")
LORD_HOWE = zone("Australia/Lord_Howe")


def s(text: str) -> int:
    """Unix seconds of an ISO 8601 time; without an offset it is UTC."""
    moment = dt.datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())


def ms(text: str) -> int:
    """Unix milliseconds of an ISO 8601 time."""
    return s(text) * 1000


NOW = ms("2026-11-23T12:00")
"""A Monday, 13:00 in Vienna. Envelopes are received then unless a test says otherwise."""

COUNTRY = View("country", "Countries", "country", visitors="first")
PAGE = View("url", "Pages", "url")
STATUS = View("status", "Status", "status")
USERNAME = View("username", "Users", "username")
METHOD = View("method", "Methods", "method", visitors="none")


def event(at: str | int = "2026-11-23T11:00", *, calendar: Calendar = VIENNA, **fields: Any) -> Event:
    """An event at an ISO time or Unix milliseconds, in words of the reading API where they are shorter."""
    ts_ms = at if isinstance(at, int) else ms(at)
    place = {name: fields.pop(name) for name in ("country", "region", "city", "lat", "lon") if name in fields}
    agent = {
        name: fields.pop(name)
        for name in ("useragent", "os", "browser", "device", "model", "bot")
        if name in fields
    }
    campaign = {
        name.removeprefix("utm_"): fields.pop(name) for name in list(fields) if name.startswith("utm_")
    }
    if "referrer" in fields:
        fields["referrer"] = Referrer(fields.pop("referrer"), fields.pop("referrer_site", ""))
    return Event(
        ts_ms=ts_ms,
        hour=calendar.hour(ts_ms / 1000),
        place=Place(**place) if place else NOWHERE,
        agent=Agent(**agent),
        campaign=Campaign(**campaign) if campaign else NO_CAMPAIGN,
        **fields,
    )


_serial = itertools.count()


def identity(wsid: int, name: object) -> bytes:
    """An envelope's id, as different per web service as a real one."""
    return hashlib.sha256(f"{wsid}:{name}".encode()).digest()[:16]


def envelope(
    *events: Event, wsid: int = WSID, name: object = None, received_ms: int = NOW, **fields: Any
) -> Envelope:
    """An envelope; those with the same `name` are the same envelope sent again."""
    name = f"serial {next(_serial)}" if name is None else name
    return Envelope(
        wsid=wsid, id=identity(wsid, name), received_ms=received_ms, events=list(events), **fields
    )


def rejected(index: int = 0, error: str = "url is missing", reason: str = "missing") -> Rejected:
    return Rejected(index, error, reason)


def by_name(*views: View) -> dict[str, View]:
    return {view.name: view for view in views}


def period(
    start: str | int,
    end: str | int,
    grain: Grain = "day",
    *filters: Filter,
    wsid: int = WSID,
    calendar: Calendar = VIENNA,
    spans: tuple[Span, ...] | None = None,
) -> Period:
    """A period that is answered from buckets of one grain, unless `spans` are given."""
    first = start if isinstance(start, int) else s(start)
    last = end if isinstance(end, int) else s(end)
    return Period(
        wsid=wsid,
        start=first,
        end=last,
        day_start=calendar.day(first).start,
        day_end=calendar.day(last - 1).end,
        spans=(Span(grain, first, last),) if spans is None else spans,
        filters=filters,
    )


TODAY = period("2026-11-22T23:00", "2026-11-23T23:00")
"""The local day of NOW, in Vienna."""


def requests(ranking: Ranking) -> dict[str, int]:
    """Keys and their requests, in the ranking's order."""
    return {key: measures.requests for key, measures in ranking.rows}


def visitors(ranking: Ranking) -> dict[str, int]:
    return {key: measures.visitors for key, measures in ranking.rows}


def counted(series: dict[int, Measures]) -> dict[str, int]:
    """Bucket starts as UTC times and their requests."""
    return {
        dt.datetime.fromtimestamp(start, dt.UTC).isoformat(timespec="minutes")[:16]: measures.requests
        for start, measures in sorted(series.items())
    }
