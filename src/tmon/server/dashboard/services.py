# SPDX-License-Identifier: GPL-3.0-or-later
"""What the views of this room ask, handed in once by the program that serves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tmon.server.query import Live, Questions, Reader, Sessions, Settle, Subject
from tmon.server.tenants import Keyring, StoreAway

from .errands import Errands

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Has whoever owns the event store carry out a command, which may take a minute. Raises StoreAway."""


@dataclass(frozen=True, slots=True)
class Services:
    """What answers questions, what knows the web services' calendars, and what has the store change something."""

    questions: Questions
    public_questions: Questions
    """For guests: of views that are public, and filtered by such."""
    live: Live
    sessions: Sessions
    keyring: Keyring
    ask: Ask
    errands: Errands

    def subject(self, wsid: int) -> Subject | None:
        """The web service as the query room knows it; None where there is none.

        One that was made a moment ago is looked up; raises django.db.Error where that fails.
        """
        service = self.keyring.get(wsid)
        if service is None:
            self.keyring.refresh()
            service = self.keyring.get(wsid)
        if service is None:
            return None
        return Subject(wsid, service.calendar, service.keys[0].id if service.keys else None)

    def look(self, wsid: int, newest: int | None, most: int, tick: bool) -> tuple[list[Any], Any, int | None]:
        """What is new for those who watch a web service: requests, a tick if one is due, and where to go on.

        Raises StoreError, django.db.Error.
        """
        subject = self.subject(wsid)
        if subject is None:
            return [], None, newest
        arrivals = self.live.arrivals(subject, newest, most)
        return arrivals.events, self.live.tick(subject) if tick else None, arrivals.newest


_wired: Services | None = None


def _nobody(command: Mapping[str, Any]) -> Mapping[str, Any]:
    raise StoreAway("nobody here owns the event store")


def wire(
    store: Reader,
    settle: Settle,
    keyring: Keyring,
    clock: Callable[[], float] = time.time,
    ask: Ask = _nobody,
) -> None:
    """Have the views ask `store`; call it before the first request.

    `settle(seconds)` has the store's views brought to the log's end and returns then, or after so many seconds.
    `clock` gives the Unix time in seconds. `ask` is for what changes the store.
    """
    global _wired  # noqa: PLW0603 - Django makes the views, so there is nobody to hand this to
    _wired = Services(
        Questions(store, settle, clock),
        Questions(store, settle, clock, public=True),
        Live(store, settle, clock),
        Sessions(store, settle, clock),
        keyring,
        ask,
        Errands(),
    )


def wired() -> Services:
    """What `wire` was given."""
    if _wired is None:
        raise RuntimeError("call tmon.server.dashboard.services.wire before serving")
    return _wired
