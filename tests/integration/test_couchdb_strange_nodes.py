# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that answer byte by byte as a test says: connections that end unseen, answers that do not end."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

import pytest

from tmon.server.store import Unavailable
from tmon.server.store.couchdb.address import parse
from tmon.server.store.couchdb.errors import TooLarge
from tmon.server.store.couchdb.feed import Feed
from tmon.server.store.couchdb.nodes import Nodes

OK: Final = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Answer = Iterator[bytes]
"""The pieces of an answer. The connection ends after one that has nothing."""


def a_chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


class StrangeNode:
    """Answers request after request, over however many connections, as `answers` gives them; keeps the heads."""

    def __init__(self, answers: Iterator[Answer]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends = False
        self._thread = threading.Thread(target=self._serve)
        self.heads: list[str] = []
        self.connections = 0
        self.url = f"couchdb://tmon:secret@127.0.0.1:{self._listener.getsockname()[1]}/tmon"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ends = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._listener.close()

    def _serve(self) -> None:
        while not self._ends:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    self.connections += 1
                    connection.settimeout(30)
                    while self._answer(connection):
                        pass

    def _answer(self, connection: socket.socket) -> bool:
        """Answer a request; whether there may be another one."""
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(65_536)
            if not more:
                return False
            received += more
        self.heads.append(received.decode())
        for piece in next(self._answers):
            if not piece or self._ends:
                return False
            connection.sendall(piece)
        return True


@contextlib.contextmanager
def asked(
    answers: Iterator[Answer], *, timeout_s: float = 10.0, largest_bytes: int = 100_000
) -> Iterator[tuple[StrangeNode, Nodes]]:
    """A node that answers so, and a client of it alone."""
    with StrangeNode(answers) as node:
        nodes = Nodes(parse(node.url), timeout_s=timeout_s, largest_bytes=largest_bytes, rest_s=(0.02, 0.1))
        try:
            yield node, nodes
        finally:
            nodes.close()


def test_a_connection_that_ends_when_it_is_used_again_is_no_failure() -> None:
    answers = [[OK], [b""], [OK], [b""], [OK]]
    with asked(map(iter, answers)) as (node, nodes):
        for _ in range(3):
            assert nodes.request("GET", "db") == {"ok": True}

    assert len(node.heads) == 5
    assert node.connections == 3


def test_a_new_connection_that_ends_without_an_answer_is_a_failure() -> None:
    with asked(map(iter, [[b""], [OK]])) as (_, nodes):
        with pytest.raises(Unavailable, match="broke the connection off"):
            nodes.request("GET", "db")
        assert nodes.request("GET", "db") == {"ok": True}


def test_the_login_goes_in_a_header_and_nothing_asks_for_compression() -> None:
    with asked(map(iter, [[OK]])) as (node, nodes):
        nodes.request("POST", "db", body={"a": [1, None]})

    head = node.heads[0].lower()
    assert "authorization: basic dg1vbjpzzwnyzxq=" in head
    assert "accept-encoding: identity" in head
    assert "content-type: application/json" in head
    assert re.search(r"^post /db http/1\.1\r\n", head)


def endless() -> Answer:
    yield CHUNKED
    while True:
        yield a_chunk(b" " * 10_000)


def trickling() -> Answer:
    yield CHUNKED
    while True:
        time.sleep(0.02)
        yield a_chunk(b" ")


def test_an_endless_answer_is_given_up_at_its_limit() -> None:
    with asked(iter([endless()])) as (_, nodes), pytest.raises(TooLarge, match="more than 100000 bytes"):
        nodes.request("GET", "db")


def test_an_answer_announced_beyond_its_limit_is_not_read() -> None:
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"
    with asked(map(iter, [[announced], [OK]])) as (_, nodes):
        with pytest.raises(TooLarge):
            nodes.request("GET", "db")
        assert nodes.request("GET", "db") == {"ok": True}


def test_an_answer_that_trickles_is_given_up_in_the_end() -> None:
    with (
        asked(iter([trickling()]), timeout_s=0.3) as (_, nodes),
        pytest.raises(Unavailable, match=r"did not come to the end of its answer within 0\.3 s"),
    ):
        nodes.request("GET", "db")


def test_an_answer_that_is_packed_although_nobody_asked_for_it_is_not_unpacked() -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with (
        asked(map(iter, [[packed]])) as (_, nodes),
        pytest.raises(Unavailable, match="answered 200 without JSON"),
    ):
        nodes.request("GET", "db")


def following(*pieces: bytes) -> Callable[[], Answer]:
    return lambda: itertools.chain([CHUNKED], map(a_chunk, pieces), [b""])


def test_changes_are_put_together_from_whatever_pieces_they_come_in() -> None:
    answers = [
        following(
            b'\n{"seq":"1-a","id":"a"}\n{"se', b'q":"2-b","id', b'":"b"}', b"\n", b"\n\n", b'{"seq":"3-c"'
        ),
        following(b'{"seq":"3-c","id":"c"}\n<html>\n'),
        following(b'{"seq":"4-d","id":"d"}\n{"last_seq":"4-d","pending":0}\n'),
        following(b'{"seq":"5-e","id":"e"}\n'),
    ]
    with asked(answer() for answer in answers) as (node, nodes):
        feed = Feed(nodes, "db", "0-x")
        changes = list(itertools.islice(feed, 5))

    assert [change["id"] for change in changes] == ["a", "b", "c", "d", "e"]
    assert feed.since == "5-e"
    since = [re.findall(r"since=([^& ]+)", head)[0] for head in node.heads]
    assert since == ["0-x", "2-b", "3-c", "4-d"]


def test_a_line_beyond_the_limit_is_given_up() -> None:
    def line() -> Answer:
        yield CHUNKED
        yield a_chunk(b'{"seq":1,"id":"a"}\n')
        while True:
            yield a_chunk(b"x" * 10_000)

    with asked(iter([line()])) as (_, nodes):
        changes = iter(Feed(nodes, "db"))
        assert next(changes)["id"] == "a"
        with pytest.raises(TooLarge, match="a line"):
            next(changes)
