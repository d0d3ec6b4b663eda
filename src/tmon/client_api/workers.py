# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts a sender's threads, each once and when there is something to do; or does their work where none can start.

They are started without the sender's lock: `Thread.start` waits for the thread, and under gevent, where threads
are greenlets that share one lock's owner if they were patched late, that would let another one in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from . import lifetime

# A thread that the system would not start is not asked for again with each event.
START_AGAIN_AFTER_S: Final = 1.0


class Workers:
    """The threads for `jobs`, which are started in that order. Methods may be called from any thread."""

    def __init__(self, *jobs: tuple[str, Callable[[], None]]) -> None:
        self._jobs: Sequence[tuple[str, Callable[[], None]]] = jobs
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self._not_before = 0.0

    @property
    def incomplete(self) -> bool:
        """Whether a job has no thread yet."""
        return len(self._threads) < len(self._jobs)

    def start(self) -> None:
        """Start what is not started, unless somebody does that just now or it was refused a moment ago."""
        if not self._starting.acquire(blocking=False):
            return
        try:
            if time.monotonic() >= self._not_before:
                self._start_all()
        finally:
            self._starting.release()

    def finish(self, deadline: float) -> bool:
        """Start what is not started, in this thread if need be, and wait for the end until `deadline` (monotonic)."""
        if self._starting.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            try:
                self._start_all()
            finally:
                self._starting.release()
            for _, job in self._jobs[len(self._threads) :]:
                # An interpreter that is shutting down starts no threads.
                job()
        return self.join(deadline)

    def join(self, deadline: float) -> bool:
        """Wait for the end of what was started; whether it came until `deadline` (monotonic)."""
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def here(self) -> bool:
        """Whether the calling thread is one of these."""
        return threading.current_thread() in self._threads

    def _start_all(self) -> None:
        lifetime.attend()
        for name, job in self._jobs[len(self._threads) :]:
            thread = threading.Thread(target=job, name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the process may not have more, or it is shutting down
                self._not_before = time.monotonic() + START_AGAIN_AFTER_S
                return
            self._threads.append(thread)
