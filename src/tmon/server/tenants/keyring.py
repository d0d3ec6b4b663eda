# SPDX-License-Identifier: GPL-3.0-or-later
"""What the way in needs to know of every web service, held in memory and refreshed when the revision moves.

`get` reads a snapshot and never blocks; `refresh` asks the accounts database and belongs on another thread.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

import structlog

from tmon.server.calendar import Calendar

log = structlog.get_logger(__name__)

REFRESH_S = 0.5
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """A key that opens envelopes of its web service."""

    id: int
    secret: bytes = field(repr=False)
    created_ms: int


@dataclass(frozen=True, slots=True)
class Service:
    """A web service as the way in sees it."""

    wsid: int
    name: str
    keys: tuple[ActiveKey, ...]
    """Newest first; empty where none is active or none opens under this server's secret."""
    calendar: Calendar
    ip_policy: str
    """none, truncated or full."""
    retention_days: int
    events_per_second: int
    log_bytes: int | None = None
    """What it may have in the log, as bytes of plaintext; None: what the setting says."""


class Keyring:
    """The web services by their id. One per process."""

    def __init__(self) -> None:
        self._services: Mapping[int, Service] = MappingProxyType({})
        self._calendars: dict[tuple[tuple[float, str], ...], Calendar] = {}
        self._number: int | None = None
        self._refreshing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False
        self.checked_at = -float("inf")
        """time.monotonic() of the last time the accounts database answered."""

    def get(self, wsid: int) -> Service | None:
        """The web service with this id as of the last refresh; never blocks."""
        return self._services.get(wsid)

    def services(self) -> Mapping[int, Service]:
        """All web services as of the last refresh: a snapshot that does not change."""
        return self._services

    def refresh(self) -> bool:
        """Load everything again if the revision moved, and say whether it did. Blocks on the accounts database.

        Raises django.db.Error where that does not answer; the snapshot then stays as it is.
        """
        from django.db import close_old_connections

        from . import revision

        with self._refreshing:
            close_old_connections()
            # The number is read first: what changes after it is found by the next refresh at the latest.
            number = revision.number()
            changed = number != self._number
            if changed:
                self._services = MappingProxyType(self._load())
                self._number = number
            self.checked_at = time.monotonic()
            return changed

    def start(self) -> None:
        """Refresh now, and then twice a second on a thread of its own. Raises django.db.Error if now fails."""
        self.refresh()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._follow, name="keyring", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if there is one, and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _follow(self) -> None:
        from django.db import Error, connections

        try:
            while not self._stopping.wait(REFRESH_S):
                try:
                    self.refresh()
                except Error as error:
                    if not self._failing:
                        log.error(
                            "the accounts database does not answer",
                            why=str(error),
                        )
                    self._failing = True
                else:
                    if self._failing:
                        log.info("accounts database answers again")
                    self._failing = False
        finally:
            connections.close_all()

    def _load(self) -> dict[int, Service]:
        from .models import WebService, ZoneChange, zones_of

        zones: dict[int, list[tuple[int | None, str]]] = defaultdict(list)
        for wsid, since, zone in ZoneChange.objects.values_list("webservice_id", "since", "zone"):
            zones[wsid].append((since, zone))
        keys = self._active_keys()
        services = {}
        for row in WebService.objects.all():
            history = zones_of(zones[row.wsid]) or ((-float("inf"), row.timezone),)
            services[row.wsid] = Service(
                wsid=row.wsid,
                name=row.name,
                keys=tuple(keys[row.wsid]),
                calendar=self._calendar(history),
                ip_policy=row.ip_policy,
                retention_days=row.retention_days,
                events_per_second=row.events_per_second,
                log_bytes=None if row.log_megabytes is None else row.log_megabytes * MEGABYTE,
            )
        in_use = {service.calendar.zones for service in services.values()}
        self._calendars = {history: self._calendars[history] for history in in_use}
        return services

    def _calendar(self, history: tuple[tuple[float, str], ...]) -> Calendar:
        """One calendar per history: web services share it, and it keeps what it has worked out."""
        calendar = self._calendars.get(history)
        if calendar is None:
            calendar = self._calendars[history] = Calendar(history)
        return calendar

    def _active_keys(self) -> dict[int, list[ActiveKey]]:
        from . import keys
        from .sealing import Unopenable

        active: dict[int, list[ActiveKey]] = defaultdict(list)
        for key in chain.from_iterable(keys.all_active().values()):
            try:
                secret = keys.secret_of(key)
            except Unopenable:
                log.error(
                    "a key does not open under this TMON_SECRET_KEY; restore that secret or rotate the key",
                    wsid=key.webservice_id,
                    key=key.pk,
                )
                continue
            active[key.webservice_id].append(ActiveKey(key.pk, secret, int(key.created.timestamp() * 1000)))
        return active
