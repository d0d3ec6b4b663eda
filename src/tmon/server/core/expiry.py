# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletes what is past its time, in pieces small enough that collecting goes on between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from tmon.server.store.base import Store

PIECE_ROWS: Final = 5_000
PAUSE_S: Final = 0.02
"""Between two pieces; commits that waited are made meanwhile."""


def expire(
    store: Store,
    call: Callable[[Callable[[], Any]], Future[Any]],
    retention_days: Mapping[int, int],
    now_ms: int,
    stopping: threading.Event,
    *,
    piece_rows: int = PIECE_ROWS,
    pause_s: float = PAUSE_S,
) -> int:
    """Delete until nothing is left to delete, or `stopping` is set; returns the number of pieces.

    `call` runs a function on the thread that owns the store. Raises StoreError, WriterError.
    """
    pieces = 1
    while call(lambda: store.expire(now_ms, retention_days, piece_rows)).result():
        if stopping.wait(pause_s):
            break
        pieces += 1
    return pieces
