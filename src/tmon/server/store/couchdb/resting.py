# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node is asked first, and how long one that has failed is left alone. No I/O.

Nodes take turns. One that fails rests: for a moment, then for twice as long with each failure that follows, up to a
bound, and each time for a random part of that, so that many clients do not come back at once. When its rest is over a
single request tries it first, while others go on passing it by. Whatever rests is still asked where no other node has
answered.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 0.25
LONGEST_S: Final = 15.0


@dataclass(slots=True)
class _State:
    failures: int = 0
    since: float = 0.0
    until: float = 0.0


class Rests:
    """The nodes 0 to `count` - 1. From any thread. Times are `clock`'s, in seconds."""

    def __init__(
        self,
        count: int,
        *,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self._first_s, self._longest_s = first_s, longest_s
        self._chance = chance
        self._states = [_State() for _ in range(count)]
        self._turn = int(chance() * count)  # several collectors begin at several nodes
        self._lock = threading.Lock()

    def order(self, trying_s: float) -> list[int]:
        """All nodes, the one to ask first first; where that has failed before, others pass it by for `trying_s`."""
        with self._lock:
            now, count = self.clock(), len(self._states)
            self._turn = (self._turn + 1) % count
            turns = [(self._turn + number) % count for number in range(count)]
            awake = [node for node in turns if not self._states[node].failures]
            resting = sorted(
                (node for node in turns if self._states[node].failures),
                key=lambda node: self._states[node].until,
            )
            if resting and self._states[resting[0]].until <= now:
                self._states[resting[0]].until = now + trying_s
                return [resting[0], *awake, *resting[1:]]
            return [*awake, *resting]

    def failed(self, node: int, begun: float) -> None:
        """The node has failed at what was begun then. Failures side by side are one."""
        with self._lock:
            state, now = self._states[node], self.clock()
            if state.failures and begun < state.since:
                return
            state.failures += 1
            longest = min(self._longest_s, self._first_s * 2.0 ** min(state.failures - 1, 64))
            state.since = now
            state.until = now + longest * (0.5 + 0.5 * self._chance())

    def worked(self, node: int, begun: float) -> None:
        """The node has done what was begun then. That says nothing of it where it has failed since."""
        with self._lock:
            state = self._states[node]
            if begun >= state.since:
                state.failures, state.until = 0, 0.0

    def pause_s(self) -> float:
        """How long until a node's rest is over; 0 where one is awake."""
        with self._lock:
            now = self.clock()
            return max(0.0, min(state.until if state.failures else now for state in self._states) - now)
