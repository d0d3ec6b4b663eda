# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads lines from a file, a pipe or a terminal, and notices when none come for a while."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from typing import Final

MAX_LINE_BYTES: Final = 1024 * 1024


def read_lines(descriptor: int, patience_s: Callable[[], float | None]) -> Iterator[bytes | None]:
    """Yield the lines behind `descriptor` without their line ends, and None whenever patience runs out.

    `patience_s` is asked before each wait and returns seconds, or None to wait without end. Of a line longer
    than `MAX_LINE_BYTES` that many bytes and one more are yielded, so that memory stays bounded.
    """
    pending = b""
    while True:
        if not select.select([descriptor], [], [], patience_s())[0]:
            yield None
            continue
        chunk = os.read(descriptor, 65536)
        if not chunk:
            break
        first, *others = chunk.split(b"\n")
        pending = (pending + first)[: MAX_LINE_BYTES + 1]
        for other in others:
            yield pending.removesuffix(b"\r")
            pending = other
    if pending:
        yield pending.removesuffix(b"\r")
