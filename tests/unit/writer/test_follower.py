# SPDX-License-Identifier: GPL-3.0-or-later
"""The follower of the views."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.contract.build import TODAY, WSID, by_name, event
from tests.contract.build import envelope as numbered
from tests.unit.writer.gated import GatedStore, envelope

from tmon.server.catalogue import View
from tmon.server.events import SESSION
from tmon.server.sessions import Rule
from tmon.server.store import open_store
from tmon.server.store.base import Unavailable
from tmon.server.writer import Follower


@contextmanager
def following(store: GatedStore, pass_every_s: float = 60.0) -> Iterator[Follower]:
    follower = Follower(store, pass_every_s=pass_every_s)
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.005)


def add(store: GatedStore, follower: Follower, number: int) -> None:
    store.append([envelope(number)])
    follower.wake()


def test_it_begins_with_what_is_left_from_before() -> None:
    store = GatedStore()
    store.append([envelope(1)])
    with following(store):
        wait_until(lambda: store.stats(0).behind_events == 0)


def test_who_asks_need_not_wait_for_the_next_pass() -> None:
    store = GatedStore()
    with following(store) as follower:
        assert follower.settle(30)
        add(store, follower, 1)
        assert follower.settle(30)
        assert store.stats(0).behind_events == 0


def test_nothing_is_done_for_who_asks_when_nothing_waits() -> None:
    store = GatedStore()
    with following(store) as follower:
        assert follower.settle(30)
        passes = store.passes
        assert follower.settle(0)
        assert store.passes == passes


def test_nobody_is_told_that_a_pass_under_way_has_counted_what_came_after_its_start() -> None:
    store = GatedStore()
    under_way, go_on = threading.Event(), threading.Event()
    with following(store) as follower:
        assert follower.settle(30)

        def hold() -> None:
            under_way.set()
            assert go_on.wait(30)

        store.before_advance = hold
        add(store, follower, 1)
        asking = threading.Thread(target=follower.settle, args=(30,))
        asking.start()
        assert under_way.wait(30)
        assert follower.settle(0.01) is False
        go_on.set()
        asking.join()
        assert follower.settle(30)


def test_commits_are_gathered_into_few_passes() -> None:
    store = GatedStore()
    with following(store, pass_every_s=0.2) as follower:
        started = time.monotonic()
        for number in range(100):
            add(store, follower, number)
        wait_until(lambda: store.stats(0).behind_events == 0)
        took_s = time.monotonic() - started
    assert store.passes <= 3 + took_s / 0.2


def test_what_is_appended_during_a_pass_is_left_to_the_next() -> None:
    store = GatedStore()
    store.append([envelope(0)])
    follower = Follower(store, pass_every_s=0.2)

    def wake() -> None:
        follower.wake()
        store.append([envelope(1 + store.passes)])

    started = time.monotonic()
    store.before_advance = wake
    follower.start()
    try:
        wait_until(lambda: store.passes >= 5)
        took_s = time.monotonic() - started
    finally:
        follower.stop()
    assert took_s >= 4 * 0.2


def test_a_store_that_fails_is_tried_again_and_said_to_be_failing_meanwhile() -> None:
    store = GatedStore()
    broken = threading.Event()
    broken.set()

    def fail() -> None:
        if broken.is_set():
            raise Unavailable("the disk is full")

    store.before_advance = fail
    with following(store) as follower:
        wait_until(lambda: follower.failing is not None)
        assert follower.failing == "the views do not advance: the disk is full"
        assert follower.settle(0.01) is False
        broken.clear()
        wait_until(lambda: follower.failing is None)
        assert follower.settle(30)


def test_a_bug_in_the_store_does_not_end_the_thread() -> None:
    store = GatedStore()
    failures = iter([ZeroDivisionError("a bug"), ZeroDivisionError("a bug")])

    def fail() -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    store.before_advance = fail
    with following(store) as follower:
        assert follower.settle(30)
        assert follower.alive


def test_it_stops_after_the_pass_that_is_under_way() -> None:
    store = GatedStore()
    under_way = threading.Event()

    def slow() -> None:
        under_way.set()
        time.sleep(0.05)

    store.before_advance = slow
    follower = Follower(store)
    follower.start()
    assert under_way.wait(30)
    follower.stop()
    assert not follower.alive
    assert store.passes == 1
    assert follower.settle(0) in {True, False}


@pytest.mark.parametrize("asking", [1, 20])
def test_settling_under_load_reaches_what_was_there_when_it_was_asked(asking: int) -> None:
    store = GatedStore()
    done = threading.Event()
    told = 0  # the last entry of which the follower was told, as it is before anyone is answered
    with following(store, pass_every_s=0.01) as follower:

        def load() -> None:
            nonlocal told
            number = 1000
            while not done.is_set():
                number += 1
                add(store, follower, number)
                told = store.stats(0).last_seq

        loader = threading.Thread(target=load)
        loader.start()
        try:
            for _ in range(asking):
                target = told
                assert follower.settle(30)
                assert store.stats(0).position >= target
        finally:
            done.set()
            loader.join()


def test_a_rule_of_sessions_fills_from_a_long_log_in_one_go(tmp_path: Path) -> None:
    store = open_store("sqlite:", tmp_path)
    store.sync_views(by_name(View("object", "Used", "object", kind=SESSION)))
    for at in range(3):
        hits = [event(path="/modules/math/", ip="10.0.0.1", visitor=1) for _ in range(10_000)]
        store.append([numbered(*hits, name=at)])
    store.settle()
    follower = Follower(store, pass_every_s=0.05)
    follower.start()
    assert follower.settle(60)
    store.sync_rules({WSID: Rule(by="ip", objects=("/modules/{object}",))})
    assert store.stats(0).filling == [f"sessions of web service {WSID}"]
    follower.wake()
    wait_until(lambda: not store.stats(0).filling)
    follower.stop()
    (one,) = store.sessions(WSID, 5, between=(TODAY.start, TODAY.end))
    assert one.session.points == 30_000
    store.close()
