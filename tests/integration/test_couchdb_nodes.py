# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes with a real CouchDB-speaking server behind them: one may do whatever it likes, and nobody is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
from tests.couchdb_server import Couch
from tests.integration.faulty_proxy import Fault, FaultyProxy
from tests.integration.test_deliveries import Authority

from tmon.server.store import Unavailable
from tmon.server.store.couchdb.address import parse
from tmon.server.store.couchdb.documents import read, write
from tmon.server.store.couchdb.errors import Answered, Conflict, Exists, Missing, Refused, TooLarge
from tmon.server.store.couchdb.nodes import Nodes

TIMEOUT_S = 1.0
BOUND_S = 20.0
"""Two nodes that hang take some four seconds; on a busy machine more."""
PER_BATCH = 20
THREADS = 4
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]

OpenNodes = Callable[..., Nodes]


@pytest.fixture
def open_nodes() -> Iterator[OpenNodes]:
    """Opens clients for a URL that rest failed nodes shortly; closes them at the end."""
    with ExitStack() as stack:

        def open_(url: str, **options: Any) -> Nodes:
            nodes = Nodes(parse(url), **{"timeout_s": TIMEOUT_S, "rest_s": (0.02, 0.2), **options})
            stack.callback(nodes.close)
            return nodes

        yield open_


@pytest.fixture
def proxies(couchdb: Couch) -> Iterator[tuple[FaultyProxy, FaultyProxy]]:
    with FaultyProxy(couchdb.port) as first, FaultyProxy(couchdb.port) as second:
        yield first, second


@pytest.fixture
def database(couchdb: Couch) -> str:
    name = f"{couchdb.prefix}-x"
    assert couchdb.ask("PUT", f"/{name}")[0] in {201, 202}
    return name


class Writers:
    """Threads that write batches of documents until they are told to end, and note what reached them."""

    def __init__(self, nodes: Nodes, database: str) -> None:
        self._nodes, self._database = nodes, database
        self._ends = threading.Event()
        self._moved = threading.Condition()
        self.batches = [0] * THREADS
        self.problems: list[BaseException] = []
        self.conflicted = 0
        self.longest_s = 0.0
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(BOUND_S)
            assert not thread.is_alive()

    def wait_for_more(self, count: int) -> None:
        """Wait until each thread has written so many batches more."""
        wanted = [batches + count for batches in self.batches]
        with self._moved:
            assert self._moved.wait_for(
                lambda: (
                    bool(self.problems)
                    or all(have >= want for have, want in zip(self.batches, wanted, strict=True))
                ),
                60,
            )

    def ids(self) -> set[str]:
        """Those of all documents."""
        return {
            f"{thread}-{batch}-{number}"
            for thread, batches in enumerate(self.batches)
            for batch in range(batches)
            for number in range(PER_BATCH)
        }

    def _write(self, thread: int) -> None:
        try:
            while not self._ends.is_set():
                batch = self.batches[thread]
                documents = [{"_id": f"{thread}-{batch}-{n}", "by": thread} for n in range(PER_BATCH)]
                begun = time.monotonic()
                written = write(self._nodes, self._database, documents)
                taken_s = time.monotonic() - begun
                assert {*written.new, *written.conflicted} == {one["_id"] for one in documents}
                with self._moved:
                    self.conflicted += len(written.conflicted)
                    self.longest_s = max(self.longest_s, taken_s)
                    self.batches[thread] += 1
                    self._moved.notify_all()
        except BaseException as problem:
            with self._moved:
                self.problems.append(problem)
                self._moved.notify_all()
            raise


def test_nobody_is_told_of_a_node_that_fails_and_every_document_is_there_once(
    couchdb: Couch,
    database: str,
    proxies: tuple[FaultyProxy, FaultyProxy],
    open_nodes: OpenNodes,
) -> None:
    faulty, well = proxies
    nodes = open_nodes(couchdb.url(faulty.node, well.node))

    with Writers(nodes, database) as writers:
        for fault in FAULTS:
            faulty.fault = fault
            writers.wait_for_more(3)
            if fault is not Fault.REFUSE:
                faulty.wait_until_met(fault, 2)
            faulty.fault = Fault.NONE
            writers.wait_for_more(3)

    assert writers.problems == []
    assert writers.longest_s < BOUND_S
    assert writers.conflicted > 0  # with what they had written themselves, when the answer was lost
    _, listed = couchdb.ask("GET", f"/{database}/_all_docs")
    assert sorted(row["id"] for row in listed["rows"]) == sorted(writers.ids())
    assert {row["value"]["rev"].partition("-")[0] for row in listed["rows"]} == {"1"}


@pytest.mark.parametrize("fault", FAULTS)
def test_where_no_node_is_there_a_caller_is_told_soon_and_served_when_one_is_back(
    couchdb: Couch,
    database: str,
    proxies: tuple[FaultyProxy, FaultyProxy],
    open_nodes: OpenNodes,
    fault: Fault,
) -> None:
    nodes = open_nodes(couchdb.url(*(proxy.node for proxy in proxies)))
    for number in range(4):
        write(nodes, database, [{"_id": f"before {number}"}])
    for proxy in proxies:
        proxy.fault = fault

    for _ in range(3):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            write(nodes, database, [{"_id": "meanwhile"}])
        assert time.monotonic() - begun < BOUND_S
        for proxy in proxies:
            assert proxy.node in str(caught.value)
        assert couchdb.password not in str(caught.value)
        assert couchdb.user not in str(caught.value)

    proxies[1].fault = Fault.NONE
    write(nodes, database, [{"_id": "after"}])
    assert set(read(nodes, database, ["before 3", "after", "never"])) == {"before 3", "after"}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.REFUSE, r"could not be reached \(.*[Cc]onnection refused"),
        (Fault.HANG, "did not answer within 0.3 s"),
        (Fault.RESET, "broke the connection off"),
        (Fault.ERROR, r"answered 500 \(unknown_error: badmatch\)"),
        (Fault.STRANGER, "answered 200 without JSON"),
    ],
)
def test_it_is_told_what_each_node_did(
    couchdb: Couch, open_nodes: OpenNodes, fault: Fault, told: str
) -> None:
    with FaultyProxy(couchdb.port) as proxy:
        nodes = open_nodes(couchdb.url(proxy.node), timeout_s=0.3)
        proxy.fault = fault

        with pytest.raises(Unavailable, match=told):
            nodes.request("GET", "_all_dbs")


def test_a_node_that_comes_back_is_used_again(
    couchdb: Couch, database: str, proxies: tuple[FaultyProxy, FaultyProxy], open_nodes: OpenNodes
) -> None:
    first, second = proxies
    nodes = open_nodes(couchdb.url(first.node, second.node))
    first.fault = Fault.ERROR
    while not first.met[Fault.ERROR]:
        nodes.request("GET", database)
    first.fault = Fault.NONE
    second.fault = Fault.STRANGER

    for number in range(10):
        write(nodes, database, [{"_id": str(number)}])

    assert second.met[Fault.STRANGER] >= 1


def test_what_couchdb_says_of_a_request_is_told_and_no_failure_of_the_node(
    couchdb: Couch, database: str, open_nodes: OpenNodes
) -> None:
    nodes = open_nodes(couchdb.url())
    nodes.request("PUT", database, "a", body={"by": "anna"})

    with pytest.raises(Missing, match=rf"GET /{database}/b with 404 \(not_found: missing\)"):
        nodes.request("GET", database, "b")
    with pytest.raises(Missing):
        nodes.request("GET", f"{database}-other")
    with pytest.raises(Conflict):
        nodes.request("PUT", database, "a", body={"by": "bert"})
    with pytest.raises(Exists):
        nodes.request("PUT", database)
    with pytest.raises(Answered, match="400"):
        nodes.request("PUT", database, "_wrong", body={})
    assert nodes.pause_s() == 0.0


def test_a_wrong_password_is_refused_in_plain_words(couchdb: Couch, open_nodes: OpenNodes) -> None:
    url = couchdb.url().replace("@", "-wrong@", 1)

    with pytest.raises(Refused, match="the user of TMON_STORE has to be an administrator") as caught:
        open_nodes(url).request("GET", "_users", "_all_docs")

    assert couchdb.password not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["a/b", "a%2Fb", "a+b c", "?#&=", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "'\"()[]{}|\\^`~;:@$,!*"],
)
def test_ids_may_have_any_character(couchdb: Couch, database: str, open_nodes: OpenNodes, name: str) -> None:
    nodes = open_nodes(couchdb.url())

    nodes.request("PUT", database, name, body={"seven": 7})

    assert nodes.request("GET", database, name)["_id"] == name
    rows = nodes.request("GET", database, "_all_docs", params={"key": name, "include_docs": True})["rows"]
    assert [row["doc"]["seven"] for row in rows] == [7]


def test_an_answer_beyond_its_limit_is_not_read_and_no_failure_of_the_node(
    couchdb: Couch, database: str, open_nodes: OpenNodes
) -> None:
    nodes = open_nodes(couchdb.url())
    nodes.request("PUT", database, "large", body={"text": "x" * 100_000})

    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        nodes.request("GET", database, "large", largest_bytes=1000)
    assert len(nodes.request("GET", database, "large")["text"]) == 100_000
    assert nodes.pause_s() == 0.0


def test_more_threads_than_connections_wait_for_one(
    couchdb: Couch, database: str, open_nodes: OpenNodes
) -> None:
    nodes = open_nodes(couchdb.url(), connections=2, timeout_s=30.0)

    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(lambda n: write(nodes, database, [{"_id": str(n)}]), range(60)))

    # One that had to be repeated is told as conflicted: with itself.
    assert [{*one.new, *one.conflicted} for one in told] == [{str(number)} for number in range(60)]
    assert set(read(nodes, database, [str(number) for number in range(60)])) == {str(n) for n in range(60)}


def test_a_closed_client_says_so(couchdb: Couch, open_nodes: OpenNodes) -> None:
    nodes = open_nodes(couchdb.url())
    nodes.close()

    with pytest.raises(Unavailable, match="closed"):
        nodes.request("GET", "_all_dbs")


def test_tls_checks_the_certificate(
    couchdb: Couch, open_nodes: OpenNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    with FaultyProxy(couchdb.port, authority.server("localhost")) as proxy:
        url = couchdb.url(f"localhost:{proxy.port}").replace("couchdb:", "couchdbs:")

        with pytest.raises(Unavailable, match=r"could not be reached .*CERTIFICATE_VERIFY_FAILED"):
            open_nodes(url).request("GET", "_all_dbs")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert isinstance(open_nodes(url).request("GET", "_all_dbs"), list)
