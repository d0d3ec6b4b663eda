# SPDX-License-Identifier: GPL-3.0-or-later
"""How many events each web service may report per second: token buckets with one second's burst."""

from __future__ import annotations

TABLE = 10_000
"""Bound of the table; on reaching it the buckets that are full again are forgotten."""


class EventBudgets:
    """The buckets by web service. Used by one thread at a time; `now` is in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._levels: dict[int, tuple[float, float]] = {}

    def charge(self, wsid: int, events: int, per_second: int, now: float) -> float:
        """Take `events` from the web service's bucket, which holds and regains `per_second`.

        Returns 0 if that was possible, else after how many seconds it will be, and takes nothing. What is larger
        than the bucket passes when the bucket is full, and leaves a debt.
        """
        level, then = self._levels.get(wsid, (float(per_second), now))
        level = min(float(per_second), level + (now - then) * per_second)
        needed = min(events, per_second)
        if level < needed:
            self._levels[wsid] = (level, now)
            return (needed - level) / per_second
        if len(self._levels) >= TABLE and wsid not in self._levels:
            self._forget(now)
        self._levels[wsid] = (level - events, now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget the buckets that nobody has touched for a minute and that are not in debt."""
        self._levels = {
            wsid: (level, then)
            for wsid, (level, then) in self._levels.items()
            if level < 0 or now - then < 60.0
        }
