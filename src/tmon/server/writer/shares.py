# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds each web service to its share of the disk: who has used it up is refused until old events have gone.

What a web service has in the log is estimated by what it reported, as bytes of plaintext per day of receipt, over the
days for which its events are kept. The store adds that up while it appends; here it is looked at by the periodic work,
so that an envelope costs one look into a dictionary and no question scans anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter

from tmon.server.store.base import DAY_MS, Envelope, Outcome, Store, StoreError

from .errors import Busy, NotStored, OverShare
from .gathering import MOST_S
from .group_commit import Answered, Writer

RETRY_AFTER_S: Final = 300.0
"""Room comes with the next day that expires, or when somebody gives the web service more; nobody knows when."""


class Share(NamedTuple):
    """How many bytes of plaintext a web service may have in the log, and for how many days events stay there."""

    bytes: int
    days: int


class DiskShares:
    """Stands before a writer and takes envelopes for it. `submit` belongs to the writer's event loop.

    `share` gives a web service's by its id, and never blocks.
    """

    def __init__(
        self,
        writer: Writer,
        store: Store,
        share: Callable[[int], Share],
        *,
        clock: Callable[[], float] = time.time,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._writer = writer
        self._store = store
        self._share = share
        self._clock = clock
        self._used: dict[int, int] = {}
        self._refused = Counter(
            "tmon_over_share",
            "Envelopes refused because their web service has used up its share of the disk.",
            registry=registry or CollectorRegistry(),
        )

    def look(self) -> None:
        """See how much every web service has in the log. Called now and then, on any thread; raises StoreError."""
        today = int(self._clock() * 1000) // DAY_MS
        self._used = {
            wsid: sum(size for day, size in days.items() if day >= today - self._share(wsid).days)
            for wsid, days in self._store.sizes().items()
        }

    def take(self, envelope: Envelope, size: int, answered: Answered) -> None:
        """See Writer.take. One whose web service has used up its share gets OverShare.

        That holds for new ones: one that is stored already gets its outcome, as with every other refusal.
        """
        used = self._used.get(envelope.wsid)
        if used is not None and used >= self._share(envelope.wsid).bytes:
            self._refuse(envelope, answered)
            return
        envelope.size = size
        self._writer.take(envelope, size, answered)

    def _refuse(self, envelope: Envelope, answered: Answered) -> None:
        loop = asyncio.get_running_loop()
        identity = (envelope.wsid, envelope.id)

        def found(asked: asyncio.Future[dict[tuple[int, bytes], Outcome]]) -> None:
            try:
                outcome = asked.result().get(identity)
            except StoreError:
                answered(NotStored("the store is away", 2.0))
                return
            if outcome is not None:
                answered(outcome)
            else:
                self._refused.inc()
                answered(OverShare("the web service has used up its share of the disk", RETRY_AFTER_S))

        def ask() -> None:
            try:
                asked = self._writer.call(lambda: self._store.outcomes([identity]))
            except Busy as error:
                answered(error)
            else:
                asyncio.wrap_future(asked, loop=loop).add_done_callback(found)

        # The writer's thread does what it is given in order. When what the loop had gathered before has been handed
        # over, the same envelope, if it is on its way, is stored before its outcome is looked up.
        loop.call_later(2 * MOST_S, ask)
