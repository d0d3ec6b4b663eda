# SPDX-License-Identifier: GPL-3.0-or-later
"""The feed of changes: from whichever node is there, none left out, ended from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from tests.couchdb_server import Couch
from tests.integration.faulty_proxy import Fault, FaultyProxy
from tests.integration.server_process import until
from tests.integration.test_deliveries import Authority

from tmon.server.store.couchdb.address import parse
from tmon.server.store.couchdb.errors import Missing
from tmon.server.store.couchdb.feed import Feed
from tmon.server.store.couchdb.nodes import Nodes

PATIENCE_S = 30.0


@pytest.fixture
def database(couchdb: Couch) -> str:
    name = f"{couchdb.prefix}-x"
    assert couchdb.ask("PUT", f"/{name}")[0] in {201, 202}
    return name


@contextmanager
def connected(url: str) -> Iterator[Nodes]:
    nodes = Nodes(parse(url), timeout_s=5.0, rest_s=(0.02, 0.2))
    try:
        yield nodes
    finally:
        nodes.close()


class Reader:
    """A thread that iterates over a feed while it is entered, and keeps what it has got."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self.changes: list[dict[str, Any]] = []
        self.problem: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.close()
        self.join()

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    @property
    def ids(self) -> list[str]:
        return [change["id"] for change in self.changes]

    def wait_for(self, *ids: str) -> None:
        with self._moved:
            assert self._moved.wait_for(lambda: set(ids) <= set(self.ids), PATIENCE_S), self.ids

    def _read(self) -> None:
        try:
            for change in self._feed:
                with self._moved:
                    self.changes.append(change)
                    self._moved.notify_all()
        except Exception as problem:  # noqa: BLE001 (the test looks at it)
            self.problem = problem


def put(couchdb: Couch, database: str, name: str) -> None:
    assert couchdb.ask("PUT", f"/{database}/{name}", {"of": name})[0] in {201, 202}


def test_it_has_what_was_there_and_what_comes(couchdb: Couch, database: str) -> None:
    put(couchdb, database, "before")
    with connected(couchdb.url()) as nodes, Reader(Feed(nodes, database)) as reader:
        reader.wait_for("before")
        put(couchdb, database, "after")
        reader.wait_for("after")

    assert reader.ids == ["before", "after"]
    assert reader.problem is None


def test_it_goes_on_from_a_position_with_documents(couchdb: Couch, database: str) -> None:
    put(couchdb, database, "before")
    with connected(couchdb.url()) as nodes:
        first = Feed(nodes, database)
        with Reader(first) as reader:
            reader.wait_for("before")
        put(couchdb, database, "after")
        with Reader(Feed(nodes, database, first.since, params={"include_docs": True})) as reader:
            reader.wait_for("after")

    assert reader.ids == ["after"]
    assert reader.changes[0]["doc"]["of"] == "after"


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG, Fault.LOSE, Fault.CUT])
def test_it_goes_on_at_another_node_and_leaves_nothing_out(
    couchdb: Couch, database: str, fault: Fault
) -> None:
    with (
        FaultyProxy(couchdb.port) as first,
        FaultyProxy(couchdb.port) as second,
        connected(couchdb.url(first.node, second.node)) as nodes,
        Reader(Feed(nodes, database, heartbeat_s=0.3)) as reader,
    ):
        put(couchdb, database, "0")
        reader.wait_for("0")
        for number, proxy in enumerate([first, second, first, second], 1):
            proxy.fault = fault
            for part in "abc":
                put(couchdb, database, f"{number}{part}")
            reader.wait_for(*(f"{number}{part}" for part in "abc"))
            proxy.fault = Fault.NONE

    assert set(reader.ids) == {"0", *(f"{number}{part}" for number in range(1, 5) for part in "abc")}
    assert reader.problem is None
    assert fault is Fault.REFUSE or first.met[fault] + second.met[fault] > 0


def test_it_waits_while_no_node_is_there(couchdb: Couch, database: str) -> None:
    with (
        FaultyProxy(couchdb.port) as proxy,
        connected(couchdb.url(proxy.node)) as nodes,
        Reader(Feed(nodes, database)) as reader,
    ):
        put(couchdb, database, "before")
        reader.wait_for("before")
        proxy.fault = Fault.REFUSE
        put(couchdb, database, "meanwhile")
        until(lambda: nodes.pause_s() > 0.0, "the node rests")
        proxy.fault = Fault.NONE
        reader.wait_for("meanwhile")

    assert reader.ids == ["before", "meanwhile"]


def test_closing_ends_it_at_once_while_nothing_comes(couchdb: Couch, database: str) -> None:
    put(couchdb, database, "before")
    with (
        connected(couchdb.url()) as nodes,
        Reader(Feed(nodes, database, heartbeat_s=600)) as reader,
    ):
        reader.wait_for("before")

    assert reader.problem is None


def test_closing_ends_it_at_once_over_tls_as_well(
    couchdb: Couch, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    put(couchdb, database, "before")
    with FaultyProxy(couchdb.port, authority.server("localhost")) as proxy:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        url = couchdb.url(f"localhost:{proxy.port}").replace("couchdb:", "couchdbs:")
        with connected(url) as nodes, Reader(Feed(nodes, database, heartbeat_s=600)) as reader:
            reader.wait_for("before")

    assert reader.problem is None


def test_closing_ends_it_while_it_waits_for_a_node(couchdb: Couch, database: str) -> None:
    with FaultyProxy(couchdb.port) as proxy:
        nodes = Nodes(parse(couchdb.url(proxy.node)), rest_s=(600.0, 600.0))
        proxy.fault = Fault.REFUSE
        with Reader(Feed(nodes, database)) as reader:
            until(lambda: nodes.pause_s() > 0.0, "the node rests")
        nodes.close()

    assert reader.problem is None


def test_a_database_that_is_not_there_is_told(couchdb: Couch) -> None:
    with (
        connected(couchdb.url()) as nodes,
        pytest.raises(Missing),
    ):
        next(iter(Feed(nodes, f"{couchdb.prefix}-never")))
