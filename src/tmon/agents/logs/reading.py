# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a log, compressed or not, and reads its lines with their places in the uncompressed content."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from .lines import Line, Lines

STDIN: Final = "-"
CHUNK: Final = 256 * 1024
MAGIC_BYTES: Final = 6
DAMAGED: Final = (EOFError, OSError, zlib.error, lzma.LZMAError)
"""What reading compressed content raises where that is cut short or damaged."""


class Unreadable(Exception):
    """A log cannot be opened, or not read to its end. The message says why."""


class Log:
    """A log that was opened: a context manager, to be read once.

    Raises Unreadable where it can't be opened.
    """

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STDIN else name
        self.damage = ""
        """Why reading ended before the end, once it has."""
        try:
            self._file = _opened(name)
            peeked = _peek(self._file)
        except OSError as error:
            raise Unreadable(f"{self.name} can't be read: {error.strerror or error}") from None
        self.compression = compression_of(peeked)
        self.size = os.fstat(self._file.fileno()).st_size
        """In bytes, as it lies there; 0 for a pipe."""
        self.may_grow = name != STDIN and not self.compression
        """Whether a last line without a line feed may still be written."""
        self._lines = Lines()
        self._read = _reading(self.compression, BufferedReader(_Peeked(peeked, self._file), CHUNK), self.name)

    @property
    def read_bytes(self) -> int:
        """How far it is read, of `size`."""
        try:
            return self._file.tell()
        except OSError:
            return 0

    @property
    def content_bytes(self) -> int:
        """How much of the uncompressed content was read."""
        return self._lines.reached

    def lines(self) -> Iterator[Line]:
        """All lines. Where the content is damaged, those before that; `damage` says so."""
        while chunk := self._chunk():
            yield from self._lines.of(chunk)
        if last := self._lines.last():
            yield last

    def _chunk(self) -> bytes:
        try:
            return self._read(CHUNK)
        except DAMAGED as error:
            self.damage = f"{self.name} is damaged or cut short: {error}"
            return b""

    def close(self) -> None:
        """Close it."""
        if self._file is not sys.stdin.buffer:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Peeked(RawIOBase):
    """A file whose first bytes were read before."""

    def __init__(self, peeked: bytes, file: BinaryIO) -> None:
        self._peeked = peeked
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._peeked[: len(buffer)]
        if some:
            self._peeked = self._peeked[len(some) :]
        else:
            some = self._file.read(len(buffer)) or b""
        buffer[: len(some)] = some
        return len(some)


def _opened(name: str) -> BinaryIO:
    if name == STDIN:
        return sys.stdin.buffer
    try:
        return Path(name).open("rb", buffering=0)
    except IsADirectoryError:
        raise IsADirectoryError(0, "it is a folder; name the files in it") from None


def _peek(file: BinaryIO) -> bytes:
    peeked = b""
    while len(peeked) < MAGIC_BYTES and (some := file.read(MAGIC_BYTES - len(peeked))):
        peeked += some
    return peeked


def compression_of(beginning: bytes) -> str:
    """By the content, since rotated logs have all kinds of names; "" for none."""
    for name, magic in (
        ("gzip", b"\x1f\x8b"),
        ("bzip2", b"BZh"),
        ("xz", b"\xfd7zXZ\x00"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
    ):
        if beginning.startswith(magic):
            return name
    return ""


def _reading(compression: str, file: BufferedReader, name: str) -> Callable[[int], bytes]:
    """A function that reads up to so many bytes of the content, as soon as there are some."""
    match compression:
        case "gzip":
            return gzip.GzipFile(fileobj=file).read1
        case "bzip2":
            return bz2.BZ2File(file).read1
        case "xz":
            return lzma.LZMAFile(file).read1
        case "zstd":
            return _zstd(file, name)
        case _:
            return file.read1


def _zstd(file: BufferedReader, name: str) -> Callable[[int], bytes]:
    try:
        from .zstd import ZstdFile
    except ImportError:
        raise Unreadable(
            f"{name} is compressed with zstd, which takes another package: pip install 'tmon[logs]'"
        ) from None
    return ZstdFile(file).read
