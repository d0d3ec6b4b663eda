# SPDX-License-Identifier: GPL-3.0-or-later
"""The event store: its contract in base.py, and the stores that keep it, chosen by URL scheme."""

from __future__ import annotations

from pathlib import Path

from .base import (
    Box,
    Damaged,
    Day,
    Envelope,
    Erased,
    Filter,
    Grain,
    Limits,
    Listing,
    Located,
    Locations,
    Measures,
    Outcome,
    Page,
    Period,
    Quarantined,
    Ranking,
    Reader,
    Run,
    Span,
    Stats,
    Store,
    StoredEvent,
    StoreError,
    Timed,
    TooLong,
    Unavailable,
    UnknownView,
)
from .changes import check_change

__all__ = [
    "Box",
    "Damaged",
    "Day",
    "Envelope",
    "Erased",
    "Filter",
    "Grain",
    "Limits",
    "Listing",
    "Located",
    "Locations",
    "Measures",
    "Outcome",
    "Page",
    "Period",
    "Quarantined",
    "Ranking",
    "Reader",
    "Run",
    "Span",
    "Stats",
    "Store",
    "StoreError",
    "StoredEvent",
    "Timed",
    "TooLong",
    "Unavailable",
    "UnknownView",
    "check_change",
    "open_reader",
    "open_store",
]


def open_store(url: str, data_dir: Path, limits: Limits | None = None) -> Store:
    """The store that `url` (TMON_STORE) names: `sqlite:` keeps its files in `data_dir`, `memory:` keeps nothing.

    Raises StoreError for another scheme, Damaged where what is on disk contradicts itself.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from . import sqlite

        return sqlite.open_store(data_dir, limits)
    if scheme == "memory":
        from .memory import MemoryStore

        return MemoryStore(limits)
    raise StoreError(f"the event store {scheme}: is not known; TMON_STORE is sqlite: or memory:")


def open_reader(url: str, data_dir: Path, *, touch_nothing: bool = False) -> Reader:
    """The reading side of the store that `url` names, which another process owns. Questions raise Unavailable until
    that has made it.

    With `touch_nothing` not even the files are made that a database keeps beside it while it is read, nobody has to own
    the store, and questions raise Damaged where it is corrupt or of a later release.

    Raises StoreError for a store that only its own process can read.
    """
    if url.partition(":")[0] == "sqlite":
        from .sqlite.reader import SqliteReader

        return SqliteReader(data_dir, touch_nothing=touch_nothing)
    raise StoreError(
        f"the event store {url.partition(':')[0]}: can't be read by another process than its owner"
    )
