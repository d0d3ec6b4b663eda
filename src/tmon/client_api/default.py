# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keeps the one client of a program that needs no more than one: `tmon.init()` and `tmon.track()`."""

from __future__ import annotations

import threading
from typing import Any

from .client import Client


class Default:
    """A place for one client."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self._lock = threading.Lock()

    def replace(self, client: Client) -> Client | None:
        """Put `client` into its place and return the one that was there."""
        with self._lock:
            earlier, self.client = self.client, client
        return earlier

    def get(self) -> Client:
        """Return the client, made from `TMON_DSN` if there is none yet. Raises DsnError."""
        if self.client is None:
            with self._lock:
                if self.client is None:
                    self.client = Client()
        return self.client


_default = Default()


def init(dsn: str | None = None, **settings: Any) -> Client:
    """Make the program's client (see `Client` for the parameters) and return it; an earlier one is closed.

    Raises DsnError without a usable DSN, ValueError for settings outside their range.
    """
    client = Client(dsn, **settings)
    earlier = _default.replace(client)
    if earlier is not None:
        earlier.close()
    return client


def track(**fields: object) -> None:
    """Report one event through the program's client, which is made from `TMON_DSN` if `init` was not called.

    Raises DsnError in that case without a usable DSN; nothing otherwise.
    """
    _default.get().track(**fields)
