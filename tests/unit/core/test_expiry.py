# SPDX-License-Identifier: GPL-3.0-or-later
"""Expiry in pieces, and deletions that are finished."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from tmon.server.core import expire, finish_deletions
from tmon.server.store.memory import MemoryStore


class Pieces(MemoryStore):
    """Has so many pieces left to delete."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.asked: list[tuple[int, Mapping[int, int], int]] = []

    def expire(self, now_ms: int, retention_days: Mapping[int, int], most: int = 5_000) -> bool:
        self.asked.append((now_ms, retention_days, most))
        self.left -= 1
        return self.left > 0


def call(function: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(function())
    return future


def test_each_piece_is_a_call_of_its_own() -> None:
    store, calls = Pieces(4), []

    def counted(function: Callable[[], Any]) -> Future[Any]:
        calls.append(function)
        return call(function)

    assert expire(store, counted, {7: 3}, 1000, threading.Event(), piece_rows=50, pause_s=0) == 4
    assert len(calls) == 4
    assert store.asked == [(1000, {7: 3}, 50)] * 4


def test_it_ends_between_two_pieces_when_it_is_told_to() -> None:
    store, stopping = Pieces(1_000_000), threading.Event()

    def third_is_the_last(function: Callable[[], Any]) -> Future[Any]:
        if len(store.asked) == 2:
            stopping.set()
        return call(function)

    assert expire(store, third_is_the_last, {}, 0, stopping, pause_s=0) == 3


def test_a_deletion_is_done_when_the_store_has_dropped_everything() -> None:
    steps: list[tuple[str, int]] = []
    count = finish_deletions(
        lambda: [3, 5], lambda wsid: steps.append(("drop", wsid)), lambda wsid: steps.append(("done", wsid))
    )
    assert count == 2
    assert steps == [("drop", 3), ("done", 3), ("drop", 5), ("done", 5)]
