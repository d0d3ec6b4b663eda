# SPDX-License-Identifier: GPL-3.0-or-later
"""A server in one process: every room made, wired, started in order and stopped in the opposite one."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import structlog
from django.db import Error, connections
from prometheus_client import CollectorRegistry, Counter, ProcessCollector

from tmon.server.collector import (
    PATH,
    Collect,
    Collector,
    Failures,
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
from tmon.server.core import Job, Periodic, close_days, expire, finish_deletions
from tmon.server.dashboard import services
from tmon.server.dashboard.wsgi import application
from tmon.server.pipeline import Locator, Pipeline, SaltOf, known_salts, standard_steps
from tmon.server.store import StoreError, open_store
from tmon.server.tenants import MISSING, Keyring, Salts, SaltsUnavailable, deletions, sessions
from tmon.server.tenants.keyring import MEGABYTE
from tmon.server.writer import (
    Control,
    DiskShares,
    Follower,
    Share,
    StoreFigures,
    Writer,
    WriterError,
    carry_out,
)
from tmon.settings import Settings
from tmon.settings.paths import geoip_files

from .owner import views

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 10.0
"""How long requests that are under way are waited for."""
WORKERS: Final = 2
"""Large envelopes that are decoded at a time."""
ERASED_WITHIN_S: Final = 60.0
LAG_S: Final = 30.0
SILENT_S: Final = 10.0
FREE_BYTES: Final = 64 * 1024 * 1024
DEFAULT_EVENTS_PER_SECOND: Final = 100_000
RETENTION_DAYS: Final = 14


class Running:
    """A server on the data folder that `settings` names, whose lock the caller holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.store = open_store(settings.store, settings.data)
        self.store.sync_views(views(settings))
        StoreFigures(self.store, self.registry)
        self.keyring = Keyring()
        self.salts = Salts()
        copies = settings.data / "geoip" if settings.geoip else None
        self.locator = Locator([settings.geoip] if settings.geoip else geoip_files(), copies)
        self.follower = Follower(self.store, registry=self.registry)
        self.writer = Writer(
            self.store, self._events_per_second, committed=self.follower.wake, registry=self.registry
        )
        self.shares = DiskShares(self.writer, self.store, self._share, registry=self.registry)
        self.periodic = Periodic(
            [
                Job("look at sizes", lambda _: self.shares.look()),
                Job("close days", lambda _: self._close_days()),
                Job("expire", self._expire),
                Job("finish deletions", lambda _: self._finish_deletions()),
                Job("clear sessions", lambda _: sessions.clear_expired()),
            ],
            foreseen=(StoreError, WriterError, SaltsUnavailable, Error),
            ended=connections.close_all,
            registry=self.registry,
        )
        self.control = Control(settings.data, self._carry_out)
        self.workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="decoding")
        self.refreshing = ThreadPoolExecutor(1, thread_name_prefix="refreshing")
        """Of its own: who asks with an unknown key does not wait for large envelopes."""
        self.pages = Pages(application())
        self.lives = Lives(self.pages, self._look, registry=self.registry)
        self.operations = Operations(
            self.registry,
            [self._writing, self._following, self._accounts, self._expiring],
            token=settings.metrics_token,
            trusted_proxies=settings.trusted_proxies,
        )
        self.front = self._make_front()
        services.wire(self.store, self.follower.settle, self.keyring)

    async def start(self, host: str, port: int) -> str:
        """Start everything and listen; returns the URL. Raises OSError, django.db.Error."""
        await asyncio.to_thread(self._start_keyring)
        self.locator.start()
        self.writer.start()
        self.follower.start()
        self.periodic.start()
        await self.control.start()
        bound = self.front.listen(host, port)
        # What the start has made lives as long as the process; the collector of garbage need not look through it.
        gc.collect()
        gc.freeze()
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        """Answer what is under way, write what was accepted, and let go of everything."""
        log.info("stopping")
        await self.front.stop(PATIENCE_S)
        await self.control.stop()
        await asyncio.to_thread(self.periodic.stop)
        await self.writer.stop()
        await asyncio.to_thread(self.follower.stop)
        await asyncio.to_thread(self.keyring.stop)
        await asyncio.to_thread(self.locator.stop)
        self.operations.stop()
        self.lives.stop()
        self.pages.stop()
        self.workers.shutdown()
        self.refreshing.shutdown()
        self.store.close()
        log.info("stopped")

    # -- wiring -------------------------------------------------------------------------------------------------------

    def _make_front(self) -> Front:
        judge = Judge(
            Pipeline(standard_steps(self.locator)),
            partial(known_salts, self.salts),
            self._fetched_salts,
            fetch_many=self._fetch_salts,
        )
        collector = Collector(
            keyring=self.keyring,
            judge=judge,
            writer=self.shares,
            refresher=Refresher(self.keyring.refresh, self.refreshing),
            workers=self.workers,
            failures=Failures(),
            trusted_proxies=self.settings.trusted_proxies,
            failed_opens=Counter(
                "tmon_failed_opens", "Envelopes that no key opened.", registry=self.registry
            ),
        )
        collect = partial(Collect, collector)
        operations = self.operations
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
            registry=self.registry,
        )

    def _route_page(self, exchange: Exchange) -> Handler:
        if LIVE.match(exchange.head.target):
            return self.lives.route(exchange)
        return self.pages.route(exchange)

    def _look(self, wsid: int, newest: int | None, most: int, tick: bool) -> Look:
        try:
            return Look(*services.wired().look(wsid, newest, most, tick))
        finally:
            connections.close_all()

    def _events_per_second(self, wsid: int) -> int:
        service = self.keyring.get(wsid)
        return service.events_per_second if service is not None else DEFAULT_EVENTS_PER_SECOND

    def _share(self, wsid: int) -> Share:
        service = self.keyring.get(wsid)
        standard = self.settings.log_megabytes * MEGABYTE
        if service is None:
            return Share(standard, RETENTION_DAYS)
        return Share(standard if service.log_bytes is None else service.log_bytes, service.retention_days)

    def _fetched_salts(self, wsid: int) -> SaltOf:
        def salt_of(day: int) -> bytes | None:
            salt = self.salts.cached(wsid, day)
            if salt is not MISSING:
                return salt
            try:
                return self.salts.fetch(wsid, day)
            except SaltsUnavailable as error:
                log.error("no salt", why=str(error))
                raise accounts_away() from error

        return salt_of

    def _fetch_salts(self, wsid: int, days: list[int]) -> None:
        try:
            self.salts.fetch_many(wsid, days)
        except SaltsUnavailable as error:
            log.error("no salts", why=str(error))
            raise accounts_away() from error

    def _start_keyring(self) -> None:
        try:
            self.keyring.start()
        finally:
            connections.close_all()

    async def _carry_out(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """A command from outside; one that erases is done when every view has passed it."""
        read = partial(views, self.settings)
        done = self.writer.call(lambda: carry_out(self.store, command, read, self.writer.forget))
        answer = await asyncio.wrap_future(done)
        if command.get("do") in {"erase", "delete"}:
            await asyncio.to_thread(self.follower.settle, ERASED_WITHIN_S)
        return answer

    # -- periodic work ------------------------------------------------------------------------------------------------

    def _close_days(self) -> None:
        close_days(self.store, self.writer.call, self.salts, int(time.time() * 1000))

    def _expire(self, stopping: Any) -> None:
        days = {wsid: service.retention_days for wsid, service in self.keyring.services().items()}
        expire(self.store, self.writer.call, days, int(time.time() * 1000), stopping)

    def _finish_deletions(self) -> None:
        def delete(wsid: int) -> None:
            command = {"do": "delete", "wsid": wsid}
            self.writer.call(lambda: carry_out(self.store, command, dict, self.writer.forget)).result()

        finish_deletions(deletions.pending, delete, deletions.done)

    # -- readiness ----------------------------------------------------------------------------------------------------

    def _writing(self) -> str | None:
        if not self.writer.alive:
            return "the writer has ended"
        disk = os.statvfs(self.settings.data)
        if disk.f_bavail * disk.f_frsize < FREE_BYTES:
            return "the disk is almost full"
        return self.writer.failing

    def _following(self) -> str | None:
        if not self.follower.alive:
            return "the follower of the views has ended"
        if self.follower.failing is not None:
            return self.follower.failing
        try:
            stats = self.store.stats(int(time.time() * 1000))
        except StoreError as error:
            return str(error)
        if stats.behind_ms > LAG_S * 1000 and not stats.filling:
            return f"the views are {stats.behind_ms // 1000} s behind"
        return None

    def _accounts(self) -> str | None:
        silent_s = time.monotonic() - self.keyring.checked_at
        return f"the accounts database has not answered for {silent_s:.0f} s" if silent_s > SILENT_S else None

    def _expiring(self) -> str | None:
        why = self.periodic.failing.get("expire")
        return None if why is None else f"nothing expires: {why}"
