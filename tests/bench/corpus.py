# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus `harbour-1`: believable traffic of a made-up site, the same in every run.

The site has 4 hosts, 4,000 pages (Zipf, exponent 0.95) and 160 assets. It is read by 250,000 people and bots behind
40,000 networks (7 of 10 an IPv4 /24, the rest an IPv6 /48, spread over all public addresses), some of whom come often;
1 in 12 is a bot. They use some 770 user agents, of which ten make up a quarter.

A visit of a person is an entry page, six of ten from elsewhere (of those one in nine through a campaign), some pages
after it with the page before as referrer, and the assets that the browser does not have yet: 8.8 requests in the mean.
A bot asks for pages only. One page in eight has a query. Statuses are 200 (88%), 304, 301, 302, 404, 403, 500 and 503;
durations are log-normal, with a median of 35 ms for pages and 3 ms for assets. One person in 30 is logged in, as one of
600 users. Visits follow the hours of the day (UTC), busiest at 20 h with eight times as many as at 4 h.
"""

from __future__ import annotations

import ipaddress
import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from random import Random
from typing import Any, Final, NamedTuple

from .user_agents import BOTS, PEOPLE, spelled_out

NAME: Final = "harbour-1"
VISITORS, NETWORKS, PAGES, ASSETS, USERS = 250_000, 40_000, 4_000, 160, 600
BOT_SHARE: Final = 1 / 12
PER_VISIT: Final = 8.77
"""Requests of a visit in the mean."""
BY_HOUR: Final = (
    3,
    2,
    1.5,
    1.2,
    1,
    1.3,
    2,
    3.4,
    5,
    6,
    6.5,
    6.6,
    6.2,
    6.4,
    6.5,
    6.4,
    6.2,
    6.4,
    6.9,
    7.6,
    8,
    7.5,
    6,
    4.4,
)
TABLE: Final = 1 << 16

WWW, SHOP, DOCS, API = (f"{name}.harbour.example" for name in ("www", "shop", "docs", "api"))
WORDS: Final = [
    "anchor",
    "bay",
    "beacon",
    "berth",
    "bridge",
    "buoy",
    "cabin",
    "cable",
    "cargo",
    "chart",
    "compass",
    "crane",
    "crew",
    "current",
    "deck",
    "dock",
    "drift",
    "engine",
    "ferry",
    "flag",
    "fleet",
    "fog",
    "freight",
    "gale",
    "galley",
    "harbour",
    "hatch",
    "hull",
    "island",
    "jetty",
    "keel",
    "knot",
    "lagoon",
    "lantern",
    "ledger",
    "light",
    "lock",
    "mast",
    "mooring",
    "oar",
    "pier",
    "pilot",
    "port",
    "quay",
    "radar",
    "reef",
    "rigging",
    "river",
    "rope",
    "rudder",
    "sail",
    "salt",
    "shore",
    "signal",
    "sonar",
    "storm",
    "tide",
    "timber",
    "tow",
    "tug",
    "valve",
    "vessel",
    "voyage",
    "wake",
    "watch",
    "wave",
    "wharf",
    "winch",
    "wind",
    "yard",
]
ELSEWHERE: Final = (
    ("https://www.google.com/", 46),
    ("https://www.bing.com/", 9),
    ("https://duckduckgo.com/", 5),
    ("android-app://com.google.android.gm/", 1),
    ("https://t.co/", 3),
    ("https://www.facebook.com/", 3),
    ("https://lm.facebook.com/", 3),
    ("https://www.reddit.com/", 2),
    ("https://news.ycombinator.com/", 1),
    ("https://www.linkedin.com/", 2),
)
STATUSES: Final = ((200, 880), (304, 62), (301, 10), (302, 10), (404, 27), (403, 4), (500, 6), (503, 1))

Request = dict[str, Any]
"""An event of kind request as CONTRACT section 2 has it, with `ts` in Unix seconds."""


class _Page(NamedTuple):
    host: str
    path: str
    url: str
    """Absolute, as the next page's referrer."""
    size: int
    assets: tuple[int, ...]


class _Visitor(NamedTuple):
    ip: str
    useragent: str
    bot: bool
    username: str | None


class Corpus:
    """The site and its visitors. `requests` may be called again and goes on with the same generator."""

    def __init__(self, visitors: int = VISITORS) -> None:
        self._random = random = Random(NAME)
        self._assets = [_asset(random, number) for number in range(ASSETS)]
        self._pages = [_page(random, number) for number in range(PAGES)]
        self._zipf = _table(random, range(PAGES), [1 / (rank + 1) ** 0.95 for rank in range(PAGES)])
        self._statuses = _table(random, *zip(*STATUSES, strict=True))
        self._referrers = _table(random, *_elsewhere(random))
        self._campaigns = [_campaign(random) for _ in range(60)]
        self._visitors = list(_visitors(random, visitors))
        self._searches = [f"q={random.choice(WORDS)}+{random.choice(WORDS)}" for _ in range(1_500)]

    def requests(self, count: int, start: float, end: float) -> Iterator[Request]:
        """`count` requests in the order of their times, which are from `start` to `end` (Unix seconds)."""
        waiting: list[tuple[float, int, Request]] = []
        made = given = 0
        owed = 0.0
        for first, last, share in _hours(start, end):
            owed += ((count - made) / PER_VISIT - owed) * share
            visits = int(owed)
            owed -= visits
            for begin in sorted(first + (last - first) * self._random.random() for _ in range(visits)):
                while waiting and waiting[0][0] < begin and given < count:
                    yield heappop(waiting)[2]
                    given += 1
                for request in self._visit(begin):
                    if request["ts"] < end:
                        made += 1
                        heappush(waiting, (request["ts"], made, request))
        latest = start
        while given < count:
            if not waiting:
                for request in self._visit(latest):
                    made += 1
                    heappush(waiting, (request["ts"], made, request))
            request = heappop(waiting)[2]
            latest = request["ts"] = min(request["ts"], end)
            yield request
            given += 1

    def _visit(self, begin: float) -> Iterator[Request]:
        random = self._random.random
        visitor = self._visitors[int(len(self._visitors) * random() ** 1.4)]
        if visitor.bot:
            yield from self._crawl(visitor, begin)
            return
        ts, referrer, query = begin, None, None
        if random() < 0.6:
            referrer = self._referrers[int(random() * TABLE)]
            if random() < 0.11:
                query = self._campaigns[int(random() * len(self._campaigns))]
        cached: set[int] = set()
        while True:
            page = self._pages[self._zipf[int(random() * TABLE)]]
            if query is None and random() < 0.115:
                query = self._query(page)
            yield self._request(visitor, ts, page.host, page.path, query, page.size, referrer, 3.55)
            at = ts
            for number in page.assets:
                if number not in cached:
                    cached.add(number)
                    path, size = self._assets[number]
                    at += 0.02 + 0.2 * random()
                    yield self._request(visitor, at, WWW, path, None, size, page.url, 1.1)
            if random() < 0.37:
                return
            referrer, query = page.url, None
            ts = at + 3 + 40 * random() ** 3 / (0.05 + random())

    def _crawl(self, visitor: _Visitor, begin: float) -> Iterator[Request]:
        random = self._random.random
        ts = begin
        while True:
            page = self._pages[int(random() * PAGES)]
            yield self._request(visitor, ts, page.host, page.path, None, page.size, None, 3.55)
            if random() < 0.11:
                return
            ts += 1 + 9 * random()

    def _query(self, page: _Page) -> str:
        random = self._random.random
        if page.host == SHOP:
            return f"page={1 + int(12 * random() ** 2)}&sort=price"
        return self._searches[int(random() ** 2 * len(self._searches))]

    def _request(
        self,
        visitor: _Visitor,
        ts: float,
        host: str,
        path: str,
        query: str | None,
        size: int,
        referrer: str | None,
        log_ms: float,
    ) -> Request:
        random = self._random
        status = self._statuses[int(random.random() * TABLE)]
        request: Request = {
            "ts": round(ts, 3),
            "url": path if query is None else f"{path}?{query}",
            "host": host,
            "method": "POST" if host == API and random.random() < 0.4 else "GET",
            "status": status,
            "duration_ms": round(random.lognormvariate(log_ms, 0.9), 3),
            "bytes": size if status == 200 else 0 if status == 304 else 512,
            "ip": visitor.ip,
            "useragent": visitor.useragent,
        }
        if referrer is not None:
            request["referrer"] = referrer
        if visitor.username is not None:
            request["username"] = visitor.username
        return request


def _hours(start: float, end: float) -> Iterator[tuple[float, float, float]]:
    """The hours of a period, as (from, to, which share of what is still to come falls into it)."""
    edges = [start, *range(math.floor(start / 3600 + 1) * 3600, math.ceil(end), 3600), end]
    hours = list(pairwise(edges))
    weights = [BY_HOUR[int(first // 3600) % 24] * (last - first) for first, last in hours]
    rest = sum(weights)
    for (first, last), weight in zip(hours, weights, strict=True):
        yield first, last, weight / rest if rest > weight else 1.0
        rest -= weight


def _table(random: Random, values: Sequence[Any], weights: Sequence[float]) -> list[Any]:
    """2^16 of the values, each as often as its weight asks for, so that one random number picks one."""
    bounds = list(accumulate(weights))
    last = len(values) - 1
    return [values[min(last, bisect(bounds, bounds[-1] * (place + 0.5) / TABLE))] for place in range(TABLE)]


def _slug(random: Random) -> str:
    return "-".join(random.sample(WORDS, random.randint(2, 4)))


def _asset(random: Random, number: int) -> tuple[str, int]:
    kind = random.choice(("js", "css", "png", "png", "webp", "webp", "svg", "woff2"))
    folder = {"js": "js", "css": "css", "woff2": "fonts"}.get(kind, "img")
    digest = f".{random.getrandbits(32):08x}" if kind in ("js", "css") else ""
    return f"/static/{folder}/{random.choice(WORDS)}-{number}{digest}.{kind}", int(
        random.lognormvariate(9.5, 1.0)
    )


def _page(random: Random, number: int) -> _Page:
    kind = random.random()
    if number == 0:
        host, path = WWW, "/"
    elif kind < 0.45:
        host, path = SHOP, f"/{random.choice(WORDS)}/{_slug(random)}-{number}"
    elif kind < 0.72:
        host, path = DOCS, f"/{random.choice(('guide', 'reference', 'howto'))}/{_slug(random)}"
    elif kind < 0.95:
        host, path = WWW, f"/blog/{random.randint(2015, 2026)}/{random.randint(1, 12):02}/{_slug(random)}"
    else:
        host, path = API, f"/v1/{random.choice(WORDS)}s/{number}"
    common = (0, 1, 2, 3) if host != API else ()
    own = tuple(sorted(random.sample(range(4, ASSETS), random.randint(0, 2)))) if common else ()
    return _Page(host, path, f"https://{host}{path}", int(random.lognormvariate(9.8, 0.7)), common + own)


def _elsewhere(random: Random) -> tuple[list[str], list[float]]:
    """Referrers of entry pages: a few sites that everyone has, and 2,500 links from 700 sites in a long tail."""
    known: list[tuple[str, float]] = [(url, float(weight)) for url, weight in ELSEWHERE]
    sites = [
        f"https://{_slug(random)}.{random.choice(('org', 'net', 'com', 'de', 'io'))}" for _ in range(700)
    ]
    known += [(f"{random.choice(sites)}/{_slug(random)}", 26 / (rank + 8)) for rank in range(2_500)]
    return [url for url, _ in known], [weight for _, weight in known]


def _campaign(random: Random) -> str:
    source, medium = random.choice(
        (("newsletter", "email"), ("google", "cpc"), ("facebook", "social"), ("partner", "referral"))
    )
    return (
        f"utm_source={source}&utm_medium={medium}&utm_campaign={_slug(random)}-{random.randint(2024, 2026)}"
    )


def _visitors(random: Random, count: int) -> Iterator[_Visitor]:
    people, bots = (_table(random, *spelled_out(forms)) for forms in (PEOPLE, BOTS))
    networks = [
        _ipv4_network(random) if random.random() < 0.7 else _ipv6_network(random) for _ in range(NETWORKS)
    ]
    for _ in range(count):
        network = networks[int(NETWORKS * random.random() ** 2)]
        if ":" in network:
            ip = f"{network}:{random.randrange(1, 1 << 12):x}:" + ":".join(
                f"{random.randrange(1, 1 << 16):x}" for _ in range(4)
            )
        else:
            ip = f"{network}.{random.randint(1, 254)}"
        bot = random.random() < BOT_SHARE
        agents = bots if bot else people
        username = f"user-{random.randrange(USERS):03}" if not bot and random.random() < 1 / 30 else None
        yield _Visitor(ip, agents[int(random.random() * TABLE)], bot, username)


def _ipv4_network(random: Random) -> str:
    while True:
        network = random.randrange(1 << 16, 224 << 16)
        if ipaddress.IPv4Address(network << 8).is_global:
            return ".".join(str(network >> shift & 255) for shift in (16, 8, 0))


def _ipv6_network(random: Random) -> str:
    first = random.choice((0x2001, 0x2003, 0x2400, 0x2401, 0x2404, 0x2405, 0x2406, 0x2408, 0x2409, 0x240E))
    if random.random() < 0.75:
        first = random.choice(
            (0x2600, 0x2601, 0x2603, 0x2605, 0x2607, 0x2800, 0x2804, *range(0x2A00, 0x2A10), 0x2C0F)
        )
    return f"{first:x}:{random.randrange(0x400, 1 << 16):x}:{random.randrange(1, 1 << 16):x}"
