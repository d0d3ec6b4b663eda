# SPDX-License-Identifier: LGPL-3.0-or-later
"""One file of sealed parcels, which belongs to the process that holds its lock.

    file    = header record*
    header  = "TMONSPL1" done(8) crc(4)             done: where the first parcel begins that is still to be sent
    record  = length(4) events(4) sealed_ms(8) crc(4) envelope      numbers are big-endian, crc is CRC-32

Nothing in it is readable without the key but how many events an envelope holds and when it was sealed. A
record that a crash has cut short ends the file; one whose crc is wrong is passed over. A header whose crc is
wrong means that everything is sent again, which costs nothing: an envelope counts once.

The lock is flock's, which goes with the open file and not with the process (Linux flock(2)): it ends with the
process however that ends, and two clients in one process respect each other's. A forked child has the file
open too, so it has to `forsake` it, or the lock would outlive its owner.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from .parcel import Parcel

MAGIC: Final = b"TMONSPL1"
MODE: Final = 0o600
MAX_ENVELOPE_BYTES: Final = 16 * 1024 * 1024
_HEADER: Final = struct.Struct(">8sQI")
_RECORD: Final = struct.Struct(">IIQI")
_FLAGS: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_COPY_BYTES: Final = 1024 * 1024


class Taken(OSError):
    """Another process has the file, or it is none of ours."""


class Entry(NamedTuple):
    """Where a record begins, and how long its envelope is."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + _RECORD.size + self.length


def room_for(parcel: Parcel) -> int:
    """Return how many bytes of a file the parcel takes."""
    return _RECORD.size + len(parcel.envelope)


class SpoolFile:
    """An open and locked file. Not thread-safe: its owner holds a lock around every call.

    Every method may raise OSError; what was in the file before is then still there.
    """

    def __init__(self, path: Path, descriptor: int, entries: Sequence[Entry], end: int) -> None:
        self.path = path
        self._fd = descriptor
        self._entries = deque(entries)
        self._end = end

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new file, readable for its owner alone."""
        descriptor = _new(path)
        return cls(path, descriptor, (), _HEADER.size)

    @classmethod
    def adopt(cls, path: Path) -> Self:
        """Open a file that another process has left. Raises Taken if it still has it, or if it is no such file."""
        descriptor = os.open(path, _FLAGS)
        try:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
                raise Taken(f"{path} is no file of this user")
            _lock(descriptor)
            if not _is_at(descriptor, path):
                raise Taken(f"{path} was replaced by its owner")
            entries, end = _read(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, entries, end)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """How long the file is, in bytes."""
        return self._end

    @property
    def wasted(self) -> int:
        """How many bytes belong to parcels that are done."""
        return self._done - _HEADER.size

    def head(self) -> Parcel | None:
        """Return the first parcel that is still to be sent; damaged ones are passed over."""
        while self._entries:
            parcel = self._parcel(self._entries[0])
            if parcel is not None:
                return parcel
            self._pop()
        return None

    def append(self, parcel: Parcel) -> None:
        """Put a parcel behind the others."""
        content = _record(parcel)
        try:
            _write(self._fd, content, self._end)
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._entries.append(Entry(self._end, len(parcel.envelope)))
        self._end += len(content)

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put `parcels` where the head was, at once: a crash leaves either the one or the others."""
        if parcels:
            self._rewrite(parcels, list(self._entries)[1:])
        else:
            self._pop()

    def shrink(self) -> None:
        """Give the bytes back that belong to parcels that are done."""
        self._rewrite((), list(self._entries))

    def close(self) -> None:
        """Let go of the file, and delete it if everything in it is done."""
        if not self._entries:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self.forsake()

    def forsake(self) -> None:
        """Close the file and leave it as it is. In a forked child the lock stays with the parent."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    @property
    def _done(self) -> int:
        return self._entries[0].offset if self._entries else self._end

    def _pop(self) -> None:
        entry = self._entries.popleft()
        if self._entries:
            _write(self._fd, _header(entry.end), 0)
            return
        # The header first: cut after it, the file would be read from its start either way.
        _write(self._fd, _header(_HEADER.size), 0)
        os.ftruncate(self._fd, _HEADER.size)
        self._end = _HEADER.size

    def _parcel(self, entry: Entry) -> Parcel | None:
        content = os.pread(self._fd, _RECORD.size + entry.length, entry.offset)
        if len(content) < _RECORD.size + entry.length:
            return None
        length, events, sealed_ms, crc = _RECORD.unpack_from(content)
        parcel = Parcel(content[_RECORD.size :], events, sealed_ms / 1000)
        return parcel if length == entry.length and crc == _crc(parcel.envelope, events, sealed_ms) else None

    def _rewrite(self, first: Sequence[Parcel], rest: Sequence[Entry]) -> None:
        fresh = self.path.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = _new(fresh)
        try:
            end = _HEADER.size
            entries = []
            for parcel in first:
                content = _record(parcel)
                _write(descriptor, content, end)
                entries.append(Entry(end, len(parcel.envelope)))
                end += len(content)
            for entry in rest:
                _copy(self._fd, entry, descriptor, end)
                entries.append(Entry(end, entry.length))
                end = entries[-1].end
            fresh.rename(self.path)
        except BaseException:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        self.forsake()
        self._fd, self._entries, self._end = descriptor, deque(entries), end


def _new(path: Path) -> int:
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, MODE)
    try:
        _lock(descriptor)
        _write(descriptor, _header(_HEADER.size), 0)
        if not _is_at(descriptor, path):
            raise Taken(f"{path} was taken away")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Taken("another process has the file") from error


def _read(descriptor: int) -> tuple[list[Entry], int]:
    size = os.fstat(descriptor).st_size
    header = os.pread(descriptor, _HEADER.size, 0)
    if size and header[: len(MAGIC)] != MAGIC[: len(header)]:
        raise Taken("the file is of another kind")
    offset = _HEADER.size
    if len(header) == _HEADER.size:
        done = _HEADER.unpack(header)[1]
        if header == _header(done) and done <= size:
            offset = max(done, offset)
    entries = []
    while len(start := os.pread(descriptor, _RECORD.size, offset)) == _RECORD.size:
        entry = Entry(offset, _RECORD.unpack(start)[0])
        if entry.length > MAX_ENVELOPE_BYTES or entry.end > size:
            break
        entries.append(entry)
        offset = entry.end
    return entries, offset


def _header(done: int) -> bytes:
    return _HEADER.pack(MAGIC, done, zlib.crc32(done.to_bytes(8, "big"), zlib.crc32(MAGIC)))


def _record(parcel: Parcel) -> bytes:
    sealed_ms = max(int(parcel.sealed_at * 1000), 0)
    crc = _crc(parcel.envelope, parcel.events, sealed_ms)
    return _RECORD.pack(len(parcel.envelope), parcel.events, sealed_ms, crc) + parcel.envelope


def _crc(envelope: bytes, events: int, sealed_ms: int) -> int:
    return zlib.crc32(envelope, zlib.crc32(struct.pack(">IQ", events, sealed_ms)))


def _write(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _copy(source: int, entry: Entry, target: int, offset: int) -> None:
    at = entry.offset
    while at < entry.end:
        content = os.pread(source, min(_COPY_BYTES, entry.end - at), at)
        if not content:
            raise OSError("the file ends too early")
        _write(target, content, offset)
        at += len(content)
        offset += len(content)
