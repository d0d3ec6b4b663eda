# SPDX-License-Identifier: GPL-3.0-or-later
"""What the log of a MemoryStore consists of."""

from __future__ import annotations

from dataclasses import dataclass

from tmon.server.calendar import Day
from tmon.server.events import Event
from tmon.server.store.base import Envelope, Outcome


@dataclass(frozen=True, slots=True)
class Received:
    """An envelope was appended; its events follow under their own numbers."""

    seq: int
    wsid: int
    received_ms: int
    envelope: Envelope
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the envelope before it, with the envelope's time of receipt and source."""

    seq: int
    wsid: int
    received_ms: int
    source: str
    event: Event


@dataclass(frozen=True, slots=True)
class Closing:
    """A local day was closed."""

    seq: int
    wsid: int
    day: Day


@dataclass(frozen=True, slots=True)
class Erasure:
    """A user name was erased: the events before it no longer have it, the counts are to follow."""

    seq: int
    wsid: int
    username: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """A web service was deleted."""

    seq: int
    wsid: int


Item = Received | Logged | Closing | Erasure | Deletion
