# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keeps the books of one run of a sender: its envelopes' numbers, what it sent, and what it lost.

A run is one process (a fork begins a new one) from its first event to `close`. The server compares these
books with what it stored, so that no loss goes unseen.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import Final

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


MAX_REASONS: Final = 32
"""Reasons for losses that an envelope may name; the server refuses one with more."""


class Run:
    """The bookkeeping of one run. Not thread-safe: its owner holds a lock around every call."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.id = os.urandom(8).hex()
        self.envelopes = 0
        self.sealed = 0
        self.lost: dict[str, int] = {}
        self.unreported_since: float | None = None
        self._never_sealed = 0

    def drop(self, reason: str, count: int = 1) -> None:
        """Count `count` events as lost that no envelope will carry."""
        self._never_sealed += count
        self._lose(reason, count)

    def lose_sealed(self, reason: str, count: int) -> None:
        """Count `count` events as lost that an envelope already counted as sent."""
        self._lose(reason, count)

    def number(self) -> int:
        """Return the number of the next envelope."""
        self.envelopes += 1
        return self.envelopes

    def head(self, count: int, *, close: bool = False, stream: str | None = None) -> dict[str, object]:
        """Number the next envelope, which carries `count` events; returns all of it but `events`."""
        self.number()
        self.sealed += count
        self.unreported_since = None
        head: dict[str, object] = {
            "source": self.source,
            "run": self.id,
            "seq": self.envelopes,
            "sent_at": round(time.time(), 3),
            "sent": self.sealed + self._never_sealed,
        }
        if self.lost:
            head["lost"] = dict(self.lost)
        if close:
            head["close"] = True
        if stream is not None:
            head["stream"] = stream
        return head

    def _lose(self, reason: str, count: int) -> None:
        if count:
            add_loss(self.lost, reason, count)
            if self.unreported_since is None:
                self.unreported_since = time.monotonic()


def add_loss(lost: dict[str, int], reason: str, count: int) -> None:
    """Add `count` events to those that are `lost` by reason; reasons beyond what an envelope may have are `other`."""
    if reason not in lost and len(lost) >= MAX_REASONS - 1:
        reason = "other"
    lost[reason] = lost.get(reason, 0) + count


def plaintext(head: dict[str, object], events: Sequence[bytes]) -> bytes:
    """Return the JSON of an envelope: `head` and the already encoded `events`."""
    return b"".join((to_json(head)[:-1], b',"events":[', b",".join(events), b"]}"))


def to_json(value: object) -> bytes:
    """Return `value` as compact UTF-8 JSON."""
    return _encode(value).encode("utf-8")
