# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded store: a log and views that follow it, in two SQLite files.

log.py appends, views.py counts, expiry.py deletes, questions.py answers; this module puts them together behind the
contract of base.py and sees to it that each connection has one user at a time.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...catalogue import View
from ...events import REQUEST
from ..base import (
    Box,
    Day,
    Envelope,
    Erased,
    Filter,
    Grain,
    Limits,
    Locations,
    Measures,
    Outcome,
    Period,
    Quarantined,
    Ranking,
    Run,
    Stats,
    Store,
    StoredEvent,
    TooLong,
    Unavailable,
    UnknownView,
)
from .counting import IN_STEP, counted_views
from .erasure import Erasure
from .expiry import LogExpiry, ViewsExpiry
from .grouping import Counted
from .noting import NotingLog
from .questions import Questions
from .registry import Registry
from .schema import open_log, open_reader, open_views, overwritten
from .views import Follower

IDLE_READERS = 8
VIEWS_PATIENCE_S = 0.05
DEADLINE_S = 20.0
"""How long a question may take: it holds a thread, and old pages of the write-ahead log."""
STEPS = 20_000
"""Of SQLite's machine between two looks at the clock."""


def open_store(data_dir: Path, limits: Limits | None = None) -> SqliteStore:
    """The store in `data_dir`, made if there is none. Raises Damaged where its two files contradict each other."""
    return SqliteStore(data_dir, limits or Limits())


class SqliteStore(Store):
    """See the contract in base.py."""

    def __init__(self, data_dir: Path, limits: Limits) -> None:
        self._log_path, self._views_path = data_dir / "log.db", data_dir / "views.db"
        log = open_log(self._log_path)
        views = open_views(self._views_path, self._log_path)
        self._log_connection, self._views_connection = log, views
        self._log = NotingLog(log, limits)
        self._erasure = Erasure(log, self._log)
        self._log_expiry = LogExpiry(log, self._log.values_changed)
        self._views_lock = threading.Lock()
        self._follower = Follower(views, limits)
        self._views_expiry = ViewsExpiry(views)
        self._registry = Registry(views)
        self._counted: dict[int, list[Counted]] = counted_views(self._registry.views)
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()

    # -- appending ------------------------------------------------------------------------------------------------

    def outcomes(self, ids: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], Outcome]:
        return self._log.outcomes(ids)

    def append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        return self._log.append(envelopes)

    def erase_username(self, wsid: int, username: str, now_ms: int) -> Erased:
        return self._erasure.erase_username(wsid, username, now_ms)

    def delete_webservice(self, wsid: int, now_ms: int) -> Erased:
        return self._erasure.delete_webservice(wsid, now_ms)

    # -- views ----------------------------------------------------------------------------------------------------

    def sync_views(self, views: Mapping[str, View]) -> list[str]:
        with self._views_lock:
            changed = self._views_write(lambda: self._registry.sync(views))
            self._registry.load()
            self._counted = counted_views(self._registry.views)
        return changed  # type: ignore[no-any-return]

    def advance(self, most: int = 20_000) -> bool:
        with self._views_lock:
            try:
                more = self._follower.advance(self._counted, most)
            except sqlite3.OperationalError as error:
                raise Unavailable(f"the views cannot be written: {error}") from error
            if self._registry.filling():
                self._registry.load()
                self._counted = counted_views(self._registry.views)
            return more

    # -- periodic work --------------------------------------------------------------------------------------------

    def close_days(self, now_ms: int) -> list[Day]:
        return self._log.close_days(now_ms)

    def closed(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        with self._questions() as ask:
            return ask.days(days, closed=True)

    def opened(self, days: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        with self._questions() as ask:
            return ask.days(days, closed=False)

    def expire(self, now_ms: int, retention_days: Mapping[int, int], most: int = 5_000) -> bool:
        with self._questions() as ask:
            passed = ask.passed()
        more = bool(
            self._log.transaction(lambda: self._log_expiry.expire(now_ms, retention_days, most, passed))
        )
        # Commits wait for this, so it does not wait for a long pass of the views: theirs can go the next time.
        if self._views_lock.acquire(timeout=VIEWS_PATIENCE_S):
            try:
                more |= bool(self._views_write(lambda: self._views_expiry.expire(now_ms, most)))
                if not more:
                    overwritten(self._views_connection, "main")
            finally:
                self._views_lock.release()
        if not more:
            overwritten(self._log_connection, "main")
        return more

    def _views_write(self, work: Callable[[], Any]) -> Any:
        connection = self._views_connection
        try:
            connection.execute("BEGIN")  # IMMEDIATE would lock the attached log, and appends with it
            try:
                result = work()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the views cannot be written: {error}") from error
        return result

    # -- questions ------------------------------------------------------------------------------------------------

    def views(self) -> dict[str, View]:
        return {view.name: view for view, _ in self._registry.views.values()}

    def ranking(self, view: str, period: Period, limit: int) -> Ranking:
        number, known, owner = self._view(view)
        with self._questions() as ask:
            if period.filters:
                return ask.filtered.ranking(known, period, limit)
            in_step = owner == IN_STEP and known.kind == REQUEST
            return ask.ranking(number, period, limit, in_step=in_step)

    def figures(self, view: str, period: Period, keys: Sequence[str]) -> Ranking:
        number, known, owner = self._view(view)
        with self._questions() as ask:
            if period.filters:
                return ask.filtered.figures(known, period, keys)
            in_step = owner == IN_STEP and known.kind == REQUEST
            return ask.figures(number, period, keys, in_step=in_step)

    def totals(self, period: Period) -> Measures:
        with self._questions() as ask:
            return ask.filtered.totals(period) if period.filters else ask.totals(period)

    def series(self, grain: Grain, period: Period) -> dict[int, Measures]:
        with self._questions() as ask:
            return ask.filtered.series(grain, period) if period.filters else ask.series(grain, period)

    def events(
        self, wsid: int, limit: int, *, after: int | None = None, filters: Sequence[Filter] = ()
    ) -> list[StoredEvent]:
        with self._questions() as ask:
            return ask.events(wsid, limit, after, filters)

    def locations(
        self,
        wsid: int,
        box: Box,
        limit: int,
        most: int,
        *,
        between: tuple[int, int] | None = None,
        filters: Sequence[Filter] = (),
    ) -> Locations:
        with self._questions() as ask:
            return ask.locations(wsid, box, limit, most, between, filters)

    def runs(self, wsid: int) -> list[Run]:
        with self._questions() as ask:
            return ask.runs(wsid)

    def quarantine(self, wsid: int, limit: int) -> list[Quarantined]:
        with self._questions() as ask:
            return ask.quarantine(wsid, limit)

    def sizes(self) -> dict[int, dict[int, int]]:
        with self._questions() as ask:
            return ask.sizes()

    def complete_from(self, period: Period, view: str | None = None) -> int | None:
        number = None if view is None else self._view(view)[0]
        with self._questions() as ask:
            return ask.complete_from(period, number)

    def as_of_ms(self, now_ms: int, view: str | None = None) -> int:
        owner = IN_STEP if view is None else self._view(view)[2]
        with self._questions() as ask:
            return ask.as_of_ms(now_ms, owner)

    def stats(self, now_ms: int) -> Stats:
        with self._questions() as ask:
            last, position = ask.position()
            waiting = ask.as_of_ms(now_ms, IN_STEP)
        return Stats(
            last_seq=last,
            position=position,
            behind_events=last - position,
            behind_ms=now_ms - waiting,
            filling=sorted(view.name for view, owner in self._registry.views.values() if owner),
            log_bytes=_size(self._log_path),
            views_bytes=_size(self._views_path),
        )

    def close(self) -> None:
        with self._readers_lock, self._views_lock:
            for connection in (*self._readers, self._views_connection, self._log_connection):
                connection.close()
            self._readers.clear()

    def _view(self, name: str) -> tuple[int, View, int]:
        for number, (view, owner) in self._registry.views.items():
            if view.name == name:
                return number, view, owner
        raise UnknownView(f"there is no view {name!r}")

    @contextmanager
    def _questions(self) -> Iterator[Questions]:
        """A reading connection of one's own, in one snapshot of both files."""
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        if connection is None:
            connection = open_reader(self._views_path, self._log_path)
        deadline = time.monotonic() + DEADLINE_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            connection.execute("BEGIN")
            yield Questions(connection)
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            connection.close()
            if time.monotonic() > deadline:
                raise TooLong(
                    "this question takes too long; ask about a shorter period, or with fewer filters"
                ) from error
            raise Unavailable(f"the store cannot be read: {error}") from error
        except BaseException:
            connection.close()
            raise
        with self._readers_lock:
            if len(self._readers) < IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()


def _size(path: Path) -> int:
    """Bytes of a database with its write-ahead log."""
    return sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
