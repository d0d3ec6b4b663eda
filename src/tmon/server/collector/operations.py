# SPDX-License-Identifier: GPL-3.0-or-later
"""/healthz, /readyz and /metrics, for those who operate the server."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from tmon.settings.proxies import TrustedProxies, client_address

from .answers import Answer, of_content
from .exchange import Exchange, Head
from .refusals import Refusal

log = structlog.get_logger(__name__)

CHECK_S: Final = 5.0
"""What a check takes longer than counts as failed."""
FORWARDED: Final = ("x-forwarded-for", "x-real-ip", "forwarded")

Check = Callable[[], str | None]
"""Returns why the server cannot do its work, None if it can. May block."""
FiguresText = Callable[[], bytes]
"""Returns the figures in Prometheus' text format. May block."""


class Operations:
    """The three routes. `checks` decide about /readyz; `token` opens /metrics from elsewhere than this machine."""

    def __init__(
        self,
        figures: FiguresText,
        checks: Iterable[Check],
        *,
        token: str | None = None,
        trusted_proxies: TrustedProxies | None = None,
    ) -> None:
        self._figures = figures
        self._checks = tuple(checks)
        self._token = token
        self._trusted = trusted_proxies or TrustedProxies()
        # One of its own: the question whether others are stuck is not asked in a queue behind them.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="operations")

    def healthz(self, exchange: Exchange) -> Operation:
        """Whether the event loop runs: it answers."""
        return Operation(exchange, self._health)

    def readyz(self, exchange: Exchange) -> Operation:
        """Whether events can be taken, counted and read; 503 with the reasons if not."""
        return Operation(exchange, self._ready)

    def metrics(self, exchange: Exchange) -> Operation:
        """Figures in Prometheus' text format; 403 for those who may not see them."""
        return Operation(exchange, self._metrics)

    def stop(self) -> None:
        """End the threads, without waiting for a check that is stuck."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _health(self, exchange: Exchange) -> Answer:
        return of_content(200, {"status": "alive"})

    async def _ready(self, exchange: Exchange) -> Answer:
        reasons = ["the server is stopping"] if exchange.front.stopping else []
        try:
            async with asyncio.timeout(CHECK_S):
                found = await asyncio.gather(*(self._off_loop(check) for check in self._checks))
            reasons += [reason for reason in found if reason]
        except TimeoutError:
            reasons.append("a check does not end: the store or the accounts database is stuck")
        if reasons:
            return of_content(503, {"status": "not ready", "reasons": reasons}, {"Retry-After": "5"})
        return of_content(200, {"status": "ready"})

    async def _metrics(self, exchange: Exchange) -> Answer:
        if not self._may_see_metrics(exchange):
            return of_content(
                403, {"message": "metrics are for this machine, or for who has TMON_METRICS_TOKEN"}
            )
        text = await self._off_loop(self._figures)
        return Answer(200, text, content_type=CONTENT_TYPE_LATEST)

    def _may_see_metrics(self, exchange: Exchange) -> bool:
        headers, peer = exchange.headers, exchange.peer
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self._token and scheme.lower() == "bearer":
            return hmac.compare_digest(given.strip().encode(), self._token.encode())
        if peer not in self._trusted and any(name in headers for name in FORWARDED):
            return False  # a proxy on this machine that nobody declared: its clients are not this machine
        try:
            return ipaddress.ip_address(client_address(peer, headers, self._trusted)).is_loopback
        except ValueError:
            return False

    async def _off_loop(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class Operation:
    """One GET request for an operation."""

    most = 64 * 1024
    allow = "GET, HEAD"

    def __init__(self, exchange: Exchange, work: Callable[[Exchange], Coroutine[Any, Any, Answer]]) -> None:
        self._exchange = exchange
        self._work = work

    def begin(self, head: Head) -> None:
        """Nothing to judge before the end."""

    def data(self, chunk: bytes) -> None:
        """No body is read."""

    def end(self) -> None:
        """Answer GET and HEAD."""
        if self._exchange.head.method in {"GET", "HEAD"}:
            self._exchange.front.spawn(self._run())
        else:
            self._exchange.refuse(Refusal(405, "this is read with GET", allow=self.allow))

    def gone(self) -> None:
        """Nobody waits for an answer."""

    async def _run(self) -> None:
        with self._exchange.answering():
            self._exchange.answer(await self._work(self._exchange))
