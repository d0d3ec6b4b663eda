# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that makes one process the owner of a data directory: flock(2) on TMON_DATA/writer.lock.

The kernel lets go of it when the process ends, however it ends. The file names the process for whoever meets it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .errors import Locked

LOCK_NAME: Final = "writer.lock"


def owner(data_dir: Path) -> int | None:
    """The number of the process that owns `data_dir`, 0 where it is not known; None if nobody does. Makes nothing.

    Looks by taking a shared lock for a moment. Raises OSError where the lock's file cannot be read.
    """
    try:
        file = os.open(data_dir / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.pread(file, 32, 0).strip()
        return int(number) if number.isdigit() else 0
    finally:
        os.close(file)
    return None


class WriterLock:
    """The ownership of `data_dir`. A context manager; `acquire` and `release` do the same by hand."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / LOCK_NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Become the owner. Raises Locked, naming the owner, if another process, or another lock here, is it."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(file, 32, 0).decode("ascii", "replace").strip()
            os.close(file)
            raise Locked(
                f"{self.path.parent} belongs to a running T-Mon{f' (process {owner})' if owner else ''}; "
                "stop that one first, or choose another directory"
            ) from None
        except OSError:
            os.close(file)
            raise
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        self._file = file

    def release(self) -> None:
        """Let go of it. The file stays, since removing it would let two processes lock two files."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
