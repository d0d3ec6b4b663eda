# SPDX-License-Identifier: GPL-3.0-or-later
"""Two parts of a broad question are worked out beside each other, on two connections.

SQLite works outside Python's lock, so two of its statements use two processors.

Invariant: both parts are answered from one state of the log. SQLite cannot begin two transactions at once, so both
begin, and begin again where something was appended or deleted in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, TypeVar

from .driver import Connection

BROAD = 100_000
"""Events of a web service from which it is worth a thread: some 0.1 s of one processor."""
ATTEMPTS = 5
"""To see the same log on both connections, which takes 0.1 ms; then one of them answers alone."""

One = TypeVar("One")
Other = TypeVar("Other")
_busy = threading.Lock()
"""Held while one question of this process has two threads; others meanwhile would only share the processors."""


class Second(NamedTuple):
    """How a question gets a second connection: `open` begins a transaction on it and ends it, `give_up` stops both."""

    open: Callable[[], AbstractContextManager[Connection]]
    give_up: Callable[[], None]


def both(
    first: Connection,
    second: Second,
    wsid: int,
    one: Callable[[Connection], One],
    other: Callable[[Connection], Other],
) -> tuple[One, Other]:
    """What `one` and `other` return, given a connection: beside each other where the web service has many events.

    Raises what either of them raises; the other one has ended by then.
    """
    if not _is_broad(first, wsid) or not _busy.acquire(blocking=False):
        return one(first), other(first)
    try:
        with _of_one_state(first, second, wsid) as another:
            if another is None:
                return one(first), other(first)
            with ThreadPoolExecutor(1, "question") as thread:
                answer = thread.submit(other, another)
                try:
                    return one(first), answer.result()
                except BaseException:
                    second.give_up()
                    raise
    finally:
        _busy.release()


def _is_broad(db: Connection, wsid: int) -> bool:
    """Whether a web service has so many events; numbers are also those of others, so many are counted."""
    of_it = "FROM log.events WHERE wsid = ?1"
    oldest, newest = db.execute(
        f"SELECT (SELECT min(seq) {of_it}), (SELECT max(seq) {of_it})", (wsid,)
    ).fetchone()
    if oldest is None or newest - oldest < BROAD:
        return False
    return db.execute(f"SELECT 1 {of_it} LIMIT 1 OFFSET {BROAD}", (wsid,)).fetchone() is not None


@contextmanager
def _of_one_state(first: Connection, second: Second, wsid: int) -> Iterator[Connection | None]:
    """The second connection, in a transaction that sees the same log as that of the first; None if none came about."""
    with second.open() as other:
        for _ in range(ATTEMPTS):
            if _state(first, wsid) == _state(other, wsid):
                yield other
                return
            for connection in (first, other):
                connection.execute("COMMIT")
                connection.execute("BEGIN")
        yield None


def _state(db: Connection, wsid: int) -> tuple[int | None, ...]:
    """What differs between two states of a web service's part of the log.

    Appending and erasing take a number, events are deleted from the oldest on, and shared values are counted when
    they change.
    """
    found: tuple[int | None, ...] = db.execute(
        "SELECT (SELECT value FROM log.meta WHERE name = 'next'), (SELECT value FROM log.meta WHERE name = 'changes'), "
        "(SELECT min(seq) FROM log.events WHERE wsid = ?)",
        (wsid,),
    ).fetchone()
    return found
