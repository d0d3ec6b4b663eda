# SPDX-License-Identifier: GPL-3.0-or-later
"""Refreshes the keyring for envelopes that did not open: their web service or key may be younger than the last look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

import structlog

log = structlog.get_logger(__name__)

AT_MOST_EVERY_S: Final = 0.2


class Refresher:
    """Runs `refresh`, which blocks, on `executor`: at most every 0.2 seconds, for everybody who waits at once."""

    def __init__(
        self, refresh: Callable[[], object], executor: Executor, *, at_most_every_s: float = AT_MOST_EVERY_S
    ) -> None:
        self._refresh = refresh
        self._executor = executor
        self._at_most_every_s = at_most_every_s
        self._last = -float("inf")
        self._next: asyncio.Task[bool] | None = None

    async def refreshed(self) -> bool:
        """Return when a refresh that began after this call has ended: True, or False if it failed."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._run())
        return await asyncio.shield(self._next)

    async def _run(self) -> bool:
        pause_s = self._last + self._at_most_every_s - time.monotonic()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        self._next = None  # who comes from now on waits for the one after
        self._last = time.monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._refresh)
        except Exception:
            log.exception("the keyring could not be refreshed")
            return False
        return True
