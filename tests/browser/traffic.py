# SPDX-License-Identifier: GPL-3.0-or-later
"""Plausible traffic from everywhere, the same at each run, and a way to have it reported to a server."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.integration.server_process import ServerProcess, WebService

# Addresses of public resolvers and of university networks, and what DB-IP says of them does not matter here.
ADDRESSES = [
    ("8.8.8.8", 30),
    ("2a00:1450:4001::1", 24),
    ("194.25.0.60", 40),
    ("141.20.1.1", 25),
    ("130.149.7.201", 20),
    ("80.58.61.250", 14),
    ("151.99.125.1", 16),
    ("129.132.1.1", 18),
    ("131.130.1.11", 22),
    ("147.32.1.1", 10),
    ("145.100.1.1", 19),
    ("130.237.72.1", 15),
    ("158.36.1.1", 9),
    ("192.38.7.1", 11),
    ("128.214.1.1", 12),
    ("212.159.1.1", 26),
    ("193.1.1.1", 8),
    ("134.226.1.1", 7),
    ("18.9.22.69", 20),
    ("128.32.1.1", 17),
    ("171.64.1.1", 13),
    ("142.1.1.1", 12),
    ("132.248.1.1", 9),
    ("143.107.1.1", 14),
    ("200.16.1.1", 6),
    ("146.155.1.1", 5),
    ("133.11.1.1", 18),
    ("166.104.1.1", 8),
    ("202.112.0.1", 11),
    ("103.21.124.1", 13),
    ("103.6.1.1", 5),
    ("150.203.1.1", 10),
    ("130.195.1.1", 4),
    ("146.141.1.1", 6),
    ("196.200.1.1", 3),
    ("192.168.1.20", 5),
]
AGENTS = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        30,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        26,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        24,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
        14,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 10),
    (
        "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
        5,
    ),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 8),
    ("curl/8.5.0", 3),
]
PAGES = [
    ("/", 40),
    ("/tides/hamburg", 34),
    ("/tides/aberdeen", 25),
    ("/map", 22),
    ("/tides/rotterdam?days=3", 20),
    ("/tides/bergen", 16),
    ("/wind/german-bight", 13),
    ("/tides/saint-malo", 12),
    ("/api/v2/tides.json?port=bergen", 11),
    ("/assets/chart-3fa91c.js", 9),
    ("/webcam/landungsbruecken.jpg", 6),
    ("/ports/ijmuiden", 4),
]
REFERRERS = [
    (None, 45),
    ("https://www.google.com/", 24),
    ("https://duckduckgo.com/", 7),
    ("https://www.bing.com/search?q=tides", 5),
    ("https://en.wikipedia.org/wiki/Tide", 3),
    ("https://www.reddit.com/r/sailing/", 2),
]
STATUSES = [(200, 92), (304, 5), (301, 1), (404, 2), (500, 0.4), (502, 0.2)]
METHODS = [("GET", 94), ("POST", 4), ("HEAD", 2)]


class Traffic:
    """Requests, one after the other."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def one(self, ts: float | None = None) -> dict[str, Any]:
        """A request at the Unix time `ts`, by default now."""
        chosen = self._random
        event: dict[str, Any] = {
            "url": self._of(PAGES),
            "ip": self._of(ADDRESSES),
            "useragent": self._of(AGENTS),
            "status": self._of(STATUSES),
            "method": self._of(METHODS),
            "duration_ms": round(chosen.lognormvariate(3.5, 0.8), 1),
            "bytes": int(chosen.lognormvariate(9.5, 1.2)),
            "host": "www.northpier.example",
            "ts": time.time() if ts is None else ts,
        }
        referrer = self._of(REFERRERS)
        if referrer:
            event["referrer"] = referrer
        return event

    def _of(self, weighed: list[tuple[Any, float]]) -> Any:
        return self._random.choices([value for value, _ in weighed], [weight for _, weight in weighed])[0]


def report(server: ServerProcess, service: WebService, events: list[dict[str, Any]]) -> None:
    """Have them reported, and see them accepted."""
    connection = server.connect()  # a kept one may have been idle for too long
    answer = connection.collect(service.wsid, service.seal(events))
    connection.close()
    assert answer.status == 200, answer
    assert answer.json()["accepted"] == len(events)
