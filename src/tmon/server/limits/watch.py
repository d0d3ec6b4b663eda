# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds, every second, what is used for longer than its limit, and has warnings written."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from tmon.server.modules.cataloguing import catalogue_of
from tmon.server.sessions import Rule, Session

from .matching import Limits
from .models import Limit
from .rounds import INTERVAL_S, Figures, Rounds
from .rule import exceeded_ms
from .warned import Found, give

log = structlog.get_logger(__name__)

LATE_MS: Final = 10 * 60_000
"""How much later than its idle time a session is still looked at: senders may have been away, or this server."""
AT_ONCE: Final = 500
"""Violations of a web service that are written in one transaction; the next ones a second later."""
IDLE_MS: Final = Rule().idle_ms


class Stored(Protocol):
    """A session by its number, which is never given again."""

    @property
    def number(self) -> int:
        """The number."""

    @property
    def source(self) -> str:
        """Who told of it, "" where it was made of requests."""

    @property
    def session(self) -> Session:
        """The session."""


class Sessions(Protocol):
    """What knows the sessions: the store, or a reader of it."""

    def live_sessions(self, wsid: int, since_ms: int, *, ended: bool) -> Sequence[Stored]:
        """Those whose last sign of life is of `since_ms` or later, or whose end. Raises StoreError."""


def _usual(wsid: int) -> int:
    return IDLE_MS


class Watch(Rounds):
    """The thread that looks at `sessions`.

    `idle_ms` says after how long without a sign of life a web service's sessions end. `noticed` is called after new
    warnings are written. Without a limit a look is one short question to the accounts database.
    """

    def __init__(
        self,
        sessions: Sessions,
        figures: Figures,
        *,
        idle_ms: Callable[[int], int] = _usual,
        noticed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        interval_s: float = INTERVAL_S,
        registry: CollectorRegistry | None = None,
    ) -> None:
        super().__init__("watch", figures, interval_s)
        self._sessions = sessions
        self._idle_ms = idle_ms
        self._noticed = noticed
        self._clock = clock
        self._known: set[tuple[int, int, int, int]] = set()
        """What was over its limit when it was looked at last, and has its warning: nothing is asked about it again."""
        registry = registry or CollectorRegistry()
        self._warnings = Counter("tmon_limits_warnings", "Warnings that were given.", registry=registry)
        self._left_out = Counter(
            "tmon_limits_left_out",
            "Violations without a warning, because their web service has too many.",
            registry=registry,
        )

    def round(self) -> None:
        """Look once. Raises StoreError, django.db.Error."""
        limits: defaultdict[int, dict[str, int]] = defaultdict(dict)
        for wsid, object_, minutes in Limit.objects.order_by().values_list(
            "webservice_id", "object", "minutes"
        ):
            limits[wsid][object_] = minutes
        known: set[tuple[int, int, int, int]] = set()
        trouble: Exception | None = None
        for wsid, minutes_of in limits.items():
            try:
                known |= self._look(wsid, Limits(minutes_of, catalogue_of(wsid).find))
            except Exception as error:  # noqa: BLE001 - raised below; the others are looked at all the same
                trouble = trouble or error
        self._known = known
        if trouble is not None:
            raise trouble

    def _look(self, wsid: int, limits: Limits) -> set[tuple[int, int, int, int]]:
        """What of a web service is over its limit, and has its warning now."""
        now_s = self._clock()
        now_ms, idle_ms = int(now_s * 1000), self._idle_ms(wsid)
        over: dict[tuple[int, int, int, int], Found] = {}
        for one in self._sessions.live_sessions(wsid, now_ms - idle_ms - LATE_MS, ended=True):
            limit = limits.of(one.session.object)
            if limit is None:
                continue
            at = exceeded_ms(one.session, limit.minutes, now_ms, idle_ms)
            if at is not None:
                over[wsid, one.number, limit.minutes, at] = Found(
                    one.number, one.source, one.session, limit, at
                )
        fresh = [found for key, found in over.items() if key not in self._known][:AT_ONCE]
        if fresh:
            given = give(wsid, fresh, now_s)
            self._warnings.inc(given.warnings)
            if given.left_out:
                self._left_out.inc(given.left_out)
                log.error(
                    "violations of time limits are not told", wsid=wsid, why="too many", n=given.left_out
                )
            if given.deliveries:
                self._noticed()
        written = {(wsid, one.number, one.limit.minutes, one.exceeded_ms) for one in fresh}
        return {key for key in over if key in self._known or key in written}
