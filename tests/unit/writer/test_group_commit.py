# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer: group commit, duplicates on their way, bounds, budgets, failures, stopping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.writer.gated import GatedStore, envelope, submit

from tmon.server.store.base import Envelope, Outcome, Unavailable
from tmon.server.writer import Bounds, Busy, Deleted, NotStored, OverBudget, Writer, gathering
from tmon.server.writer.group_commit import pause


@asynccontextmanager
async def writing(store: GatedStore, **options: Any) -> AsyncIterator[Writer]:
    """A writer that is stopped in the end, and whose store is let go."""
    options.setdefault("events_per_second", lambda wsid: 100_000)
    writer = Writer(store, **options)
    writer.start()
    try:
        yield writer
    finally:
        store.gate.set()
        await writer.stop()


async def reached(store: GatedStore) -> None:
    """Wait until the store is in the middle of an append."""
    assert await asyncio.to_thread(store.reached.wait, 30)


def accepted(outcome: Outcome) -> tuple[int, int, bool]:
    return outcome.status, outcome.accepted, outcome.duplicate


def test_an_envelope_gets_its_outcome_when_it_is_stored() -> None:
    async def scenario() -> None:
        store = GatedStore()
        async with writing(store) as writer:
            assert accepted(await submit(writer, envelope(1, 3), 100)) == (200, 3, False)
        assert store.events(7, 10)

    asyncio.run(scenario())


def test_what_waits_during_a_commit_shares_the_next_one() -> None:
    async def scenario() -> list[int]:
        store = GatedStore()
        store.gate.clear()
        async with writing(store) as writer:
            first = submit(writer, envelope(1), 100)
            await reached(store)
            others = [submit(writer, envelope(number), 100) for number in range(2, 30)]
            store.gate.set()
            await asyncio.gather(first, *others)
        return store.groups

    assert asyncio.run(scenario()) == [1, 28]


def test_a_commit_takes_a_bounded_number_of_events() -> None:
    async def scenario() -> list[int]:
        store = GatedStore()
        store.gate.clear()
        async with writing(store, bounds=Bounds(commit_events=100)) as writer:
            futures = [submit(writer, envelope(1), 100)]
            await reached(store)
            for number in range(2, 7):
                futures.append(submit(writer, envelope(number, 40), 100))
                for _ in range(5):  # turns of the loop, after which the envelope is handed over
                    await asyncio.sleep(0)
            store.gate.set()
            await asyncio.gather(*futures)
        return store.groups

    assert asyncio.run(scenario()) == [1, 3, 2]


def test_what_the_loop_brings_without_a_pause_shares_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_S", 60.0)

    async def scenario() -> list[int]:
        store = GatedStore()
        async with writing(store) as writer:
            futures = []
            for number in range(30):
                futures.append(submit(writer, envelope(number), 100))
                await asyncio.sleep(0)
            await asyncio.gather(*futures)
        return store.groups

    assert asyncio.run(scenario()) == [30]


def test_what_never_pauses_is_committed_nevertheless() -> None:
    async def scenario() -> None:
        store = GatedStore()
        async with writing(store, bounds=Bounds(envelopes=10**6, events=10**6, bytes=10**9)) as writer:
            futures = []
            while not store.reached.is_set():
                futures.append(submit(writer, envelope(len(futures)), 100))
                assert len(futures) < 100_000
                await asyncio.sleep(0)
            await asyncio.gather(*futures)

    asyncio.run(scenario())


def test_a_duplicate_of_one_on_its_way_gets_that_ones_outcome_and_is_appended_once() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        async with writing(store) as writer:
            futures = [submit(writer, envelope(1, 5), 100) for _ in range(3)]
            store.gate.set()
            outcomes = await asyncio.gather(*futures)
            assert [accepted(outcome) for outcome in outcomes] == [
                (200, 5, False),
                (200, 5, True),
                (200, 5, True),
            ]
            assert store.groups == [1]
            assert len(store.events(7, 100)) == 5

    asyncio.run(scenario())


def test_a_duplicate_of_one_whose_commit_fails_fails_with_it() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        store.before = away
        async with writing(store) as writer:
            futures = [submit(writer, envelope(1), 100) for _ in range(2)]
            store.gate.set()
            for future in futures:
                with pytest.raises(NotStored):
                    await future

    asyncio.run(scenario())


def test_a_duplicate_of_a_stored_one_is_not_charged() -> None:
    async def scenario() -> None:
        async with writing(GatedStore(), events_per_second=lambda wsid: 10) as writer:
            assert accepted(await submit(writer, envelope(1, 10), 100)) == (200, 10, False)
            with pytest.raises(OverBudget) as caught:
                await submit(writer, envelope(2, 10), 100)
            assert 0.5 < caught.value.retry_after_s <= 1
            assert accepted(await submit(writer, envelope(1, 10), 100)) == (200, 10, True)

    asyncio.run(scenario())


def test_what_is_over_budget_is_not_stored_and_its_neighbours_are() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        rates = {7: 10, 8: 100}
        async with writing(store, events_per_second=rates.__getitem__) as writer:
            first = submit(writer, envelope(1, 10), 100)
            await reached(store)
            over, other = submit(writer, envelope(2, 10), 100), submit(writer, envelope(3, 10, wsid=8), 100)
            store.gate.set()
            assert (await first).status == (await other).status == 200
            with pytest.raises(OverBudget):
                await over
            assert store.outcomes([(7, envelope(2).id)]) == {}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("bounds", "waiting"),
    [(Bounds(envelopes=3), 3), (Bounds(events=30), 3), (Bounds(bytes=3000), 3)],
)
def test_a_full_queue_refuses_at_once_and_takes_again_when_it_is_empty(bounds: Bounds, waiting: int) -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        async with writing(store, bounds=bounds) as writer:
            futures = [submit(writer, envelope(number, 10), 1000) for number in range(waiting)]
            with pytest.raises(Busy):
                submit(writer, envelope(99, 10), 1000)
            again = submit(writer, envelope(0, 10), 1000)
            store.gate.set()
            await asyncio.gather(*futures, again)
            assert (await submit(writer, envelope(99, 10), 1000)).status == 200

    asyncio.run(scenario())


def test_an_envelope_larger_than_the_queue_passes_when_nothing_waits() -> None:
    async def scenario() -> None:
        async with writing(GatedStore(), bounds=Bounds(events=5, bytes=10)) as writer:
            assert (await submit(writer, envelope(1, 50), 5000)).accepted == 50

    asyncio.run(scenario())


def away(envelopes: Sequence[Envelope]) -> None:
    raise Unavailable("the disk is full")


def test_a_store_that_is_away_fails_the_group_and_the_next_one_succeeds() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.before = away
        async with writing(store) as writer:
            for number in (1, 2):
                with pytest.raises(NotStored) as caught:
                    await submit(writer, envelope(number), 100)
                assert caught.value.retry_after_s == 2
            assert writer.failing == "the store is away: the disk is full"
            store.before = lambda envelopes: None
            assert (await submit(writer, envelope(1), 100)).status == 200
            assert writer.failing is None

    asyncio.run(scenario())


def test_an_envelope_that_breaks_the_store_does_not_poison_its_neighbours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(envelopes: Sequence[Envelope]) -> None:
        if any(one.id == envelope(3).id for one in envelopes):
            raise ZeroDivisionError("a bug")

    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        async with writing(store) as writer:
            first = submit(writer, envelope(1), 100)
            await reached(store)
            futures = [submit(writer, envelope(number), 100) for number in (2, 3, 4)]
            store.before = breaks
            store.gate.set()
            await first
            results = await asyncio.gather(*futures, return_exceptions=True)
            assert [type(result) for result in results] == [Outcome, NotStored, Outcome]
            assert writer.alive

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(scenario())


def test_a_bug_anywhere_in_a_commit_fails_the_group_and_the_thread_lives_on() -> None:
    def broken(ids: Any) -> Any:
        raise ZeroDivisionError("a bug")

    async def scenario() -> None:
        store = GatedStore()
        async with writing(store) as writer:
            works, store.outcomes = store.outcomes, broken  # type: ignore[method-assign]
            with pytest.raises(NotStored):
                await submit(writer, envelope(1), 100)
            store.outcomes = works  # type: ignore[method-assign]
            assert (await submit(writer, envelope(1), 100)).status == 200

    asyncio.run(scenario())


def test_calls_run_between_commits_in_their_turn() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        async with writing(store) as writer:
            before = [submit(writer, envelope(number), 100) for number in (1, 2)]
            await reached(store)
            seen = writer.call(lambda: len(store.events(7, 10)))
            after = submit(writer, envelope(3), 100)
            store.gate.set()
            await asyncio.gather(*before, after)
            assert await asyncio.wrap_future(seen) == 2

    asyncio.run(scenario())


def test_what_a_call_raises_its_caller_gets_and_the_writer_lives_on() -> None:
    async def scenario() -> None:
        async with writing(GatedStore()) as writer:
            with pytest.raises(ZeroDivisionError):
                await asyncio.wrap_future(writer.call(lambda: 1 // 0))
            assert (await submit(writer, envelope(1), 100)).status == 200

    asyncio.run(scenario())


def test_commits_and_calls_are_told_before_anybody_is_answered() -> None:
    async def scenario() -> None:
        told: list[str] = []
        async with writing(GatedStore(), committed=lambda: told.append("told")) as writer:
            await submit(writer, envelope(1), 100)
            assert told == ["told"]
            await asyncio.wrap_future(writer.call(lambda: None))
            await asyncio.wrap_future(writer.call(lambda: None))
            assert told[:2] == ["told", "told"]

    asyncio.run(scenario())


def test_stopping_finishes_what_was_taken_and_takes_nothing_more() -> None:
    async def scenario() -> None:
        store = GatedStore()
        store.gate.clear()
        writer = Writer(store, lambda wsid: 100_000)
        writer.start()
        futures = [submit(writer, envelope(number), 100) for number in range(20)]
        stopping = asyncio.ensure_future(writer.stop())
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            submit(writer, envelope(99), 100)
        store.gate.set()
        await stopping
        assert [(await future).status for future in futures] == [200] * 20
        assert not writer.alive
        with pytest.raises(Busy):
            writer.call(lambda: None)

    asyncio.run(scenario())


def test_nothing_more_is_taken_for_a_web_service_that_is_deleted() -> None:
    async def scenario() -> None:
        store = GatedStore()
        async with writing(store) as writer:
            await submit(writer, envelope(1), 100)

            def delete() -> None:
                writer.forget(7)
                store.delete_webservice(7, 0)

            deleted = writer.call(delete)
            late, other = submit(writer, envelope(2), 100), submit(writer, envelope(3, wsid=8), 100)
            await asyncio.wrap_future(deleted)
            with pytest.raises(Deleted):
                await late
            assert (await other).status == 200
            assert store.events(7, 10) == []

    asyncio.run(scenario())


def test_what_became_of_envelopes_is_counted() -> None:
    async def scenario() -> None:
        registry = CollectorRegistry()
        async with writing(GatedStore(), events_per_second=lambda wsid: 5, registry=registry) as writer:
            await submit(writer, envelope(1, 5), 100)
            await submit(writer, envelope(1, 5), 100)
            with pytest.raises(OverBudget):
                await submit(writer, envelope(2, 5), 100)

        def value(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(name, labels)

        assert value("tmon_envelopes_total", result="stored") == 1
        assert value("tmon_envelopes_total", result="duplicate") == 1
        assert value("tmon_envelopes_total", result="over_budget") == 1
        assert value("tmon_events_total", result="accepted") == 5
        assert value("tmon_commit_seconds_count") == 3
        assert value("tmon_writer_queue_envelopes") == 0
        assert value("tmon_writer_queue_events") == 0
        assert value("tmon_writer_queue_bytes") == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(("behind_s", "times"), [(0, 0), (1.5, 0), (2, 1), (3, 3), (60, 4), (-3_600, 0)])
def test_the_further_the_views_are_behind_the_longer_commits_make_room(behind_s: float, times: float) -> None:
    assert pause(behind_s) == times


def test_commits_make_room_for_views_that_are_behind_and_then_go_on() -> None:
    behind_s = [60.0, 60.0, 0.0, 0.0]

    async def scenario() -> float:
        registry = CollectorRegistry()
        store = GatedStore()
        async with writing(store, behind_s=lambda: behind_s.pop(0), registry=registry) as writer:
            for number in range(4):
                assert accepted(await submit(writer, envelope(number), 100)) == (200, 1, False)
            took = registry.get_sample_value("tmon_commit_seconds_sum")
            paused = registry.get_sample_value("tmon_writer_paused_seconds_total")
        assert took
        assert paused
        return paused / took

    assert 0 < asyncio.run(scenario()) <= 4
    assert not behind_s
