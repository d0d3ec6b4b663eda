# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers HTTP: the way in, the pages and the JSON API, live streams and operations; one per process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from socket import socket
from typing import Any, Final, Protocol

import structlog
from django.db import connections
from prometheus_client import CollectorRegistry, Counter

from tmon.server.collector import (
    PATH,
    Appender,
    Check,
    Collect,
    Collector,
    Failures,
    FiguresText,
    Front,
    Judge,
    Lives,
    Look,
    Operations,
    Pages,
    Refresher,
    accounts_away,
)
from tmon.server.collector.exchange import Exchange, Handler
from tmon.server.collector.live import PATH as LIVE
from tmon.server.dashboard import services
from tmon.server.dashboard.wsgi import application
from tmon.server.pipeline import Locator, Pipeline, SaltOf, known_salts, standard_steps
from tmon.server.store import Reader
from tmon.server.tenants import MISSING, Keyring, Salts, SaltsUnavailable, StoreAway
from tmon.server.writer import Commands, WriterError
from tmon.settings import Settings
from tmon.settings.paths import geoip_files

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 10.0
"""How long requests that are under way are waited for."""
WORKERS: Final = 2
"""Large envelopes that are decoded at a time."""
SILENT_S: Final = 10.0
CHANGED_S: Final = 120.0
"""How long the owner of the store may take to erase something, which goes through the log and waits for the views."""


class Owner(Protocol):
    """Who owns the event store, as those see it that collect and answer: in this process, or in another."""

    @property
    def writer(self) -> Appender:
        """Takes envelopes."""

    @property
    def checks(self) -> Sequence[Check]:
        """What /readyz asks about it."""

    def settle(self, seconds: float) -> bool:
        """Have the views reach the end of the log, for so long; whether they did. Blocks, on any thread."""


class Collecting:
    """All of it, for an `owner` and the `reader` of its store. `figures` are what /metrics shows."""

    def __init__(
        self,
        settings: Settings,
        owner: Owner,
        reader: Reader,
        keyring: Keyring,
        salts: Salts,
        registry: CollectorRegistry,
        figures: FiguresText,
    ) -> None:
        self.settings = settings
        self.keyring = keyring
        self._owner = owner
        self._registry = registry
        self._salts = salts
        copies = settings.data / "geoip" if settings.geoip else None
        self._locator = Locator(
            [settings.geoip] if settings.geoip else geoip_files(), copies, registry=registry
        )
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="decoding")
        self._refreshing = ThreadPoolExecutor(1, thread_name_prefix="refreshing")
        """Of its own: who asks with an unknown key does not wait for large envelopes."""
        self._pages = Pages(application())
        self._lives = Lives(self._pages, self._look, registry=registry)
        self._operations = Operations(
            figures,
            [*owner.checks, self._accounts],
            token=settings.metrics_token,
            trusted_proxies=settings.trusted_proxies,
        )
        self._front = self._make_front()
        self._commands = Commands(settings.data)
        services.wire(reader, owner.settle, keyring, ask=self._ask)

    def start(self, listeners: Sequence[socket], *, others: Sequence[socket] = ()) -> None:
        """Take connections from sockets that listen, and what waits at others'; the keyring has been started."""
        self._locator.start()
        self._front.listen(listeners, others=others)

    async def stop(self) -> None:
        """Answer what is under way."""
        await self._front.stop(PATIENCE_S)

    async def close(self) -> None:
        """Let go of everything, once the writer has stopped or is not needed any more."""
        await asyncio.to_thread(self._locator.stop)
        self._operations.stop()
        self._lives.stop()
        self._pages.stop()
        self._workers.shutdown()
        self._refreshing.shutdown()
        self._commands.close()

    # -- wiring -------------------------------------------------------------------------------------------------------

    def _make_front(self) -> Front:
        judge = Judge(
            Pipeline(standard_steps(self._locator)),
            partial(known_salts, self._salts),
            self._fetched_salts,
            fetch_many=self._fetch_salts,
        )
        collector = Collector(
            keyring=self.keyring,
            judge=judge,
            writer=self._owner.writer,
            refresher=Refresher(self.keyring.refresh, self._refreshing),
            workers=self._workers,
            failures=Failures(),
            trusted_proxies=self.settings.trusted_proxies,
            failed_opens=Counter(
                "tmon_failed_opens", "Envelopes that no key opened.", registry=self._registry
            ),
        )
        collect = partial(Collect, collector)
        operations = self._operations
        return Front(
            {
                PATH: collect,
                "/healthz": operations.healthz,
                "/readyz": operations.readyz,
                "/metrics": operations.metrics,
            },
            {f"{PATH}/": collect},
            self._route_page,
            debug=self.settings.debug,
            registry=self._registry,
        )

    def _route_page(self, exchange: Exchange) -> Handler:
        if LIVE.match(exchange.head.target):
            return self._lives.route(exchange)
        return self._pages.route(exchange)

    def _ask(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return self._commands.ask(command, CHANGED_S)
        except WriterError as error:
            raise StoreAway(str(error)) from error

    def _look(self, wsid: int, newest: int | None, most: int, tick: bool) -> Look:
        try:
            return Look(*services.wired().look(wsid, newest, most, tick))
        finally:
            connections.close_all()

    def _fetched_salts(self, wsid: int) -> SaltOf:
        def salt_of(day: int) -> bytes | None:
            salt = self._salts.cached(wsid, day)
            if salt is not MISSING:
                return salt
            try:
                return self._salts.fetch(wsid, day)
            except SaltsUnavailable as error:
                log.error("no salt", why=str(error))
                raise accounts_away() from error

        return salt_of

    def _fetch_salts(self, wsid: int, days: list[int]) -> None:
        try:
            self._salts.fetch_many(wsid, days)
        except SaltsUnavailable as error:
            log.error("no salts", why=str(error))
            raise accounts_away() from error

    def _accounts(self) -> str | None:
        silent_s = time.monotonic() - self.keyring.checked_at
        return f"the accounts database has not answered for {silent_s:.0f} s" if silent_s > SILENT_S else None


def start_keyring(keyring: Keyring) -> None:
    """Start it, on a thread that has no use for the accounts database afterwards. Raises django.db.Error."""
    try:
        keyring.start()
    finally:
        connections.close_all()
