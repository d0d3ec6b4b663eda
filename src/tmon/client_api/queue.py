# SPDX-License-Identifier: LGPL-3.0-or-later
"""Holds the encoded events that wait to be sent, oldest first, within bounds.

What does not fit is turned away (the newest, so that what is there stays a gapless record), never waited
for: the program that is being tracked comes first.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a batch is sent, and how much may wait. Raises ValueError for values outside their ranges."""

    batch_events: int = 500
    batch_bytes: int = 1024 * 1024
    batch_age_s: float = 1.0
    queue_events: int = 10_000
    queue_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        """Hold each limit against its range."""
        if not 1 <= self.batch_events <= 10_000:
            raise ValueError("batch_events is a number from 1 to 10,000, the most that an envelope may carry")
        if not 1 <= self.batch_bytes <= 4 * 1024 * 1024:
            raise ValueError("batch_bytes is a number from 1 to 4 MiB")
        if not 0 <= self.batch_age_s <= 3600:
            raise ValueError("batch_age_s is a number of seconds from 0 to 3600")
        if self.queue_events < 1 or self.queue_bytes < 1:
            raise ValueError("queue_events and queue_bytes are at least 1")


class Queue:
    """A bounded queue that hands out batches. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: bytes) -> bool:
        """Add an event; False if there is no room for it."""
        limits = self._limits
        if len(self._waiting) >= limits.queue_events or self._bytes + len(event) > limits.queue_bytes:
            return False
        self._waiting.append((time.monotonic(), event))
        self._bytes += len(event)
        return True

    def fills_a_batch(self) -> bool:
        """Whether there is enough for a whole batch."""
        return len(self._waiting) >= self._limits.batch_events or self._bytes >= self._limits.batch_bytes

    def due_in_s(self) -> float | None:
        """Seconds until the oldest event has waited long enough; None for an empty queue."""
        if not self._waiting:
            return None
        if self.fills_a_batch():
            return 0.0
        return self._waiting[0][0] + self._limits.batch_age_s - time.monotonic()

    def take(self) -> list[bytes]:
        """Remove and return the oldest events, as many as one batch holds; at least one if there is one."""
        events: list[bytes] = []
        size = 0
        while self._waiting and len(events) < self._limits.batch_events:
            event = self._waiting[0][1]
            if events and size + len(event) > self._limits.batch_bytes:
                break
            self._waiting.popleft()
            size += len(event)
            events.append(event)
        self._bytes -= size
        return events

    def clear(self) -> int:
        """Remove everything; returns how many events that were."""
        count = len(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return count
