# SPDX-License-Identifier: GPL-3.0-or-later
"""The random salts under which visitors are recognised: one per web service and local day, then destroyed for good.

The accounts database decides: insert or ignore, then read back, so all processes and machines have the same one.
What is read is remembered for ten minutes, so that no process goes on using what another one destroyed.
"""

from __future__ import annotations

import enum
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Literal

import structlog

from .errors import SaltsUnavailable

SALT_BYTES = 32
REMEMBERED_S = 600.0
REMEMBERED = 10_000
"""How many salts a process holds; the least recently used goes first."""
ATTEMPTS = 4
AT_ONCE = 5_000

log = structlog.get_logger(__name__)


class _Missing(enum.Enum):
    MISSING = "not known here; fetch it"


MISSING: Final = _Missing.MISSING
Missing = Literal[_Missing.MISSING]


class Salts:
    """The salts as one process sees them. Its methods may be called on any thread."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, int], tuple[float, bytes | None]] = OrderedDict()
        self._lock = threading.Lock()

    def cached(self, wsid: int, day: int) -> bytes | Missing | None:
        """The salt if this process knows it, None if it is destroyed, else MISSING. Never blocks on I/O.

        `day` is the UTC second at which the web service's local day begins.
        """
        with self._lock:
            held = self._held.get((wsid, day))
            if held is None:
                return MISSING
            until, salt = held
            if until < time.monotonic():
                del self._held[wsid, day]
                return MISSING
            self._held.move_to_end((wsid, day))
            return salt

    def fetch(self, wsid: int, day: int) -> bytes | None:
        """The salt of a day, made if there never was one; None if it is destroyed. Blocks on the accounts database.

        Raises SaltsUnavailable if that does not answer.
        """
        from django.db import Error, close_old_connections

        close_old_connections()
        try:
            salt = self._read_or_make(wsid, day)
        except Error as error:
            raise SaltsUnavailable(f"the accounts database gave no salt: {error}") from error
        self._hold(wsid, day, salt)
        return salt

    def fetch_many(self, wsid: int, days: Sequence[int]) -> None:
        """Read the salts of these days, making those there never were, so that `cached` knows them for a while.

        In two transactions however many they are. Raises SaltsUnavailable.
        """
        from django.conf import settings
        from django.db import Error, close_old_connections

        from . import sealing
        from .models import Salt

        close_old_connections()
        for at in range(0, len(days), AT_ONCE):
            part = days[at : at + AT_ONCE]
            rows = Salt.objects.filter(wsid=wsid, day__in=part)
            try:
                known = set(rows.values_list("day", flat=True))
                made = [
                    Salt(wsid=wsid, day=day, sealed=_new(wsid, day, settings.SECRET_KEY))
                    for day in part
                    if day not in known
                ]
                Salt.objects.bulk_create(made, ignore_conflicts=True)
                kept = list(rows.values_list("day", "sealed"))
            except Error as error:
                raise SaltsUnavailable(f"the accounts database gave no salts: {error}") from error
            for day, sealed in kept:
                try:
                    place = _place(wsid, day)
                    salt = (
                        None if sealed is None else sealing.open_(bytes(sealed), place, settings.SECRET_KEY)
                    )
                except sealing.Unopenable:
                    continue  # fetch replaces it
                self._hold(wsid, day, salt)

    def destroy(self, wsid: int, day: int) -> None:
        """Destroy the salt of a day, or see to it that there never is one. Final, and may be repeated.

        Raises SaltsUnavailable if the accounts database does not answer; then it may or may not be destroyed.
        """
        from django.db import Error, close_old_connections

        from .models import Salt

        close_old_connections()
        try:
            Salt.objects.bulk_create(
                [Salt(wsid=wsid, day=day, sealed=None)],
                update_conflicts=True,
                unique_fields=["wsid", "day"],
                update_fields=["sealed"],
            )
            _overwrite()
        except Error as error:
            raise SaltsUnavailable(f"the accounts database did not destroy a salt: {error}") from error
        self._hold(wsid, day, None)

    def known(self) -> dict[tuple[int, int], int]:
        """When each salt that is not destroyed was made, in Unix milliseconds, by (wsid, day), oldest day first.

        Raises SaltsUnavailable.
        """
        from django.db import Error, close_old_connections

        from .models import Salt

        close_old_connections()
        try:
            rows = Salt.objects.filter(sealed__isnull=False).order_by("day", "wsid")
            return {
                (wsid, day): int(created.timestamp() * 1000)
                for wsid, day, created in rows.values_list("wsid", "day", "created")
            }
        except Error as error:
            raise SaltsUnavailable(f"the accounts database did not list its salts: {error}") from error

    def _read_or_make(self, wsid: int, day: int) -> bytes | None:
        from django.conf import settings

        from . import sealing
        from .models import Salt

        def made() -> bytes:
            return _new(wsid, day, settings.SECRET_KEY)

        place = _place(wsid, day)
        rows = Salt.objects.filter(wsid=wsid, day=day)
        for _ in range(ATTEMPTS):
            kept = list(rows.values_list("sealed", flat=True))
            if not kept:
                Salt.objects.bulk_create([Salt(wsid=wsid, day=day, sealed=made())], ignore_conflicts=True)
                continue
            if kept[0] is None:
                return None
            try:
                return sealing.open_(bytes(kept[0]), place, settings.SECRET_KEY)
            except sealing.Unopenable as error:
                # Nobody can ever use it again, so its visitors start anew rather than the day failing.
                log.error("a salt is replaced", why=str(error))
                rows.filter(sealed=kept[0]).update(sealed=made())
        raise SaltsUnavailable(f"the {place} did not stay as it was written; try again")

    def _hold(self, wsid: int, day: int, salt: bytes | None) -> None:
        with self._lock:
            held = self._held.get((wsid, day))
            if held is not None and held[1] is None and salt is not None and held[0] >= time.monotonic():
                return  # destroyed while this one was being fetched
            self._held[wsid, day] = (time.monotonic() + REMEMBERED_S, salt)
            self._held.move_to_end((wsid, day))
            while len(self._held) > REMEMBERED:
                self._held.popitem(last=False)


def _place(wsid: int, day: int) -> str:
    return f"salt of web service {wsid}, day {day}"


def _new(wsid: int, day: int, server_secret: str) -> bytes:
    from . import sealing

    return sealing.seal(secrets.token_bytes(SALT_BYTES), _place(wsid, day), server_secret)


def _overwrite() -> None:
    """Empty SQLite's write-ahead log, which keeps what was destroyed until others take its place."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
