# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tells what goes wrong: to the log once per reason, to the program's `on_error` each time, bundled by second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

log = logging.getLogger("tmon")

BUNDLE_S: Final = 1.0
"""Losses of one reason that follow each other faster than this are told together."""
OUTAGES: Final = frozenset({"unreachable", "parked"})
SAY_AGAIN_S: Final = 60.0
"""An outage is logged anew, but of those of a server that comes and goes only one a minute."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What `on_error` is told: a word for the reason, how many events it concerns, and a sentence.

    The reasons under which events are lost are those of `Stats.lost`. Beside them there are `unreachable` and
    `parked` (events wait), `rejected` (the server does not take them) and `spool` (the disk fails; nothing
    is lost by that alone).
    """

    reason: str
    events: int
    message: str


OnError = Callable[[Trouble], object]


class Herald:
    """Knows what has been said in this run. May be called from any thread, and never raises."""

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self._lock = threading.RLock()
        self._logged_at: dict[str, float] = {}
        self._outage_said = False
        self._told_at: dict[str, float] = {}
        self._untold: dict[str, Trouble] = {}
        self._noted: list[Trouble] = []

    def tell(self, reason: str, message: str, events: int = 0) -> None:
        """Log `message` if it is the first of its reason, and tell `on_error` of `events` more events."""
        now = time.monotonic()
        if self._is_new(reason, now):
            log.warning("%s", message)
        if self._on_error is None:
            return
        with self._lock:
            earlier = self._untold.pop(reason, None)
            trouble = Trouble(reason, events + (earlier.events if earlier else 0), message)
            if events and now - self._told_at.get(reason, -BUNDLE_S) < BUNDLE_S:
                self._untold[reason] = trouble
                return
            self._told_at[reason] = now
        self._call(trouble)

    def note(self, reason: str, message: str) -> None:
        """Have `tell_rest` tell it: for whoever holds a lock that the program's own code could ask for."""
        with self._lock:
            self._noted.append(Trouble(reason, 0, message))

    def tell_back(self) -> None:
        """Log that an outage is over, if it was said that there is one."""
        with self._lock:
            said, self._outage_said = self._outage_said, False
        if said:
            log.info("the server answers again")

    def tell_rest(self, *, ending: bool = False) -> None:
        """Tell what was noted, and what was bundled and is due; all of it when the run is `ending`."""
        with self._lock:
            noted, self._noted = self._noted, []
        for trouble in noted:
            self.tell(trouble.reason, trouble.message)
        now = time.monotonic()
        with self._lock:
            due = [one for one in self._untold if ending or now - self._told_at[one] >= BUNDLE_S]
            troubles = [self._untold.pop(reason) for reason in due]
            self._told_at.update(dict.fromkeys(due, now))
        for trouble in troubles:
            self._call(trouble)

    def _call(self, trouble: Trouble) -> None:
        if self._on_error is None:
            return
        try:
            self._on_error(trouble)
        except Exception as error:  # noqa: BLE001 (whatever it raises stays out of the program's way)
            if self._is_new("on_error", time.monotonic()):
                log.warning("on_error itself failed: %s", type(error).__name__)

    def _is_new(self, reason: str, now: float) -> bool:
        with self._lock:
            earlier = self._logged_at.get(reason)
            outage = reason in OUTAGES
            if earlier is not None and not (outage and now - earlier >= SAY_AGAIN_S):
                return False
            self._logged_at[reason] = now
            self._outage_said = self._outage_said or outage
            return True
