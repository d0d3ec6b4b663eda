# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies that come in pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from reporting import PAUSE_S, PIECE


def pieces(count: int) -> Iterator[bytes]:
    """So many pieces, with pauses."""
    for _ in range(count):
        yield PIECE
        time.sleep(PAUSE_S)


def broken() -> Iterator[bytes]:
    """A piece, then an error."""
    yield PIECE
    raise RuntimeError("after the first piece")


async def async_pieces(count: int) -> AsyncIterator[bytes]:
    """So many pieces, with pauses."""
    for _ in range(count):
        yield PIECE
        await asyncio.sleep(PAUSE_S)


async def async_broken() -> AsyncIterator[bytes]:
    """A piece, then an error."""
    yield PIECE
    raise RuntimeError("after the first piece")
