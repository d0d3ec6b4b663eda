# SPDX-License-Identifier: LGPL-3.0-or-later
"""An outbox on a disk: sealed parcels outlive the process, and the next one adopts what an earlier one left.

Each process has a file of its own in the folder, from its first parcel to its end. Whoever has a spool looks for
files that nobody holds any more, at its start and then each minute. Of the same folder only files are touched
whose name says that they are for the same server and web service.

A disk that fails costs the safety and nothing else: parcels then wait in memory, one at a time, as without a
spool. Nothing is synced to the medium, so a machine that loses its power loses what its kernel had not written.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from .adopted import Adopted
from .dsn import Dsn
from .outbox import Memory
from .parcel import Parcel, Sealer
from .spoolfile import SpoolFile, Taken, room_for
from .transport import Reply
from .trouble import Herald

log = logging.getLogger("tmon")

LOOK_EACH_S: Final = 60.0
STALE_S: Final = 3600.0
"""How old a half-written file has to be before it is deleted."""


class Spool:
    """The outbox of one process in `folder`, with at most `max_bytes` for all processes together.

    Its methods may be called from any thread and never raise.
    """

    def __init__(
        self, folder: str, dsn: Dsn, max_bytes: int, max_age_s: float, herald: Herald, sealer: Sealer
    ) -> None:
        self._folder = Path(folder)
        self._prefix = f"tmon-{hashlib.sha256(dsn.collect_url.encode()).hexdigest()[:16]}-"
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._herald = herald
        self._sealer = sealer
        self._lock = threading.RLock()
        self._own: SpoolFile | None = None
        self._memory = Memory()
        self._adopted: list[Adopted] = []
        self._look_at = 0.0
        self._head_in_file = False

    def head(self) -> Parcel | None:
        """Return the parcel that is sent next."""
        with self._lock:
            parcel = None
            if self._own is not None:
                try:
                    parcel = self._own.head()
                except OSError as error:
                    self._fail(error)
                    self._lose_own()
            self._head_in_file = parcel is not None
            return parcel or self._memory.head()

    def add(self, parcel: Parcel, *, must: bool = False) -> bool:
        """Put a parcel behind the others; False if there is no room."""
        with self._lock:
            try:
                if not must and not self._has_room(room_for(parcel)):
                    return room_for(parcel) > self._max_bytes and self._memory.add(parcel)
                if self._own is None:
                    self._own = self._create()
                self._own.append(parcel)
            except OSError as error:
                self._fail(error)
                return self._memory.add(parcel, must=must)
            return True

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put `parcels` where the head was; with none, the head is done."""
        with self._lock:
            if self._own is None or not self._head_in_file:
                self._memory.replace(parcels)
                return
            try:
                self._own.replace(parcels)
            except OSError as error:
                # What cannot be marked as done would be sent again and again, so the file is let go. Whoever
                # adopts it sends the same bytes, which count once.
                self._fail(error)
                self._lose_own()

    def expired(self, parcel: Parcel) -> bool:
        """Whether the parcel has waited longer than it may."""
        return time.time() - parcel.sealed_at > self._max_age_s

    def has_others(self) -> bool:
        """Whether files of other processes are there, whether or not they still hold them."""
        return any(True for _ in self._files(".spool"))

    def deliver_adopted(self, post: Callable[[bytes], Reply]) -> bool:
        """Make one attempt for something that an earlier process left; False if nothing is to be done now."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EACH_S
            self._look()
        for one in list(self._adopted):
            if time.monotonic() < one.not_before:
                continue
            try:
                goes_on = one.deliver_one(post)
            except OSError as error:
                self._fail(error)
                one.file.forsake()
                self._adopted.remove(one)
                continue
            if goes_on:
                return True
            one.file.close()
            self._adopted.remove(one)
        return False

    def look_again_in_s(self) -> float:
        """Seconds until `deliver_adopted` may have something to do."""
        moments = [self._look_at, *(one.not_before for one in self._adopted)]
        return max(min(moments) - time.monotonic(), 0.0)

    def close(self) -> None:
        """Let go of all files. What is still to be sent stays there for the next process."""
        with self._lock:
            for file in [self._own, *(one.file for one in self._adopted)]:
                if file is not None:
                    with contextlib.suppress(OSError):
                        file.close()
            self._own = None
            self._adopted.clear()

    def forsake(self) -> None:
        """Close the parent's files in a forked child, and take no lock: a thread that is gone may have held it."""
        for file in [self._own, *(one.file for one in self._adopted)]:
            if file is not None:
                with contextlib.suppress(OSError):
                    file.forsake()

    def _has_room(self, needed: int) -> bool:
        if self._used() + needed <= self._max_bytes:
            return True
        if self._own is None or self._own.wasted < needed:
            return False
        self._own.shrink()
        return self._used() + needed <= self._max_bytes

    def _used(self) -> int:
        return sum(self._size(path) for path in self._files(""))

    @staticmethod
    def _size(path: Path) -> int:
        try:
            return path.lstat().st_size
        except OSError:
            return 0

    def _files(self, suffix: str) -> Iterator[Path]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 (Path.iterdir makes an object of each name)
        except OSError:
            return
        for name in names:
            if name.startswith(self._prefix) and name.endswith(suffix):
                yield self._folder / name

    def _create(self) -> SpoolFile:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            name = f"{self._prefix}{os.getpid()}-{os.urandom(4).hex()}.spool"
            try:
                return SpoolFile.create(self._folder / name)
            except Taken:  # somebody looked for files just between its making and its locking
                continue

    def _look(self) -> None:
        held = {one.file.path for one in self._adopted}
        if self._own is not None:
            held.add(self._own.path)
        for path in self._files(".spool"):
            if path in held:
                continue
            try:
                file = SpoolFile.adopt(path)
            except OSError:  # it is somebody's, or not a file that we may open
                continue
            if len(file):
                log.info("%d batches of an earlier process are delivered from the spool", len(file))
            self._adopted.append(Adopted(file, self._max_age_s, self._herald, self._sealer))
        for path in self._files(".new"):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > STALE_S:
                    path.unlink()

    def _lose_own(self) -> None:
        if self._own is not None:
            with contextlib.suppress(OSError):
                self._own.forsake()
            self._own = None

    def _fail(self, error: OSError) -> None:
        # Noted, not told: the lock is held here, and whoever is told may want to track something.
        self._herald.note(
            "spool",
            f"the spool in {self._folder} cannot be used, batches wait in memory: {error.strerror or error}",
        )
