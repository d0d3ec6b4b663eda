# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the place of an IP address in MMDB files, and reads them again when they change.

The format is MaxMind DB 2.0 (https://maxmind.github.io/MaxMind-DB/). Two kinds of records are understood: flat ones
(`country_code, city, state1, latitude, longitude`: the DB-IP City Lite data that T-Mon ships) and nested ones
(GeoLite2, GeoIP2, DB-IP's own files).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import maxminddb
import structlog
from prometheus_client import CollectorRegistry, Gauge

from tmon.server.events import NOWHERE, Place

from .fields import cut
from .recent import Recent

CHECKED_EACH_S: Final = 1.0
TRIAL_S: Final = 20.0

_Signature = tuple[int, int, int, int]

log = structlog.get_logger(__name__)


class Locator:
    """Places by address, from MMDB files that are watched for changes.

    `paths` are asked in this order, those for IPv4 only before the others; the first that knows anything of an address
    decides. With `copies`, a directory, the files are not trusted: each is copied there, the copy tried out in a
    process of its own, because the C reader can crash on corrupt data, and unlinked once it is mapped. Then whoever
    writes over a file in place neither ends this process (SIGBUS) nor changes what is mapped. Files that came with the
    installation need none of this.

    A file that is missing or broken is logged once; what was read from it before stays in use. Addresses that no
    file knows, and those whose record is corrupt, are nowhere. Any thread may ask.
    """

    def __init__(
        self,
        paths: Sequence[Path] = (),
        copies: Path | None = None,
        *,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._read_at = 0.0
        registry = registry or CollectorRegistry()
        for what, help_, value in (
            ("read", "Unix time when GeoIP files were last read; 0: never.", lambda: self._read_at),
            (
                "built",
                "Unix time when the oldest GeoIP file in use was built; 0: there is none.",
                self._built_at,
            ),
        ):
            Gauge(f"tmon_geoip_{what}_seconds", help_, registry=registry).set_function(value)
        self._files = [_File(path, copies) for path in paths]
        self._checking = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.places: Recent[str, Place] = _places([])
        """The place by an address in its usual form. Another object after a file has changed."""
        self.check()

    @property
    def databases(self) -> list[tuple[Path, str, int]]:
        """(path, type, build time in Unix seconds) of each file that is in use."""
        return [
            (file.path, file.metadata.database_type, file.metadata.build_epoch)
            for file in self._files
            if file.metadata is not None
        ]

    def check(self) -> bool:
        """Read the files that have changed since the last check, and say whether any was. Blocks on the disk."""
        with self._checking:
            changed = [file.check() for file in self._files]  # no generator: each is to be checked
            if any(changed):
                self.places = _places(self._files)
                self._read_at = time.time()
            return any(changed)

    def _built_at(self) -> float:
        return float(min((built for _, _, built in self.databases), default=0))

    def start(self) -> None:
        """Check each second on a thread of its own."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="geoip", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if there is one, and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._stopping.wait(CHECKED_EACH_S):
            self.check()


class _File:
    """One MMDB file: the reader of what it held when it could last be read."""

    def __init__(self, path: Path, copies: Path | None) -> None:
        self.path = path
        self.reader: maxminddb.Reader | None = None
        self.metadata: Any = None
        self._copies = copies
        self._seen: _Signature | None = None
        self._missing = False
        self._corrupt = False

    def check(self) -> bool:
        """Whether the file has changed and could be read."""
        try:
            seen = _signature(self.path.stat())
            self._missing = False
            if seen == self._seen:
                return False
            self._seen = seen
            reader = self._open()
            metadata = reader.metadata()
        except FileNotFoundError:
            if not self._missing:
                log.error("GeoIP file is missing; it is read when it appears", path=str(self.path))
            self._missing, self._seen = True, None
            return False
        except Exception as error:  # noqa: BLE001  # the reader raises all sorts of errors at what is no MMDB file
            log.error(
                "GeoIP file cannot be read; replace or touch it",
                path=str(self.path),
                why=str(error),
            )
            return False
        self.reader, self.metadata, self._corrupt = reader, metadata, False
        log.info("GeoIP file is read", path=str(self.path), type=metadata.database_type)
        return True

    def _open(self) -> maxminddb.Reader:
        if self._copies is None:
            return maxminddb.open_database(self.path, maxminddb.MODE_MMAP_EXT)
        self._copies.mkdir(parents=True, exist_ok=True)
        with self.path.open("rb") as original, tempfile.NamedTemporaryFile(dir=self._copies) as copy:
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            _try_out(copy.name)
            if _signature(os.fstat(original.fileno())) != self._seen:
                self._seen = None  # written to meanwhile: the next check reads it again
            return maxminddb.open_database(copy.name, maxminddb.MODE_MMAP_EXT)

    def place(self, address: str) -> Place:
        """The place of the address; NOWHERE if it is unknown, or if its record is corrupt."""
        assert self.reader is not None
        try:
            return _read(self.reader.get(address))
        except Exception as error:  # noqa: BLE001  # the same at a corrupt record
            if not self._corrupt:  # the error's text has the address in it
                log.error("GeoIP file is corrupt; replace it", path=str(self.path), why=type(error).__name__)
            self._corrupt = True
            return NOWHERE


_TRIAL: Final = """
import itertools, sys, maxminddb
reader = maxminddb.open_database(sys.argv[1], maxminddb.MODE_MMAP_EXT)
def tried(call):
    try:
        call()
    except Exception:
        pass
tried(lambda: all(True for _ in itertools.islice(reader, 20_000)))
for high in range(0, 0x10000, 8):
    tried(lambda: reader.get(f"{high >> 8}.{high & 255}.1.1"))
    tried(lambda: reader.get(f"{high:x}:{high:x}::1"))
"""
"""Reads 20,000 records from the start and some all over the address space: a small file as a whole, a large one in
samples. It fails if the file is no database, and crashes if a corrupt record makes the reader crash.
"""


def _try_out(path: str) -> None:
    """Read in the MMDB file in another process. Raises InvalidDatabaseError if that crashes or does not end."""
    command = [sys.executable, "-P", "-c", _TRIAL, path]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TRIAL_S, check=False)  # noqa: S603  # all ours
    except subprocess.TimeoutExpired:
        raise maxminddb.InvalidDatabaseError(f"reading it does not end within {TRIAL_S} seconds") from None
    if done.returncode < 0:
        raise maxminddb.InvalidDatabaseError(f"reading it crashes: {signal.strsignal(-done.returncode)}")
    if done.returncode > 0:
        raise maxminddb.InvalidDatabaseError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])


def _signature(stat: os.stat_result) -> _Signature:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _places(files: Sequence[_File]) -> Recent[str, Place]:
    """Places from what the files' readers hold now; equal ones are one object."""
    readable = [file for file in files if file.reader is not None]
    for_ipv6 = [file for file in readable if file.metadata.ip_version == 6]
    for_ipv4 = [file for file in readable if file.metadata.ip_version == 4] + for_ipv6
    equal = Recent[Place, Place](lambda place: place, room=2_000_000, each=400)

    def find(address: str) -> Place:
        for file in for_ipv6 if ":" in address else for_ipv4:
            place = file.place(address)
            if place is not NOWHERE:
                return equal[place]
        return NOWHERE

    return Recent(find, room=4_000_000, each=120)


def _read(record: object) -> Place:
    """A record as a place; what it does not say, or says in another form, is unknown."""
    if type(record) is not dict:
        return NOWHERE
    if "country_code" in record:
        place = Place(
            _country(record["country_code"]),
            _text(record.get("state1")),
            _text(record.get("city")),
            *_position(record.get("latitude"), record.get("longitude")),
        )
    else:
        regions = record.get("subdivisions")
        location = record.get("location")
        location = location if type(location) is dict else {}
        country = record.get("country")
        place = Place(
            _country(country.get("iso_code") if type(country) is dict else None),
            _name(regions[0]) if isinstance(regions, list) and regions else "",
            _name(record.get("city")),
            *_position(location.get("latitude"), location.get("longitude")),
        )
    return NOWHERE if place == NOWHERE else place


def _country(code: object) -> str:
    return (
        code.upper() if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() else ""
    )


def _text(value: object) -> str:
    if type(value) is not str:
        return ""
    return cut(value.replace("\0", "\ufffd") if "\0" in value else value)


def _name(part: object) -> str:
    """The English name of a part of a nested record, else its name in any language, else its code."""
    if type(part) is not dict:
        return ""
    names = part.get("names")
    names = names if type(names) is dict else {}
    return _text(names.get("en")) or _text(next(iter(names.values()), None)) or _text(part.get("iso_code"))


def _position(lat: object, lon: object) -> tuple[float | None, float | None]:
    """Degrees to four places, some ten metres; unknown unless both are on the globe."""
    if not isinstance(lat, (int, float)) or not isinstance(lon, (int, float)):
        return None, None
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # also where one is no number
        return None, None
    return round(float(lat), 4), round(float(lon), 4)
