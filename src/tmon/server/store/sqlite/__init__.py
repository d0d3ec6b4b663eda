# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded store: a log and views that follow it, in two SQLite files.

log.py appends, views.py counts, expiry.py deletes, reader.py answers; this module puts them together behind the
contract of base.py and sees to it that each connection has one user at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...catalogue import View
from ...sessions import Rule
from ..base import Day, Envelope, Erased, Limits, Outcome, Store, Unavailable
from .counting import counted_views
from .driver import TROUBLES
from .erasure import Erasure
from .expiry import LogExpiry, ViewsExpiry
from .grouping import Counted
from .noting import NotingLog
from .reader import SqliteReader
from .registry import Registry
from .schema import IN_STEP, open_log, open_views, overwritten
from .views import Follower

VIEWS_PATIENCE_S = 0.05


def open_store(data_dir: Path, limits: Limits | None = None) -> SqliteStore:
    """The store in `data_dir`, made if there is none. Raises Damaged where its two files contradict each other."""
    return SqliteStore(data_dir, limits or Limits())


class SqliteStore(SqliteReader, Store):
    """See the contract in base.py."""

    def __init__(self, data_dir: Path, limits: Limits) -> None:
        super().__init__(data_dir)
        log = open_log(self._log_path)
        views = open_views(self._views_path, self._log_path)
        self._log_connection, self._views_connection = log, views
        self._log = NotingLog(log, limits)
        self._erasure = Erasure(log, self._log)
        self._log_expiry = LogExpiry(log, self._log.values_changed)
        self._views_lock = threading.Lock()
        self._follower = Follower(views, limits)
        self._views_expiry = ViewsExpiry(views, self._follower.sessions)
        self._registry = Registry(views, self._follower.fill_from_sessions)
        self._counted: dict[int, list[Counted]] = counted_views(self._registry.views)

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

    def sync_rules(self, rules: Mapping[int, Rule]) -> list[int]:
        with self._views_lock:
            in_step = self._counted.get(IN_STEP, [])
            changed = self._views_write(lambda: self._follower.sessions.sync(in_step, rules))
            self._follower.sessions.load()
        return changed  # type: ignore[no-any-return]

    def advance(self, most: int = 20_000) -> bool:
        with self._views_lock:
            try:
                more = self._follower.advance(self._counted, most)
            except TROUBLES as error:
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
        except TROUBLES as error:
            raise Unavailable(f"the views cannot be written: {error}") from error
        return result

    def close(self) -> None:
        super().close()
        with self._views_lock:
            self._views_connection.close()
            self._log_connection.close()
