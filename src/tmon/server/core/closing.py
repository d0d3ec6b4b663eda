# SPDX-License-Identifier: GPL-3.0-or-later
"""Closes days that are over and destroys the salts of their visitors: nobody can be recognised in them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol

from tmon.server.store.base import DAY_CLOSES_AFTER_MS, Store

DAY_AT_MOST_MS: Final = 50 * 3_600_000
"""No local day is longer, not even one in which the web service moves to another time zone."""


class Salts(Protocol):
    """What is needed of tenants.salts."""

    def known(self) -> Mapping[tuple[int, int], int]:
        """When each salt that is not destroyed was made, in Unix milliseconds, by (wsid, day)."""

    def destroy(self, wsid: int, day: int) -> None:
        """Destroy a salt for good."""


def close_days(
    store: Store, call: Callable[[Callable[[], Any]], Future[Any]], salts: Salts, now_ms: int
) -> int:
    """Close the days that are due and destroy every salt that has no use any more; returns how many days closed.

    `call` runs a function on the thread that owns the store; salts are destroyed on this one. A crash between the two
    leaves salts of closed days, which the next time finds. A salt whose day the store does not know was made for events
    that never arrived: it goes 48 hours after the later of that day's end and its own making.

    Raises StoreError, SaltsUnavailable, WriterError.
    """
    days = call(lambda: store.close_days(now_ms)).result()
    for day in days:
        salts.destroy(day.wsid, day.start)
    made = salts.known()
    useless = store.closed(made)
    idle = {
        (wsid, start)
        for (wsid, start), made_ms in made.items()
        if max(start * 1000 + DAY_AT_MOST_MS, made_ms) + DAY_CLOSES_AFTER_MS <= now_ms
    } - useless
    useless |= idle - store.opened(idle)
    for wsid, start in sorted(useless):
        salts.destroy(wsid, start)
    return len(days)
