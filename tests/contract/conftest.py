# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test of the contract runs over every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.build import SMALL

from tmon.server.store import Limits, Store, open_store

OpenStore = Callable[[Limits], Store]


@pytest.fixture(params=["memory", "sqlite"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_with(scheme: str, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens the store with the given limits, the same data each time; closes all at the end."""
    opened: list[Store] = []

    def open_(limits: Limits) -> Store:
        if opened and scheme == "memory":
            return opened[0]
        opened.append(open_store(f"{scheme}:", tmp_path, limits))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_with: OpenStore) -> Store:
    """An empty store with limits that a test reaches: 4 keys an hour, 2 a closed day, 3 rows of quarantine."""
    return open_with(SMALL)


@pytest.fixture
def reopen(open_with: OpenStore) -> Callable[[Store], Store]:
    """Closes a store and opens it again; a store in memory just goes on."""

    def again(store: Store) -> Store:
        store.close()
        return open_with(SMALL)

    return again
