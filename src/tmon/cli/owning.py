# SPDX-License-Identifier: GPL-3.0-or-later
"""What owns the event store of a data folder: its writer, the views that follow, periodic work and commands."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import structlog
from django.db import Error, connections
from prometheus_client import CollectorRegistry

from tmon.server.core import Job, Periodic, Records, close_days, expire, finish_deletions
from tmon.server.limits import warned
from tmon.server.limits.deliverer import Deliverer
from tmon.server.limits.rounds import Figures as LimitsFigures
from tmon.server.limits.watch import Watch
from tmon.server.modules.ruling import Bringing
from tmon.server.sessions import Rule
from tmon.server.store import StoreError, open_store
from tmon.server.tenants import Keyring, Salts, SaltsUnavailable, audit, deletions, sessions
from tmon.server.tenants.keyring import MEGABYTE
from tmon.server.writer import (
    ALONE,
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

from .owner import views
from .readiness import FREE_BYTES, LAG_S

log = structlog.get_logger(__name__)

ERASED_WITHIN_S: Final = 60.0
DEFAULT_EVENTS_PER_SECOND: Final = 100_000
RETENTION_DAYS: Final = 14
RULES_EVERY_S: Final = 2.0
"""How often rules of sessions are looked at, so that a new one holds while whoever set it still looks."""
SETTLING: Final = 32
"""Questions that may wait for the views at a time; each has a thread meanwhile."""

Figures = Callable[[], Awaitable[dict[str, str]]]


class Owning:
    """The owner of the data folder that `settings` names, whose lock the caller holds.

    `kind` is what it says of itself to others that want the folder: ALONE, CORE, SUPERVISED or ORPHANED.
    `figures` are asked by collectors that are processes of their own: by process, in Prometheus' text format.
    """

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        salts: Salts,
        registry: CollectorRegistry,
        figures: Figures | None = None,
        *,
        kind: str = ALONE,
    ) -> None:
        self.settings = settings
        self.keyring = keyring
        self._figures = figures
        self.kind = kind
        self.store = open_store(settings.store, settings.data)
        self.store.sync_views(views(settings))
        StoreFigures(self.store, registry)
        self._salts = salts
        self._records = Records(settings.records, self.store) if settings.records is not None else None
        self.follower = Follower(self.store, registry=registry)
        self._writer = Writer(
            self.store,
            self._events_per_second,
            committed=self.follower.wake,
            behind_s=lambda: self.follower.behind_s,
            registry=registry,
        )
        self.writer = DiskShares(self._writer, self.store, self._share, registry=registry)
        self._periodic = Periodic(
            [
                Job("look at sizes", lambda _: self.writer.look()),
                Job("close days", lambda _: self._close_days()),
                Job("expire", self._expire),
                Job("finish deletions", lambda _: self._finish_deletions()),
                Job("clear sessions", lambda _: sessions.clear_expired()),
                Job("clear the audit log", lambda _: audit.clear_old()),
                Job("clear warnings", lambda _: warned.clear_old()),
                Job("keep records", lambda _: self._keep_records()),
            ],
            foreseen=(StoreError, WriterError, SaltsUnavailable, Error, OSError),
            ended=connections.close_all,
            registry=registry,
        )
        self._rules = Bringing(self.store.sync_rules)
        self._bringing = Periodic(
            [Job("bring the rules of sessions", lambda _: self._bring_rules())],
            interval_s=RULES_EVERY_S,
            first_after_s=0.0,
            foreseen=(StoreError, Error),
            ended=connections.close_all,
            figures=self._periodic.figures,
        )
        limits = LimitsFigures(registry)
        self._deliverer = Deliverer(
            limits, private=settings.reaches_private, base_url=settings.base_url, registry=registry
        )
        self._watch = Watch(
            self.store,
            limits,
            idle_ms=lambda wsid: self.store.rules().get(wsid, Rule()).idle_ms,
            noticed=self._deliverer.wake,
            registry=registry,
        )
        self._control = Control(settings.data, self._carry_out)
        self._settling = ThreadPoolExecutor(SETTLING, thread_name_prefix="settling")
        self.checks = (self._writing, self._following, self._expiring)

    async def start(self) -> None:
        """Start; the keyring has been."""
        self._writer.start()
        self.follower.start()
        self._periodic.start()
        self._bringing.start()
        self._deliverer.start()
        self._watch.start()
        await self._control.start()

    async def stop(self) -> None:
        """Write what was accepted, and let go of everything. Nothing more may be submitted."""
        await self._control.stop()
        await asyncio.to_thread(self._watch.stop)
        await asyncio.to_thread(self._deliverer.stop)
        await asyncio.to_thread(self._bringing.stop)
        await asyncio.to_thread(self._periodic.stop)
        await self._writer.stop()
        await asyncio.to_thread(self.follower.stop)
        self._settling.shutdown()
        self.store.close()

    def settle(self, seconds: float) -> bool:
        """Have the views reach the end of the log, for so long; whether they did."""
        return self.follower.settle(seconds)

    # -- what it needs to know of web services ------------------------------------------------------------------------

    def _events_per_second(self, wsid: int) -> int:
        service = self.keyring.get(wsid)
        return service.events_per_second if service is not None else DEFAULT_EVENTS_PER_SECOND

    def _share(self, wsid: int) -> Share:
        service = self.keyring.get(wsid)
        standard = self.settings.log_megabytes * MEGABYTE
        if service is None:
            return Share(standard, RETENTION_DAYS)
        return Share(standard if service.log_bytes is None else service.log_bytes, service.retention_days)

    # -- commands -----------------------------------------------------------------------------------------------------

    async def _carry_out(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """A command from outside; one that erases is done when every view has passed it.

        Beside what `carry_out` knows, for collectors that are processes of their own:

        {"do": "settle", "seconds": 1.0}   see `settle`: {"settled": true}
        {"do": "who"}                      what kind of process this is, as `kind_of_owner` says it: {"who": "core"}
        {"do": "readiness"}                what is wrong: {"reasons": [...]}
        {"do": "figures"}                  {"figures": {process: text}}
        """
        loop = asyncio.get_running_loop()
        match command:
            case {"do": "settle", "seconds": int() | float() as seconds}:
                return {"settled": await loop.run_in_executor(self._settling, self.settle, float(seconds))}
            case {"do": "who"}:
                return {"who": self.kind}
            case {"do": "readiness"}:
                found = [await loop.run_in_executor(self._settling, check) for check in self.checks]
                return {"reasons": [reason for reason in found if reason]}
            case {"do": "figures"} if self._figures is not None:
                return {"figures": await self._figures()}
        read = partial(views, self.settings)
        done = self._writer.call(lambda: carry_out(self.store, command, read, self._writer.forget))
        answer = await asyncio.wrap_future(done)
        if command.get("do") in {"erase", "delete"}:
            await asyncio.to_thread(self.follower.settle, ERASED_WITHIN_S)
        if command.get("do") == "erase" and self._records is not None:
            await asyncio.to_thread(self._records.erase, command["wsid"], command["username"])
        return answer

    # -- periodic work ------------------------------------------------------------------------------------------------

    def _close_days(self) -> None:
        close_days(self.store, self._writer.call, self._salts, int(time.time() * 1000))

    def _expire(self, stopping: Any) -> None:
        days = {wsid: service.retention_days for wsid, service in self.keyring.services().items()}
        expire(self.store, self._writer.call, days, int(time.time() * 1000), stopping)

    def _keep_records(self) -> None:
        if self._records is not None:
            services = {
                wsid: (service.calendar, service.retention_days)
                for wsid, service in self.keyring.services().items()
            }
            self._records.keep(services, time.time())

    def _finish_deletions(self) -> None:
        def delete(wsid: int) -> None:
            command = {"do": "delete", "wsid": wsid}
            self._writer.call(lambda: carry_out(self.store, command, dict, self._writer.forget)).result()

        finish_deletions(deletions.pending, delete, deletions.done)

    def _bring_rules(self) -> None:
        if self._rules.bring():
            self.follower.wake()

    # -- readiness ----------------------------------------------------------------------------------------------------

    def _writing(self) -> str | None:
        if not self._writer.alive:
            return "the writer has ended"
        disk = os.statvfs(self.settings.data)
        if disk.f_bavail * disk.f_frsize < FREE_BYTES:
            return "the disk is almost full"
        return self._writer.failing

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

    def _expiring(self) -> str | None:
        why = self._periodic.failing.get("expire")
        return None if why is None else f"nothing expires: {why}"
