# SPDX-License-Identifier: GPL-3.0-or-later
"""What the visitors of a site ask for, hour by hour: no I/O, no clock, the same events for the same Plan.

An hour's events do not depend on which hours were made before, so that a sender can begin anywhere.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from .places import COUNTRIES, CRAWLERS, Addresses
from .rhythm import DAY_S, HOUR_S, SURGE_DAYS, course
from .sites import Audience, Page, Site

Event = dict[str, object]
"""A request with `ts` in Unix seconds, and `offset`, its place in the site's stream."""

OFFSETS_PER_HOUR: Final = 1 << 20
TABLE: Final = 4_096
LATENCY_SIGMA: Final = 0.6
ASSET_MS: Final = 4
CRAWLER_COUNT: Final = 90
INCIDENT_HOUR: Final = 14
INCIDENT_ZONE: Final = "America/New_York"
INCIDENT_BEFORE_S: Final = 20 * HOUR_S

Value = TypeVar("Value")


class Plan(NamedTuple):
    """What a demo is made from."""

    seed: int
    start: int
    """When the demo was made: a Unix second on the hour."""
    days: int
    """How many days before the start have traffic."""

    @property
    def first_hour(self) -> int:
        """The number, counted from 1970, of the first hour that has traffic."""
        return (self.start - self.days * DAY_S) // HOUR_S

    @property
    def stream(self) -> str:
        """The name of the streams that are made from this."""
        return f"demo {self.seed} {self.start} {self.days}"

    @property
    def incident(self) -> int:
        """The Unix second at which the hour begins in which much went wrong, 20 to 44 hours before the start."""
        zone = ZoneInfo(INCIDENT_ZONE)
        latest = dt.datetime.fromtimestamp(self.start - INCIDENT_BEFORE_S, zone)
        moment = latest.replace(hour=INCIDENT_HOUR, minute=0, second=0, microsecond=0)
        if moment > latest:
            moment -= dt.timedelta(days=1)
        return int(moment.timestamp())


class _Visitor(NamedTuple):
    ip: str
    useragent: str
    username: str | None


class _Crowd(NamedTuple):
    """Visitors of one audience in one country."""

    audience: Audience
    zone: str
    share: float
    visitors: tuple[_Visitor, ...]


class Traffic:
    """The requests to one site."""

    def __init__(self, site: Site, plan: Plan) -> None:
        self.site = site
        self.plan = plan
        self._pages = _table(site.pages, [page.weight for page in site.pages])
        self._public = _table(site.pages, [0 if page.login else page.weight for page in site.pages])
        self._assets = [Page(path, 0, ASSET_MS, size) for path, size in site.assets]
        self._statuses = _table(*zip(*site.statuses, strict=True))
        self._trouble = _table(*zip(*site.trouble, strict=True))
        self._referrers = _table(*zip(*site.referrers, strict=True)) if site.referrers else []
        self._campaigns = _table(*zip(*site.campaigns, strict=True)) if site.campaigns else []
        normal = NormalDist()
        self._latency = [
            math.exp(LATENCY_SIGMA * normal.inv_cdf((place + 0.5) / TABLE)) for place in range(TABLE)
        ]
        self._crowds = list(_crowds(site, plan.seed))
        self._incident = plan.incident
        self._next = -1
        self._carried: list[Event] = []

    def hour(self, number: int) -> list[Event]:
        """The events of the hour with this number (from 1970), in the order of their times and offsets."""
        if number != self._next:
            self._carried = self._visits(number - 1)[1]
        own, later = self._visits(number)
        events = sorted(self._carried + own, key=_ts)
        for offset, event in enumerate(events, number * OFFSETS_PER_HOUR):
            event["offset"] = offset
        self._carried, self._next = later, number + 1
        return events

    def _visits(self, number: int) -> tuple[list[Event], list[Event]]:
        """What is asked for in visits that begin in the hour: in that hour, and in the next one.

        A visit ends with the next hour.
        """
        site, begin = self.site, number * HOUR_S
        random = Random(f"{self.plan.seed} {site.name} {number}")
        days = (begin - self.plan.start) / DAY_S
        visits_per_hour = site.visits_per_day / 24 * course(days, site.surge)
        surging = min(max((days + SURGE_DAYS) / SURGE_DAYS, 0.0), 0.6)
        busy: dict[tuple[int, str], float] = {}
        inside: list[Event] = []
        later: list[Event] = []
        for crowd in self._crowds:
            rhythm = (id(crowd.audience.rhythm), crowd.zone)
            if rhythm not in busy:
                busy[rhythm] = crowd.audience.rhythm.at(begin, crowd.zone)
            for _ in range(_poisson(random, visits_per_hour * crowd.share * busy[rhythm])):
                for event in self._visit(random, crowd, begin + HOUR_S * random.random(), surging):
                    ts = event["ts"]
                    assert isinstance(ts, float)
                    if ts < begin + HOUR_S:
                        inside.append(event)
                    elif ts < begin + 2 * HOUR_S:
                        later.append(event)
        return inside, later

    def _visit(self, source: Random, crowd: _Crowd, ts: float, surging: float) -> list[Event]:
        site, audience, random = self.site, crowd.audience, source.random
        visitor = crowd.visitors[int(len(crowd.visitors) * random() ** 1.5)]
        pages = self._pages if visitor.username else self._public
        referrer, query = self._entrance(source, audience, surging)
        loads = audience.loads_assets and random() < 0.6
        cached: set[int] = set()
        events: list[Event] = []
        while True:
            page = pages[int(random() * TABLE)]
            url = page.path if query is None else f"{page.path}{'&' if '?' in page.path else '?'}{query}"
            events.append(self._request(source, visitor, ts, page, url, referrer, visitor.username))
            here = f"https://{site.host}{page.path}"
            at = ts
            if loads:
                for place in page.assets:
                    if place not in cached:
                        cached.add(place)
                        at += 0.03 + 0.25 * random()
                        asset = self._assets[place]
                        events.append(self._request(source, visitor, at, asset, asset.path, here, None))
            if random() * audience.pages < 1:
                return events
            if audience.elsewhere:
                referrer = here
            query = None
            ts = at + audience.pause_s * (0.15 - math.log(1 - random()))

    def _entrance(self, source: Random, audience: Audience, surging: float) -> tuple[str | None, str | None]:
        """(referrer, query of a campaign) with which a visit begins."""
        random = source.random
        if random() >= audience.elsewhere:
            return None, None
        if random() < surging:
            query = self.site.surge_campaign
        elif random() < 1 / 6:
            query = self._campaigns[int(random() * TABLE)]
        else:
            return self._referrers[int(random() * TABLE)], None
        return (None if "medium=email" in query else self._referrers[int(random() * TABLE)]), query

    def _request(
        self,
        source: Random,
        visitor: _Visitor,
        ts: float,
        page: Page,
        url: str,
        referrer: str | None,
        username: str | None,
    ) -> Event:
        random = source.random
        duration_ms = page.median_ms * self._latency[int(random() * TABLE)]
        troubled = self._incident <= ts < self._incident + HOUR_S and not page.path.startswith("/static/")
        if troubled:
            status = self._trouble[int(random() * TABLE)]
            duration_ms *= 1 + (self.site.trouble_slower - 1) * random()
        else:
            status = self._statuses[int(random() * TABLE)]
        if status == (
            201 if page.method == "GET" else 304
        ):  # what is read makes nothing, what is made is new
            status = 200
        event: Event = {
            "ts": round(ts, 3),
            "url": url,
            "ip": visitor.ip,
            "useragent": visitor.useragent,
            "host": self.site.host,
            "method": page.method,
            "status": status,
            "duration_ms": round(duration_ms, 2),
            "bytes": page.bytes if status in (200, 201) else 0 if status in (204, 304) else 420,
        }
        if referrer is not None:
            event["referrer"] = referrer
        if username is not None:
            event["username"] = username
        return event


def _ts(event: Event) -> float:
    ts = event["ts"]
    assert isinstance(ts, float)
    return ts


def _crowds(site: Site, seed: int) -> list[_Crowd]:
    crowds = []
    for number, audience in enumerate(site.audiences):
        if not audience.countries:
            random = Random(f"{seed} {site.name} {number}")
            visitors = _visitors(random, CRAWLER_COUNT, CRAWLERS.networks, audience, site)
            crowds.append(_Crowd(audience, CRAWLERS.zone, audience.share, visitors))
            continue
        weights = sum(weight for _, weight in audience.countries)
        for code, weight in audience.countries:
            random = Random(f"{seed} {site.name} {number} {code}")
            share = audience.share * weight / weights
            count = math.ceil(site.visitors * share)
            visitors = _visitors(random, count, COUNTRIES[code].networks, audience, site)
            crowds.append(_Crowd(audience, COUNTRIES[code].zone, share, visitors))
    return crowds


def _visitors(
    random: Random, count: int, networks: tuple[str, ...], audience: Audience, site: Site
) -> tuple[_Visitor, ...]:
    addresses = Addresses(networks)
    useragents = _table(*zip(*audience.agents, strict=True))
    return tuple(
        _Visitor(
            addresses.draw(random),
            useragents[int(random.random() * TABLE)],
            random.choice(site.users) if random.random() < audience.users else None,
        )
        for _ in range(count)
    )


def _table(values: Sequence[Value], weights: Sequence[float]) -> list[Value]:
    """4,096 of the values, each as often as its weight asks for, so that one random number picks one."""
    bounds = list(accumulate(weights))
    last = len(values) - 1
    return [values[min(last, bisect(bounds, bounds[-1] * (place + 0.5) / TABLE))] for place in range(TABLE)]


def _poisson(random: Random, mean: float) -> int:
    """How many of rare things happen, `mean` in the mean; from 30 on by the normal distribution that comes close."""
    if mean >= 30:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count
