# SPDX-License-Identifier: GPL-3.0-or-later
"""Broad filtered questions of the embedded store, which are answered by two threads on two connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.contract.build import COUNTRY, NOW, PAGE, TODAY, USERNAME, WSID, by_name, envelope, event

from tmon.server.catalogue import View
from tmon.server.store import Filter, Measures, TooLong, Unavailable
from tmon.server.store.sqlite import SqliteStore, beside, filtered, open_store, reader
from tmon.server.store.sqlite.driver import Connection

NOT_X = replace(TODAY, filters=(Filter(PAGE, "/x", True),))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    """Visitors 1 and 2 have seen /a, and 2 /x as well; any number of events is broad."""
    monkeypatch.setattr(beside, "BROAD", 0)
    store = open_store(tmp_path)
    store.sync_views(by_name(COUNTRY, PAGE, USERNAME))
    pages = [("/a", 1), ("/a", 2), ("/x", 2), ("/b", 3), ("/b", None)]
    store.append([envelope(*(event(path=path, visitor=visitor) for path, visitor in pages))])
    store.settle()
    yield store
    store.close()


Made = list[tuple[str, Connection]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The scans that were made, by their threads and connections."""
    made: Made = []
    scan = filtered._Scans.where

    def noted(self: Any) -> Any:
        made.append((threading.current_thread().name, self._db))
        return scan(self)

    monkeypatch.setattr(filtered._Scans, "where", noted)
    return made


def test_a_broad_question_has_two_threads_and_connections(store: SqliteStore, made: Made) -> None:
    assert store.ranking("url", NOT_X, 5) == ([("/a", Measures(2, 2)), ("/b", Measures(2, 1))], None)
    assert len({thread for thread, _ in made}) == len({connection for _, connection in made}) == 2
    assert store.totals(NOT_X) == Measures(4, 3)


def test_a_visitor_counts_once_for_a_key_of_several_values(store: SqliteStore) -> None:
    places = [("AT", "Graz", 1), ("AT", "Linz", 1), ("DE", "Ulm", 1), ("AT", "Linz", 2)]
    store.append([envelope(*(event(country=land, city=city, visitor=one) for land, city, one in places))])
    lands = View("lands", "Countries by key", "country")
    store.sync_views(by_name(lands))
    assert store.ranking("lands", NOT_X, 2) == (
        [("", Measures(4, 3)), ("AT", Measures(3, 2))],
        Measures(1, 1),
    )


def test_a_small_question_has_one_thread(
    store: SqliteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "BROAD", 5)
    store.append([envelope(*[event(path="/theirs")] * 20, wsid=8)])
    assert store.totals(NOT_X) == Measures(4, 3)
    assert len(set(made)) == 1
    monkeypatch.setattr(beside, "BROAD", 4)
    assert store.totals(NOT_X) == Measures(4, 3)
    assert len(set(made)) > 1


def test_beside_another_broad_question_one_has_one_thread(store: SqliteStore, made: Made) -> None:
    with beside._busy:
        assert store.totals(NOT_X) == Measures(4, 3)
    assert len(set(made)) == 1
    assert store.totals(NOT_X) == Measures(4, 3)
    assert len(set(made)) > 1


def test_both_threads_see_the_same_log(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    state, appended = beside._state, []

    def disturbed(db: Connection, wsid: int) -> Any:
        found = state(db, wsid)
        if len(appended) < 3:
            appended.append(store.append([envelope(event(path="/a", visitor=2))]))
        return found

    monkeypatch.setattr(beside, "_state", disturbed)
    assert store.totals(NOT_X) == Measures(7, 3)


def test_where_the_log_never_stands_still_one_thread_answers(
    store: SqliteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = beside._state

    def disturbed(db: Connection, wsid: int) -> Any:
        found = state(db, wsid)
        store.append([envelope(event(path="/a", visitor=2))])
        return found

    monkeypatch.setattr(beside, "_state", disturbed)
    assert store.totals(NOT_X).visitors == 3
    assert len(set(made)) == 1


def test_what_a_state_is_told_by_changes_with_the_log(store: SqliteStore) -> None:
    with store._questions() as ask:
        before = beside._state(ask._db, WSID)
    store.erase_username(WSID, "nobody", NOW)
    with store._questions() as ask:
        assert beside._state(ask._db, WSID) != before
        before = beside._state(ask._db, WSID)
    store.settle()
    while store.expire(NOW + 20 * 86_400_000, {}, 2):
        with store._questions() as ask:
            state = beside._state(ask._db, WSID)
        assert state != before
        before = state


@pytest.mark.parametrize("failing", ["sums", "visitors"])
def test_an_error_of_either_thread_reaches_the_caller_and_leaves_no_connection(
    store: SqliteStore, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = []

    def noted(work: Any, fails: bool) -> Any:
        def scan(self: Any) -> Any:
            connections.append(self._db)
            if fails:
                raise apsw.IOError("disk I/O error")
            return work(self)

        return scan

    for name in ("sums", "visitors"):
        monkeypatch.setattr(filtered._Scans, name, noted(getattr(filtered._Scans, name), name == failing))
    with pytest.raises(Unavailable, match="disk I/O error"):
        store.totals(NOT_X)
    assert len(set(connections)) == 2
    for connection in connections:
        with pytest.raises(apsw.ConnectionClosedError, match="closed"):
            connection.execute("SELECT 1")
    monkeypatch.undo()
    assert not beside._busy.locked()
    assert store.totals(NOT_X) == Measures(4, 3)


def test_connections_are_used_again(store: SqliteStore) -> None:
    for _ in range(5):
        assert store.totals(NOT_X) == Measures(4, 3)
    assert len(store._readers) == 2


def test_the_time_that_a_question_may_take_is_that_of_both_threads(
    store: SqliteStore, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ["/" + "a" * 1_000 + str(number) for number in range(2_000)]
    store.append([envelope(*[event(path=path, visitor=2) for path in paths])])
    slow = tuple(Filter(PAGE, "*" + "a" * (500 + number) + "b", True) for number in range(8))
    monkeypatch.setattr(reader, "DEADLINE_S", 0.2)
    with pytest.raises(TooLong, match="takes too long"):
        store.totals(replace(TODAY, filters=slow))
    assert len(set(made)) == 2
    assert store._readers == []
    monkeypatch.setattr(reader, "DEADLINE_S", 20.0)
    assert store.totals(NOT_X).requests == 2_004
