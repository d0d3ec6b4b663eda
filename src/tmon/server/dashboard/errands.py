# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that may take longer than a page makes people wait: it goes on when the page has been answered.

Each errand has a thread of its own, so that the threads which answer pages are held for a few seconds at most, and
there are only so many. An errand writes into the audit log what became of it, for whoever did not wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

import structlog
from django.db import connections

log = structlog.get_logger(__name__)

Done = TypeVar("Done")

AT_ONCE = 4
WAIT_S = 4.0
"""How long a page waits for its errand."""


class TooMany(Exception):
    """As many errands are under way as may be; nothing was begun."""


class Errands:
    """Those of this process."""

    def __init__(self, at_once: int = AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._free = threading.BoundedSemaphore(at_once)
        self._wait_s = wait_s

    def run(self, name: str, errand: Callable[[], Done]) -> Done | None:
        """What `errand` returns, or None where it goes on. Raises TooMany, and what the errand raises meanwhile."""
        if not self._free.acquire(blocking=False):
            raise TooMany
        done: Future[Done] = Future()
        waited = threading.Event()

        def work() -> None:
            try:
                done.set_result(errand())
            except BaseException as error:  # noqa: BLE001 (whoever waits gets it)
                if waited.is_set():
                    log.error("an errand failed", errand=name, why=str(error))
                done.set_exception(error)
            finally:
                connections.close_all()
                self._free.release()

        threading.Thread(target=work, name=f"errand: {name}", daemon=True).start()
        wait([done], self._wait_s)
        waited.set()
        return done.result() if done.done() else None
