# SPDX-License-Identifier: LGPL-3.0-or-later
"""Keeps the one client of a program that needs no more than one: `tmon.init()`, `tmon.track()`, `tmon.flush()`."""

from __future__ import annotations

import os
import threading
from typing import Any

from .client import Client
from .dsn import Dsn, chosen
from .errors import DsnError


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

    def after_fork_in_child(self) -> None:
        """Forget who held the lock: no other thread came along."""
        self._lock = threading.Lock()


_default = Default()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_default.after_fork_in_child)


def current() -> Client:
    """Return the program's client, which is made from `TMON_DSN` if `init` was not called. Raises DsnError."""
    return _default.get()


def init(dsn: str | Dsn | None = None, **settings: Any) -> Client:
    """Make the program's client (see `Client` for the parameters) and return it; an earlier one is closed.

    Raises DsnError without a usable DSN, ValueError for settings outside their range.
    """
    found = chosen(dsn, needed=False)
    del dsn  # so that no report of an error shows it among the local variables
    if isinstance(found, DsnError):
        raise found
    client = Client(found, **settings)
    earlier = _default.replace(client)
    if earlier is not None:
        earlier.close()
    return client


def track(**fields: object) -> None:
    """Report one event through the program's client, which is made from `TMON_DSN` if `init` was not called.

    Raises DsnError in that case without a usable DSN; nothing otherwise.
    """
    _default.get().track(**fields)


def flush(timeout: float = 10.0) -> bool:
    """Send now what waits; True if within `timeout` seconds the server had decided about all of it."""
    client = _default.client
    return client is None or client.flush(timeout)
