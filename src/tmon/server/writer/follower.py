# SPDX-License-Identifier: GPL-3.0-or-later
"""The follower: the thread that brings the views up to the end of the log.

It is woken by commits. As long as nobody asks it passes at most twice a second, because counting many events at
once is cheaper; who asks a question has it pass at once.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from tmon.server.store.base import Stats, Store, StoreError

log = structlog.get_logger(__name__)

PASS_EVERY_S: Final = 0.5
BACK_OFF_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class _Asked:
    """Somebody waits until the views have reached `target`, an entry's number."""

    __slots__ = ("reached", "target")

    def __init__(self, target: int) -> None:
        self.target = target
        self.reached = threading.Event()


class Follower:
    """Advances the views of one store. `wake` and `settle` may be called on any thread."""

    def __init__(
        self, store: Store, *, pass_every_s: float = PASS_EVERY_S, registry: CollectorRegistry | None = None
    ) -> None:
        self._store = store
        self._pass_every_s = pass_every_s
        self._changed = threading.Condition()
        self._commits = 1
        self._counted = 0
        """The value of `_commits` that the views have caught up with."""
        self._asked: list[_Asked] = []
        self._passed_at = -float("inf")
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.failing: str | None = None
        """Why the last pass failed; None if it did not."""
        self.behind_s = 0.0
        """How far the views were behind when they last advanced, in seconds; 0 once they have reached the end."""
        registry = registry or CollectorRegistry()
        self._passes = Counter("tmon_views_passes", "Passes that brought views further.", registry=registry)
        self._errors = Counter("tmon_views_errors", "Passes that failed.", registry=registry)
        Gauge("tmon_views_failing", "1 while the last pass failed.", registry=registry).set_function(
            lambda: float(self.failing is not None)
        )

    def start(self) -> None:
        """Start the thread; it begins with a pass."""
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the pass that is under way. What is left is counted after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Say that the log has grown."""
        with self._changed:
            self._commits += 1
            self._changed.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Have the views reach the present end of the log; returns whether they did within `timeout_s`."""
        if self._counted == self._commits:
            return True
        try:
            asked = _Asked(self._stats().last_seq)
        except StoreError:
            return False
        with self._changed:
            if self._stopping:
                return False
            self._asked.append(asked)
            self._changed.notify_all()
        if asked.reached.wait(timeout_s):
            return True
        with self._changed:
            if asked in self._asked:
                self._asked.remove(asked)
        return asked.reached.is_set()

    # -- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while self._wait():
            try:
                self._pass()
            except Exception as error:
                self.failing, self.behind_s = f"the views do not advance: {error}", 0.0
                self._errors.inc()
                if not failures:
                    log.error(
                        "views do not advance", why=str(error), exc_info=not isinstance(error, StoreError)
                    )
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._stopping, BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
                    )
                failures += 1
            else:
                if failures:
                    log.info("views advance again")
                failures, self.failing = 0, None

    def _wait(self) -> bool:
        """Wait until a pass is due; False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._counted != self._commits or self._asked or self._stopping)
            pause_s = self._passed_at + self._pass_every_s - time.monotonic()
            if pause_s > 0:
                self._changed.wait_for(lambda: self._asked or self._stopping, pause_s)
            return not self._stopping

    def _pass(self) -> None:
        """Advance to where the log ended when the pass began, or until it is time to end.

        What is appended meanwhile is the next pass's: whoever goes on until nothing is left follows each commit under
        load, with a pass of a few events for each.
        """
        with self._changed:
            commits = self._commits
        began = time.monotonic()
        end = self._stats().last_seq
        more = True
        while more and not self._stopping:
            with self._changed:
                asked = list(self._asked)
            more = self._store.advance()
            self._passes.inc()
            stats = self._stats() if more else None
            self.behind_s = stats.behind_ms / 1000 if stats is not None else 0.0
            if asked:
                self._release([one for one in asked if stats is None or one.target <= stats.position])
            more = stats is not None and (stats.position < end or bool(stats.filling))
        if not more:
            self._counted = commits
        self._passed_at = began

    def _stats(self) -> Stats:
        return self._store.stats(int(time.time() * 1000))

    def _release(self, reached: list[_Asked]) -> None:
        with self._changed:
            for one in reached:
                one.reached.set()
                if one in self._asked:
                    self._asked.remove(one)
