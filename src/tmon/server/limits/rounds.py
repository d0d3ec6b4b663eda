# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread that does one thing over and over, and says whether it can."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import Final

import structlog
from django.db import Error, close_old_connections, connections
from prometheus_client import CollectorRegistry, Gauge

from tmon.server.store.base import StoreError

log = structlog.get_logger(__name__)

INTERVAL_S: Final = 1.0


class Figures:
    """What /metrics shows of these threads, by their names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last_success = Gauge(
            "tmon_limits_last_success_seconds",
            "Unix time at which a part of the time limits last did its work.",
            ["part"],
            registry=registry,
        )
        self.failing = Gauge(
            "tmon_limits_failing",
            "1 while a part of the time limits can't do its work.",
            ["part"],
            registry=registry,
        )


class Rounds(ABC):
    """Calls `round` every `interval_s`, and at once when woken.

    What it raises is logged once and remembered until it succeeds again. It has connections of its own to the accounts
    database.
    """

    def __init__(self, name: str, figures: Figures, interval_s: float = INTERVAL_S) -> None:
        self._name = name
        self._figures = figures
        self._interval_s = interval_s
        self._woken = threading.Event()
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failing: str | None = None
        """Why it could not do its work when it last tried."""
        figures.failing.labels(name).set(0)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self.stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Have the next round begin at once. Any thread may call this."""
        self._woken.set()

    @abstractmethod
    def round(self) -> None:
        """What is done. Raises whatever it likes."""

    def ended(self) -> None:  # noqa: B027 - not every part has something to let go of
        """Called on the thread after the last round."""

    def _run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.attempt()
                self._woken.wait(self._interval_s)
                self._woken.clear()
            self.ended()
        except Error as error:  # what is left to do is in the tables
            log.error("time limits end badly", part=self._name, why=str(error))
        finally:
            connections.close_all()

    def attempt(self) -> None:
        """Do one round and remember how that went."""
        try:
            close_old_connections()
            self.round()
        except Exception as error:
            if self.stopping.is_set():
                return
            if self.failing is None:
                foreseen = isinstance(error, (Error, StoreError))
                log.error("time limits fail", part=self._name, why=str(error), exc_info=not foreseen)
            self.failing = str(error)
            self._figures.failing.labels(self._name).set(1)
        else:
            if self.failing is not None:
                log.info("time limits succeed again", part=self._name)
            self.failing = None
            self._figures.failing.labels(self._name).set(0)
            self._figures.last_success.labels(self._name).set(time.time())
