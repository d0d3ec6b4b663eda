# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs jobs over and over on one thread, and remembers when each ran, how long it took and whether it failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from tmon.server.store.base import StoreError
from tmon.server.writer import WriterError

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 60.0
FIRST_AFTER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do in every round. `run` gets an event that is set when it is time to end."""

    name: str
    run: Callable[[threading.Event], None]


class Figures:
    """What /metrics shows of jobs, by their names. Several threads of jobs share them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last_run = Gauge(
            "tmon_periodic_last_success_seconds",
            "Unix time of a job's last success.",
            ["job"],
            registry=registry,
        )
        self.duration = Gauge(
            "tmon_periodic_duration_seconds", "How long a job took last time.", ["job"], registry=registry
        )
        self.failed = Gauge(
            "tmon_periodic_failing", "1 while a job's last run failed.", ["job"], registry=registry
        )


class Periodic:
    """The thread that runs `jobs` in order, first `first_after_s` after the start and then every `interval_s`.

    `foreseen` are the errors of a job that mean that something else is away: they are logged without a traceback.
    `ended` is called on the thread after its last job; whoever opened something per thread closes it there. `figures`
    are those of another thread of jobs with the same registry.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        interval_s: float = INTERVAL_S,
        first_after_s: float = FIRST_AFTER_S,
        foreseen: tuple[type[Exception], ...] = (StoreError, WriterError),
        ended: Callable[[], None] = lambda: None,
        registry: CollectorRegistry | None = None,
        figures: Figures | None = None,
    ) -> None:
        self._jobs = tuple(jobs)
        self._interval_s = interval_s
        self._first_after_s = first_after_s
        self._foreseen = foreseen
        self._ended = ended
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failing: dict[str, str] = {}
        """Why jobs failed when they last ran, by their names."""
        self.figures = figures or Figures(registry or CollectorRegistry())
        for job in self._jobs:
            self.figures.failed.labels(job.name).set(0)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="periodic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the piece of work that is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause_s = self._first_after_s
        try:
            while not self._stopping.wait(pause_s):
                for job in self._jobs:
                    if not self._stopping.is_set():
                        self.round(job)
                pause_s = self._interval_s
        finally:
            self._ended()

    def round(self, job: Job) -> None:
        """Run `job` once and remember how that went."""
        started = time.monotonic()
        try:
            job.run(self._stopping)
        except Exception as error:
            if self._stopping.is_set():
                return
            if job.name not in self.failing:
                log.error(
                    "periodic work failed",
                    job=job.name,
                    why=str(error),
                    exc_info=not isinstance(error, self._foreseen),
                )
            self.failing[job.name] = str(error)
            self.figures.failed.labels(job.name).set(1)
        else:
            if self.failing.pop(job.name, None) is not None:
                log.info("periodic work succeeds again", job=job.name)
            self.figures.failed.labels(job.name).set(0)
            self.figures.last_run.labels(job.name).set(time.time())
        self.figures.duration.labels(job.name).set(time.monotonic() - started)
