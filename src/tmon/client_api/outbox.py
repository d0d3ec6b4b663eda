# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keeps sealed parcels until the server has decided about them, the oldest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from .parcel import Parcel


class Outbox(Protocol):
    """Where parcels wait. Its methods may be called from any thread."""

    def head(self) -> Parcel | None:
        """Return the parcel that is sent next."""

    def add(self, parcel: Parcel, *, must: bool = False) -> bool:
        """Put a parcel behind the others; False if there is no room. What `must` go in has room always."""

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put `parcels` where the head was; with none, the head is done."""

    def close(self) -> None:
        """Let go of what it holds. What a disk keeps stays there, as long as there is something to deliver."""


class Memory:
    """An outbox for the one batch that is on its way, and for what it was cut into."""

    def __init__(self) -> None:
        self._parcels: deque[Parcel] = deque()

    def head(self) -> Parcel | None:
        """Return the parcel that is sent next."""
        return self._parcels[0] if self._parcels else None

    def add(self, parcel: Parcel, *, must: bool = False) -> bool:
        """Put a parcel behind the others; False while there is one."""
        if self._parcels and not must:
            return False
        self._parcels.append(parcel)
        return True

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put `parcels` where the head was."""
        self._parcels.popleft()
        self._parcels.extendleft(reversed(parcels))

    def close(self) -> None:
        """Forget everything."""
        self._parcels.clear()
