# SPDX-License-Identifier: GPL-3.0-or-later
"""The reading side of the embedded store: each question has a connection of its own, and one snapshot of both files."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...catalogue import View
from ...events import REQUEST, SESSION
from ...sessions import Rule
from ..base import (
    Box,
    Damaged,
    Filter,
    Grain,
    Listing,
    Locations,
    Measures,
    Page,
    Period,
    Quarantined,
    Ranking,
    Reader,
    Run,
    Stats,
    StoredEvent,
    StoredSession,
    Timed,
    TooLong,
    Unavailable,
)
from .beside import Second
from .driver import DAMAGES, TROUBLES, Connection
from .questions import Questions
from .schema import IN_STEP, LOG_NAME, VIEWS_NAME, open_onlooker, open_reader

IDLE_READERS = 8
DEADLINE_S = 20.0
"""How long a question may take: it holds a thread, and old pages of the write-ahead log."""
STEPS = 20_000
"""Of SQLite's machine between two looks at the clock."""


class SqliteReader(Reader):
    """See the contract in base.py. The files in `data_dir` are made by whoever owns the store."""

    def __init__(self, data_dir: Path, *, touch_nothing: bool = False) -> None:
        self._log_path, self._views_path = data_dir / LOG_NAME, data_dir / VIEWS_NAME
        self._open = open_onlooker if touch_nothing else open_reader
        self._readers: list[Connection] = []
        self._readers_lock = threading.Lock()

    def views(self) -> dict[str, View]:
        with self._questions() as ask:
            return {view.name: view for _, view, _ in ask.views()}

    def ranking(self, view: str, period: Period, limit: int) -> Ranking:
        with self._questions() as ask:
            number, known, owner = ask.view(view)
            if period.filters:
                return ask.filtered.ranking(known, period, limit)
            in_step = owner == IN_STEP and known.kind == REQUEST
            return ask.ranking(number, known, period, limit, in_step=in_step)

    def page(self, view: str, period: Period, page: Page) -> Listing:
        with self._questions() as ask:
            number, known, owner = ask.view(view)
            if period.filters:
                return ask.filtered.page(known, period, page)
            in_step = owner == IN_STEP and known.kind == REQUEST
            return ask.page(number, period, page, in_step=in_step)

    def figures(self, view: str, period: Period, keys: Sequence[str]) -> Ranking:
        with self._questions() as ask:
            number, known, owner = ask.view(view)
            if period.filters:
                return ask.filtered.figures(known, period, keys)
            in_step = owner == IN_STEP and known.kind == REQUEST
            return ask.figures(number, known, period, keys, in_step=in_step)

    def totals(self, period: Period) -> Measures:
        with self._questions() as ask:
            return ask.filtered.totals(period) if period.filters else ask.totals(period)

    def series(self, grain: Grain, period: Period, view: str | None = None) -> dict[int, Measures]:
        with self._questions() as ask:
            if view is not None:
                number, known, _ = ask.view(view)
                if not period.filters:
                    return ask.series_of(number, grain, period)
                if known.kind == SESSION:
                    return ask.filtered.sessions(grain, period)
                return ask.filtered.visits(grain, period)
            return ask.filtered.series(grain, period) if period.filters else ask.series(grain, period)

    def timings(self, view: str, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        with self._questions() as ask:
            number, known, _ = ask.view(view)
            if period.filters:
                return ask.filtered.timings(known, grain, period)
            return ask.timings(number, grain, period)

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

    def rules(self) -> dict[int, Rule]:
        with self._questions() as ask:
            return ask.rules()

    def live_sessions(
        self, wsid: int, since_ms: int, *, ended: bool = False, filters: Sequence[Filter] = ()
    ) -> list[StoredSession]:
        with self._questions() as ask:
            return ask.live_sessions(wsid, since_ms, filters, ended=ended)

    def sessions(
        self,
        wsid: int,
        limit: int,
        *,
        between: tuple[int, int],
        before: tuple[int, int] | None = None,
        filters: Sequence[Filter] = (),
    ) -> list[StoredSession]:
        with self._questions() as ask:
            return ask.sessions(wsid, limit, between, before, filters)

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
        with self._questions() as ask:
            return ask.complete_from(period, None if view is None else ask.view(view)[0])

    def open_from(self, period: Period) -> int | None:
        with self._questions() as ask:
            return ask.open_from(period)

    def as_of_ms(self, now_ms: int, view: str | None = None) -> int:
        with self._questions() as ask:
            return ask.as_of_ms(now_ms, IN_STEP if view is None else ask.view(view)[2])

    def stats(self, now_ms: int) -> Stats:
        with self._questions() as ask:
            last, position = ask.position()
            waiting = ask.as_of_ms(now_ms, IN_STEP)
            views = [view.name for _, view, owner in ask.views() if owner != IN_STEP]
            filling = sorted(views) + ask.filling_rules()
            newest_ms = ask.newest_ms()
        return Stats(
            last_seq=last,
            position=position,
            behind_events=last - position,
            behind_ms=now_ms - waiting,
            filling=filling,
            log_bytes=_size(self._log_path),
            views_bytes=_size(self._views_path),
            newest_ms=newest_ms,
        )

    def close(self) -> None:
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()

    @contextmanager
    def _questions(self) -> Iterator[Questions]:
        """A reading connection of one's own, in one snapshot of both files."""
        patience = _Patience()
        try:
            with self._connection(patience) as connection:
                yield Questions(connection, Second(lambda: self._connection(patience), patience.give_up))
        except TROUBLES as error:
            if patience.is_over():
                raise TooLong(
                    "this question takes too long; ask about a shorter period, or with fewer filters"
                ) from error
            raise Unavailable(f"the store cannot be read: {error}") from error
        except DAMAGES as error:
            raise Damaged(
                f"{self._log_path} or {self._views_path}: {error}; restore both from one backup"
            ) from error

    @contextmanager
    def _connection(self, patience: _Patience) -> Iterator[Connection]:
        """A reading connection in a transaction; what it does ends with the patience. Closed where an error passes."""
        with self._readers_lock:
            connection = self._readers.pop() if self._readers else None
        if connection is None:
            try:
                connection = self._open(self._views_path, self._log_path)
            except TROUBLES as error:
                raise Unavailable(f"the store cannot be opened: {error}") from error
        connection.set_progress_handler(patience.ended, STEPS)
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        with self._readers_lock:
            if len(self._readers) < IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()


class _Patience:
    """How long a question may still take, on whatever connections it is answered; read by several threads."""

    def __init__(self) -> None:
        self._until = time.monotonic() + DEADLINE_S
        self._given_up = False

    def is_over(self) -> bool:
        """Whether the question has taken too long."""
        return time.monotonic() > self._until

    def ended(self) -> bool:
        """Whether it is to stop."""
        return self._given_up or self.is_over()

    def give_up(self) -> None:
        """Have it stop on every connection, for another reason."""
        self._given_up = True


def _size(path: Path) -> int:
    """Bytes of a database with its write-ahead log."""
    return sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
