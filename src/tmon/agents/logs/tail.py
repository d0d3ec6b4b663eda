# SPDX-License-Identifier: GPL-3.0-or-later
"""One plain file that is followed while others write it: its lines as they come, and whether it was cut."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Final, NamedTuple

from .lines import Line, Lines

CHUNK: Final = 1024 * 1024
"""Bytes that one read() takes at most."""
REMEMBERED: Final = 256
"""Bytes before the place reached, by which a cut is seen also where the file has grown beyond that place again."""


class Identity(NamedTuple):
    """What a file is while it exists, under whichever name."""

    device: int
    inode: int


class Cut(Exception):
    """The file no longer holds what was read of it: it was cut, to nothing as a rule, and is written anew."""


class Tail:
    """The file at `path`, opened to be read on and on. Raises OSError, also where it is no plain file.

    A line that has no end yet is kept until it has one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise OSError(0, "it is no plain file")
        self.identity = Identity(status.st_dev, status.st_ino)
        self.size = status.st_size
        """When last looked at and not cut, in bytes."""
        self._lines = Lines()
        self._before = b""

    @property
    def reached(self) -> int:
        """Bytes read so far."""
        return self._lines.reached

    @property
    def whole(self) -> int:
        """Where the last line that was read and has an end ends."""
        return self._lines.whole

    def read(self) -> list[Line]:
        """The lines that were ended since the last time, up to about a megabyte. Raises Cut, and OSError."""
        size = self._size_now()
        if size == self.reached:
            return []
        content = os.pread(self._fd, CHUNK, self.reached)
        # Looked at after reading: what was cut before that is seen, and what is cut later was read whole.
        self._same()
        self.size = size
        self._before = (self._before + content)[-REMEMBERED:]
        return self._lines.of(content)

    def check(self) -> None:
        """See whether it was cut, and how long it is. Raises Cut, and OSError."""
        size = self._size_now()
        self._same()
        self.size = size

    def rewind(self) -> None:
        """Read it from its beginning again."""
        self._lines, self._before = Lines(), b""

    def skip(self, offset: int) -> bool:
        """Read on behind the line that begins at `offset`; without effect and False where no line ends there."""
        place = offset
        while content := os.pread(self._fd, CHUNK, place):
            if (end := content.find(b"\n")) >= 0:
                begin = place + end + 1
                first = max(begin - REMEMBERED, 0)
                self._lines, self._before = Lines(begin), os.pread(self._fd, begin - first, first)
                return True
            place += len(content)
        return False

    def last(self) -> Line | None:
        """The line without an end, for when nobody writes it any more."""
        return self._lines.last()

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(OSError):  # of a file system that is gone
            os.close(self._fd)

    def _size_now(self) -> int:
        size = os.fstat(self._fd).st_size
        if size < self.reached:
            raise Cut
        return size

    def _same(self) -> None:
        if os.pread(self._fd, len(self._before), self.reached - len(self._before)) != self._before:
            raise Cut
