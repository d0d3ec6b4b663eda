# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads lines from a file, a pipe or a terminal, and notices when none come for a while."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 1024 * 1024


class Line(NamedTuple):
    """A line without its end. `offset` is where it begins, in bytes from where the reading began."""

    offset: int
    content: bytes
    ended: bool = True
    """Whether there was a line end, and not just the end of the file."""


def read_lines(
    descriptor: int, patience_s: Callable[[], float | None], stop: int | None = None
) -> Iterator[Line | None]:
    """Yield the lines behind `descriptor`, and None whenever patience runs out.

    `patience_s` is asked before each wait and returns seconds, or None to wait without end. Of a line longer
    than `MAX_LINE_BYTES` that many bytes and one more are yielded, so that memory stays bounded. Once something can be
    read from the descriptor `stop`, nothing more is read: what has been is yielded up to its last line end.
    """
    watched = [descriptor] if stop is None else [descriptor, stop]
    pending = b""
    begin = position = 0
    while True:
        ready = select.select(watched, [], [], patience_s())[0]
        if stop in ready:
            return
        if not ready:
            yield None
            continue
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        first, *others = chunk.split(b"\n")
        pending = (pending + first)[: MAX_LINE_BYTES + 1]
        position += len(first)
        for other in others:
            yield Line(begin, pending.removesuffix(b"\r"))
            pending = other
            begin = position + 1
            position = begin + len(other)
    if pending:
        yield Line(begin, pending.removesuffix(b"\r"), ended=False)
