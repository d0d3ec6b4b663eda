# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of requests that lie ready: each behind its length, four bytes, little end first."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_LENGTH: Final = struct.Struct("<I")


def write_requests(file: Path, requests: Iterable[bytes]) -> int:
    """Put whole HTTP requests into a file; returns how many."""
    count = 0
    with file.open("wb") as out:
        for request in requests:
            out.write(_LENGTH.pack(len(request)))
            out.write(request)
            count += 1
    return count


def read_requests(content: memoryview, skip: int) -> Iterator[memoryview]:
    """The requests in the content of a file, without the first `skip` and without a copy."""
    at = number = 0
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += 4
        if number >= skip:
            yield content[at : at + length]
        number += 1
        at += length
