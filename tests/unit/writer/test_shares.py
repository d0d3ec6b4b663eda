# SPDX-License-Identifier: GPL-3.0-or-later
"""A web service that has used up its share of the disk is refused, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from tests.unit.writer.gated import GatedStore, envelope, submit

from tmon.server.store.base import DAY_MS, Unavailable
from tmon.server.store.memory import MemoryStore
from tmon.server.writer import DiskShares, NotStored, OverBudget, OverShare, Share, Writer

DAY_S = DAY_MS // 1000


class World:
    """A writer with shares before it; `now` is in Unix seconds, as the envelopes' receipt is."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.writer = Writer(store, lambda wsid: 1_000_000)
        self.now = envelope(1, 1).received_ms / 1000
        self.bytes: Mapping[int, int] = {}
        self.shares = DiskShares(
            self.writer, store, lambda wsid: Share(self.bytes.get(wsid, 1_000), 14), clock=lambda: self.now
        )


@asynccontextmanager
async def world(store: MemoryStore | None = None) -> AsyncIterator[World]:
    made = World(store or MemoryStore())
    made.writer.start()
    try:
        yield made
    finally:
        await made.writer.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_beyond_its_share_what_is_new_is_refused_until_the_share_is_larger() -> None:
    async def test() -> None:
        async with world() as made:
            made.shares.look()
            assert (await submit(made.shares, envelope(1, 1), 1_000)).status == 200
            assert (await submit(made.shares, envelope(2, 1), 1_000)).status == 200  # nobody has looked
            made.shares.look()
            with pytest.raises(OverShare) as refused:
                await submit(made.shares, envelope(3, 1), 1)
            assert refused.value.retry_after_s == 300
            assert isinstance(refused.value, OverBudget)  # which is answered with 429
            made.bytes = {7: 2_001}
            assert (await submit(made.shares, envelope(3, 1), 1)).status == 200

    run(test)


def test_what_was_stored_before_gets_its_stored_answer() -> None:
    async def test() -> None:
        async with world() as made:
            await submit(made.shares, envelope(1, 1), 5_000)
            made.shares.look()
            again = await submit(made.shares, envelope(1, 1), 5_000)
            assert (again.status, again.accepted, again.duplicate) == (200, 1, True)
            assert made.store.sizes() == {7: {int(made.now) // DAY_S: 5_000}}

    run(test)


def test_others_are_not_refused() -> None:
    async def test() -> None:
        async with world() as made:
            await submit(made.shares, envelope(1, 1), 5_000)
            made.shares.look()
            assert (await submit(made.shares, envelope(2, 1, wsid=8), 1)).status == 200

    run(test)


def test_there_is_room_again_when_the_oldest_day_has_expired() -> None:
    async def test() -> None:
        async with world() as made:
            await submit(made.shares, envelope(1, 1), 5_000)
            made.now += 14 * DAY_S
            made.shares.look()
            with pytest.raises(OverShare):
                await submit(made.shares, envelope(2, 1), 1)
            made.now += DAY_S
            made.shares.look()
            assert (await submit(made.shares, envelope(2, 1), 1)).status == 200

    run(test)


def test_a_store_that_is_away_is_no_reason_to_say_that_the_share_is_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with world() as made:
            await submit(made.shares, envelope(1, 1), 5_000)
            made.shares.look()

            def away(ids: object) -> None:
                raise Unavailable("the disk is away")

            monkeypatch.setattr(made.store, "outcomes", away)
            with pytest.raises(NotStored):
                await submit(made.shares, envelope(1, 1), 1)

    run(test)


def test_what_is_on_its_way_is_waited_for() -> None:
    async def test() -> None:
        store = GatedStore()
        async with world(store) as made:
            await submit(made.shares, envelope(1, 1), 5_000)
            under_way = submit(made.shares, envelope(2, 1), 1)
            made.shares.look()
            again = submit(made.shares, envelope(2, 1), 1)
            assert (await under_way).status == 200
            assert (await again).duplicate

    run(test)
