# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads content compressed with zstd (RFC 8878), frame by frame, and tells where it is cut short.

The reader of the library takes a cut for the end.
"""

from __future__ import annotations

from typing import Final, Protocol

from zstandard import ZstdDecompressor, ZstdError

CHUNK: Final = 256 * 1024


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ZstdFile:
    """The content of `file`, which is all frames one after the other."""

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self._frame = ZstdDecompressor().decompressobj()
        self._in_frame = False
        self._compressed = b""
        self._content = b""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, and none at the end. Raises EOFError where a frame is cut short or damaged."""
        while not self._content:
            compressed = self._compressed or self._file.read(CHUNK)
            if not compressed:
                if self._in_frame:
                    raise EOFError("a frame has no end")
                return b""
            self._in_frame = True
            try:
                self._content = self._frame.decompress(compressed)
            except ZstdError as error:
                raise EOFError(str(error)) from None
            self._compressed = b""
            if self._frame.eof:
                self._compressed = self._frame.unused_data
                self._frame = ZstdDecompressor().decompressobj()
                self._in_frame = False
        some, self._content = self._content[:size], self._content[size:]
        return some
