# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of a sender: bounded in events and bytes, handed out in batches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api.queue import Limits, Queue


def test_a_full_queue_turns_the_newest_away_and_keeps_the_oldest() -> None:
    queue = Queue(Limits(queue_events=2))
    assert [queue.put(event) for event in (b"1", b"2", b"3")] == [True, True, False]
    assert queue.take() == [b"1", b"2"]


def test_a_queue_is_full_when_its_bytes_are_used_up() -> None:
    queue = Queue(Limits(queue_bytes=10))
    assert [queue.put(event) for event in (b"123456", b"12345", b"1234")] == [True, False, True]


def test_room_that_was_taken_is_free_again() -> None:
    queue = Queue(Limits(queue_events=1, queue_bytes=3))
    queue.put(b"abc")
    queue.take()
    assert queue.put(b"def")


def test_a_batch_ends_at_its_number_of_events() -> None:
    queue = Queue(Limits(batch_events=2))
    for event in (b"1", b"2", b"3"):
        queue.put(event)
    assert [queue.take(), queue.take(), queue.take()] == [[b"1", b"2"], [b"3"], []]


def test_a_batch_ends_before_it_exceeds_its_bytes() -> None:
    queue = Queue(Limits(batch_bytes=5))
    for event in (b"123", b"45", b"6"):
        queue.put(event)
    assert [queue.take(), queue.take()] == [[b"123", b"45"], [b"6"]]


def test_an_event_larger_than_a_batch_travels_alone() -> None:
    queue = Queue(Limits(batch_bytes=5))
    queue.put(b"1234567")
    queue.put(b"8")
    assert [queue.take(), queue.take()] == [[b"1234567"], [b"8"]]


def test_an_empty_queue_is_never_due_and_a_full_batch_is_due_at_once() -> None:
    queue = Queue(Limits(batch_events=2, batch_age_s=100))
    assert queue.due_in_s() is None
    queue.put(b"1")
    due_in_s = queue.due_in_s()
    assert due_in_s is not None
    assert 90 < due_in_s <= 100
    queue.put(b"2")
    assert queue.due_in_s() == 0


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(1, 5), st.integers(1, 30))
def test_whatever_goes_in_comes_out_in_order_and_in_batches_within_their_bounds(
    events: list[bytes], batch_events: int, batch_bytes: int
) -> None:
    queue = Queue(Limits(batch_events=batch_events, batch_bytes=batch_bytes))
    for event in events:
        queue.put(event)
    batches = []
    while batch := queue.take():
        batches.append(batch)
    assert [event for batch in batches for event in batch] == events
    assert all(len(batch) <= batch_events for batch in batches)
    assert all(len(batch) == 1 or sum(map(len, batch)) <= batch_bytes for batch in batches)


@pytest.mark.parametrize(
    "limits",
    [
        {"batch_events": 0},
        {"batch_events": 10_001},
        {"batch_bytes": 0},
        {"batch_bytes": 5 * 1024 * 1024},
        {"batch_age_s": -1},
        {"queue_events": 0},
        {"queue_bytes": 0},
    ],
)
def test_limits_outside_their_ranges_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        Limits(**limits)
