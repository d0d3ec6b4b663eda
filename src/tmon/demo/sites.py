# SPDX-License-Identifier: GPL-3.0-or-later
"""The three web services of the demo, all of a made-up maker of outdoor gear: a shop, a documentation, an API."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from . import agents, rhythm
from .agents import Agents
from .rhythm import Rhythm

Weighted = tuple[tuple[str, float], ...]


class Page(NamedTuple):
    """Something that can be asked for."""

    path: str
    weight: float
    median_ms: float
    bytes: int
    assets: tuple[int, ...] = ()
    """Places in the site's list of assets."""
    method: str = "GET"
    login: bool = False
    """Whether it is for users who are logged in."""


class Audience(NamedTuple):
    """People or programs that use a site alike."""

    share: float
    """Of the site's visits."""
    agents: Agents
    rhythm: Rhythm
    countries: tuple[tuple[str, float], ...]
    """ISO codes and weights; empty: crawlers, who sit elsewhere."""
    pages: float
    """Pages of a visit in the mean."""
    pause_s: float
    """Seconds between two pages in the mean."""
    users: float = 0.0
    """Share of visitors who have a user name."""
    elsewhere: float = 0.0
    """Share of visits that come from a page elsewhere."""
    loads_assets: bool = True


class Site(NamedTuple):
    """A web service of the demo."""

    name: str
    host: str
    zone: str
    visits_per_day: float
    """Just before the surge; a month before the demo's start it is two fifths of this."""
    visitors: int
    surge: float
    """By how much what is sent live exceeds what the days before had at that hour."""
    audiences: tuple[Audience, ...]
    pages: tuple[Page, ...]
    assets: tuple[tuple[str, int], ...]
    """Paths and bytes."""
    referrers: Weighted
    campaigns: Weighted
    """Query strings, used by one visit from elsewhere in six."""
    surge_campaign: str
    """The campaign that brings the surge."""
    users: tuple[str, ...]
    statuses: tuple[tuple[int, float], ...]
    trouble: tuple[tuple[int, float], ...]
    """Statuses during the incident."""
    trouble_slower: float
    """By how much answers take longer during the incident."""


_PRODUCTS: Final = tuple(
    f"{adjective}-{noun}"
    for noun in (
        "tent",
        "stove",
        "rucksack",
        "lantern",
        "hammock",
        "boots",
        "parka",
        "flask",
        "compass",
        "rope",
    )
    for adjective in ("alder", "birch", "cedar", "hazel", "juniper", "larch", "rowan", "willow")
)
_CATEGORIES: Final = ("tents", "cooking", "packs", "light", "clothing", "footwear", "climbing", "sale")
_SEARCHES: Final = ("warm+parka", "tent+2+persons", "gas+stove", "waterproof+boots", "rope+60m", "head+torch")
_CHAPTERS: Final = {
    "start": ("install", "first-steps", "upgrade"),
    "guide": (
        "accounts",
        "orders",
        "webhooks",
        "pagination",
        "errors",
        "idempotency",
        "rate-limits",
        "testing",
    ),
    "reference": ("orders", "items", "customers", "shipments", "refunds", "events", "authentication"),
    "sdk": ("python", "javascript", "go", "java", "php"),
}


def _zipf(rank: int) -> float:
    return 1.0 / math.pow(rank + 2, 0.9)


SHOP: Final = Site(
    name="shop",
    host="shop.larkfield.example",
    zone="Europe/Vienna",
    visits_per_day=2_700,
    visitors=9_000,
    surge=4.0,
    audiences=(
        Audience(
            share=0.52,
            agents=agents.PHONES,
            rhythm=rhythm.LEISURE,
            countries=(
                *(("DE", 38), ("AT", 19), ("CH", 9), ("NL", 6), ("IT", 6), ("FR", 6), ("PL", 5)),
                *(("CZ", 4), ("GB", 4), ("ES", 3), ("SE", 2), ("US", 2)),
            ),
            pages=3.4,
            pause_s=32,
            users=0.10,
            elsewhere=0.62,
        ),
        Audience(
            share=0.37,
            agents=agents.DESKTOPS,
            rhythm=rhythm.LEISURE,
            countries=(
                *(("DE", 36), ("AT", 20), ("CH", 11), ("NL", 7), ("IT", 5), ("FR", 6), ("PL", 4)),
                *(("CZ", 3), ("GB", 5), ("ES", 2), ("SE", 3), ("US", 3)),
            ),
            pages=4.6,
            pause_s=38,
            users=0.16,
            elsewhere=0.5,
        ),
        Audience(
            share=0.11,
            agents=agents.CRAWLERS,
            rhythm=rhythm.ALWAYS,
            countries=(),
            pages=9,
            pause_s=6,
            loads_assets=False,
        ),
    ),
    pages=(
        Page("/", 9, 60, 21_400, (0, 1, 2, 3, 4)),
        *(
            Page(f"/c/{name}", 3 * _zipf(rank) * 8, 85, 32_800, (0, 1, 2, 5))
            for rank, name in enumerate(_CATEGORIES)
        ),
        *(
            Page(f"/p/{name}", 10 * _zipf(rank), 70, 27_300, (0, 1, 2, 6 + rank % 10))
            for rank, name in enumerate(_PRODUCTS)
        ),
        *(Page(f"/search?q={text}", 1.1, 140, 18_900, (0, 1, 2)) for text in _SEARCHES),
        Page("/cart", 4.5, 75, 12_100, (0, 1, 2)),
        Page("/cart/items", 3.2, 95, 640, method="POST"),
        Page("/checkout", 1.8, 180, 15_700, (0, 1, 2)),
        Page("/checkout/pay", 1.1, 620, 910, method="POST"),
        Page("/account", 2.2, 90, 11_800, (0, 1, 2), login=True),
        Page("/account/orders", 2.0, 120, 14_300, (0, 1, 2), login=True),
        Page("/journal/winter-hut-tour", 1.6, 55, 41_200, (0, 1, 2, 7)),
        Page("/journal/how-to-wax-a-jacket", 1.0, 55, 36_500, (0, 1, 2, 8)),
    ),
    assets=(
        ("/static/shop.4be1c09a.css", 38_400),
        ("/static/shop.90d2f7e3.js", 121_000),
        ("/static/fonts/larkfield.woff2", 44_600),
        ("/static/img/hero-winter.webp", 186_000),
        ("/static/img/logo.svg", 3_100),
        ("/static/img/categories.webp", 92_000),
        *((f"/media/products/{number:02}.webp", 48_000 + 3_700 * number) for number in range(10)),
    ),
    referrers=(
        ("https://www.google.com/", 46),
        ("https://www.bing.com/", 6),
        ("https://duckduckgo.com/", 5),
        ("https://www.instagram.com/", 12),
        ("https://l.facebook.com/", 8),
        ("https://www.pinterest.com/", 5),
        ("https://www.bergwelten.example/test/die-besten-rucksaecke", 7),
        ("https://hikingforum.example/t/which-tent-for-two/5120", 4),
    ),
    campaigns=(
        ("utm_source=newsletter&utm_medium=email&utm_campaign=autumn-layers", 30),
        ("utm_source=google&utm_medium=cpc&utm_campaign=brand", 34),
        ("utm_source=google&utm_medium=cpc&utm_campaign=tents-dach", 16),
        ("utm_source=instagram&utm_medium=social&utm_campaign=hut-tour", 20),
    ),
    surge_campaign="utm_source=newsletter&utm_medium=email&utm_campaign=winter-sale",
    users=tuple(f"customer-{number}" for number in range(1001, 1601)),
    statuses=((200, 900), (304, 38), (301, 9), (302, 14), (404, 28), (403, 3), (500, 5), (503, 3)),
    trouble=((200, 840), (304, 20), (404, 20), (502, 70), (504, 50)),
    trouble_slower=5.0,
)

_READERS: Final = (
    *(("US", 25), ("IN", 15), ("DE", 9), ("GB", 7), ("BR", 6), ("FR", 5), ("JP", 5), ("CA", 5), ("PL", 4)),
    *(("NL", 4), ("KR", 3), ("AU", 3), ("ES", 3), ("ID", 3), ("MX", 2), ("SE", 2), ("TR", 2), ("SG", 2)),
    *(("NG", 1), ("ZA", 1), ("IT", 2), ("CH", 1)),
)

DOCS: Final = Site(
    name="docs",
    host="docs.larkfield.example",
    zone="UTC",
    visits_per_day=1_700,
    visitors=6_000,
    surge=4.0,
    audiences=(
        Audience(
            share=0.63,
            agents=agents.DESKTOPS,
            rhythm=rhythm.WORK,
            countries=_READERS,
            pages=4.2,
            pause_s=70,
            users=0.04,
            elsewhere=0.66,
        ),
        Audience(
            share=0.12,
            agents=agents.PHONES,
            rhythm=rhythm.LEISURE,
            countries=_READERS,
            pages=1.9,
            pause_s=50,
            elsewhere=0.8,
        ),
        Audience(
            share=0.25,
            agents=agents.CRAWLERS,
            rhythm=rhythm.ALWAYS,
            countries=(),
            pages=8,
            pause_s=5,
            loads_assets=False,
        ),
    ),
    pages=(
        Page("/", 7, 14, 9_800, (0, 1, 2)),
        *(
            Page(f"/{chapter}/{name}", 6 * _zipf(rank), 11, 14_200 + 900 * rank, (0, 1, 2))
            for chapter, names in _CHAPTERS.items()
            for rank, name in enumerate(names)
        ),
        Page("/search?q=webhook+signature", 0.8, 48, 6_100, (0, 1)),
        Page("/search?q=429", 0.6, 48, 5_700, (0, 1)),
        Page("/changelog", 1.2, 12, 38_800, (0, 1)),
    ),
    assets=(
        ("/assets/docs.1f0a77c2.css", 21_300),
        ("/assets/docs.77ab01de.js", 48_900),
        ("/assets/search-index.json", 162_000),
    ),
    referrers=(
        ("https://www.google.com/", 50),
        ("https://github.com/", 14),
        ("https://stackoverflow.com/", 10),
        ("https://duckduckgo.com/", 6),
        ("https://chatgpt.com/", 8),
        ("https://news.ycombinator.com/", 4),
        ("https://shop.larkfield.example/", 3),
    ),
    campaigns=(
        ("utm_source=github&utm_medium=readme&utm_campaign=sdk", 60),
        ("utm_source=newsletter&utm_medium=email&utm_campaign=developers", 40),
    ),
    surge_campaign="utm_source=newsletter&utm_medium=email&utm_campaign=api-v3",
    users=tuple(f"dev-{number}" for number in range(1, 61)),
    statuses=((200, 850), (304, 105), (301, 12), (404, 30), (500, 2), (503, 1)),
    trouble=((200, 850), (304, 105), (301, 12), (404, 30), (500, 2), (503, 1)),
    trouble_slower=1.0,
)

_RESOURCES: Final = ("orders", "items", "customers", "shipments", "refunds")

API: Final = Site(
    name="api",
    host="api.larkfield.example",
    zone="America/New_York",
    visits_per_day=2_100,
    visitors=3_000,
    surge=3.2,
    audiences=(
        Audience(
            share=0.66,
            agents=agents.APP,
            rhythm=rhythm.LEISURE,
            countries=(("US", 68), ("CA", 14), ("GB", 8), ("AU", 5), ("MX", 5)),
            pages=7,
            pause_s=9,
            users=0.8,
        ),
        Audience(
            share=0.34,
            agents=agents.PROGRAMS,
            rhythm=rhythm.MACHINES,
            countries=(
                ("US", 56),
                ("DE", 10),
                ("CA", 9),
                ("IN", 7),
                ("GB", 8),
                ("SG", 4),
                ("BR", 3),
                ("JP", 3),
            ),
            pages=8,
            pause_s=2,
            users=1.0,
        ),
    ),
    pages=(
        *(Page(f"/v2/{name}", 12 * _zipf(rank), 38, 7_400) for rank, name in enumerate(_RESOURCES)),
        *(
            Page(f"/v2/{name}/{100 * rank + number}", 14 * _zipf(rank) * _zipf(number), 24, 1_900)
            for rank, name in enumerate(_RESOURCES)
            for number in range(1, 40)
        ),
        Page("/v2/orders", 2.4, 92, 1_100, method="POST"),
        Page("/v2/shipments", 1.1, 110, 1_000, method="POST"),
        Page("/v2/customers/me", 5, 29, 1_250),
        Page("/v2/customers/me", 0.7, 66, 1_250, method="PATCH"),
        Page("/v2/refunds", 0.3, 130, 900, method="POST"),
        Page("/v2/session", 3, 48, 420, method="POST"),
        Page("/v2/events?after=latest", 4, 16, 310),
    ),
    assets=(),
    referrers=(),
    campaigns=(),
    surge_campaign="",
    users=tuple(f"account-{number}" for number in range(1, 241)),
    statuses=(
        *((200, 865), (201, 40), (204, 12), (304, 20), (400, 8), (401, 12), (404, 21), (409, 3)),
        *((422, 6), (429, 8), (500, 3), (503, 2)),
    ),
    trouble=(
        (200, 560),
        (201, 20),
        (401, 10),
        (404, 20),
        (429, 20),
        (500, 60),
        (502, 70),
        (503, 190),
        (504, 50),
    ),
    trouble_slower=14.0,
)

SITES: Final = (SHOP, DOCS, API)
