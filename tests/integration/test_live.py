# SPDX-License-Identifier: GPL-3.0-or-later
"""The live stream of a real server: what it shows, to whom, and what becomes of those who do not read."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server_process import HOST, ServerProcess, WebService, until


class Stream:
    """A live stream, read event by event."""

    def __init__(self, server: ServerProcess, service: WebService, token: str) -> None:
        self._http = http.client.HTTPConnection(HOST, server.port, timeout=20)
        headers = {"Authorization": f"Bearer {token}"}
        self._http.request("GET", f"/{service.wsid}/data/live", headers=headers)
        self._response = self._http.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers

    def next(self) -> tuple[str, Any] | None:
        """The name and the content of the next event; None at the stream's end."""
        name = ""
        while line := self._response.fp.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])
        return None

    def close(self) -> None:
        self._response.close()
        self._http.close()


@contextlib.contextmanager
def watching(server: ServerProcess, service: WebService) -> Iterator[Stream]:
    """A stream that has begun to show what arrives."""
    stream = Stream(server, service, server.token)
    try:
        assert stream.status == 200
        event = stream.next()
        assert event is not None
        assert event[0] == "tick"
        yield stream
    finally:
        stream.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("live")) as running:
        yield running


def hit(number: int, **fields: Any) -> dict[str, Any]:
    return {"url": f"/{number}", "ip": None, "useragent": None, "ts": time.time(), **fields}


def test_what_arrives_is_shown_and_counted(server: ServerProcess) -> None:
    shop = server.webservice("shown")
    with watching(server, shop) as stream:
        server.collect(shop, shop.seal([hit(1, status=500), hit(2), hit(3, ts=time.time() - 90)]))
        shown: list[dict[str, Any]] = []
        counted: dict[str, int] = {}
        while sum(counted.values()) < 2:
            name, content = stream.next() or ("", None)
            if name == "request":
                shown.append(content)
            else:
                counted = {second["t"]: second["requests"] for second in content["seconds"]}
        assert [(one["path"], one["sampled"]) for one in shown] == [("/1", False), ("/2", False)]
        by_api = server.ask(shop, "requests/second/60")["results"]
        assert {one["t"]: one["requests"] for one in by_api if one["t"] in counted} == counted


def test_of_many_requests_a_sample_is_shown_and_all_are_counted(server: ServerProcess) -> None:
    shop = server.webservice("sampled")
    with watching(server, shop) as stream:
        server.collect(shop, shop.seal([hit(number) for number in range(400)]))
        shown: list[dict[str, Any]] = []
        total = 0
        while total < 400:
            name, content = stream.next() or ("", None)
            if name == "request":
                shown.append(content)
            else:
                total = sum(second["requests"] for second in content["seconds"])
    assert 25 <= len(shown) <= 50
    assert all(one["sampled"] for one in shown[:25])
    assert shown[-1]["path"] == "/399"


def test_who_comes_back_at_once_sees_everything_once(server: ServerProcess) -> None:
    shop = server.webservice("reloaded")
    for _ in range(4):
        with watching(server, shop):
            pass  # left within the half second between two looks
    with watching(server, shop) as stream:
        server.collect(shop, shop.seal([hit(number) for number in range(5)]))
        shown: list[int] = []
        ticks = 0
        while ticks < 3:
            name, content = stream.next() or ("", None)
            if name == "request":
                shown.append(content["seq"])
            else:
                ticks += 1
    assert len(shown) == len(set(shown)) == 5


def test_a_parameter_of_the_stream_is_refused(server: ServerProcess) -> None:
    shop = server.webservice("asked for more")
    authorization = f"Bearer {server.token}"
    answer = server.connection.send("GET", f"/{shop.wsid}/data/live?limit=5", Authorization=authorization)
    assert answer.status == 400


def test_a_stream_ends_when_the_right_to_it_does(server: ServerProcess) -> None:
    shop = server.webservice("revoked")
    made = json.loads(server.command("token", "create", "harbour", "--json"))
    stream = Stream(server, shop, made["token"])
    assert stream.status == 200
    listed = json.loads(server.command("token", "list", "--json"))
    number = max(token["id"] for token in listed)
    server.command("token", "revoke", str(number))
    begun = time.monotonic()
    while stream.next() is not None:
        assert time.monotonic() < begun + 15
    stream.close()


def test_who_reads_nothing_costs_the_others_nothing(server: ServerProcess) -> None:
    shop = server.webservice("slow")
    request = (
        f"GET /{shop.wsid}/data/live HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
    )
    silent = []
    for _ in range(10):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect((HOST, server.port))
        one.sendall(request.encode())
        silent.append(one)
    with watching(server, shop) as stream:
        until(lambda: server.metric("tmon_live_streams") == 11, "all have begun")
        for _ in range(3):
            server.collect(shop, shop.seal([hit(1, note="x" * 1000) for _ in range(200)]))
            while (event := stream.next()) and event[0] != "tick":
                pass
            assert event is not None
        for one in silent:
            one.close()
        until(lambda: server.metric("tmon_live_streams") == 1, "those who left are forgotten")
    until(lambda: server.metric("tmon_live_streams") == 0, "nobody watches")


def test_who_leaves_before_the_stream_has_begun_is_forgotten(server: ServerProcess) -> None:
    shop = server.webservice("hasty")
    request = (
        f"GET /{shop.wsid}/data/live HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection((HOST, server.port)) as one:
            one.sendall(request.encode())
    with watching(server, shop):  # those before it have had their turn
        until(lambda: server.metric("tmon_live_streams") == 1, "those who left are forgotten")
    until(lambda: server.metric("tmon_live_streams") == 0, "nobody watches")


def test_streams_end_when_the_server_does(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        shop = server.webservice("stopping")
        with watching(server, shop) as stream:
            begun = time.monotonic()
            server.stop()
            assert time.monotonic() < begun + 8
            while stream.next() is not None:
                pass


def test_one_account_leaves_streams_to_others(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, contextlib.ExitStack() as stack:
        shop = server.webservice("watched by one")
        server.command("user", "create", "patient")
        server.command("webservice", "member", "add", str(shop.wsid), "patient")
        other = json.loads(server.command("token", "create", "patient", "--json"))["token"]
        held = []
        for _ in range(128):
            held.append(Stream(server, shop, server.token))
            stack.callback(held[-1].close)
        assert {stream.status for stream in held} == {200}
        refused, own = Stream(server, shop, server.token), Stream(server, shop, other)
        stack.callback(refused.close)
        stack.callback(own.close)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
        assert own.status == 200
        held[0].close()
        until(lambda: server.metric("tmon_live_streams") == 128, "it has left")
        again = Stream(server, shop, server.token)
        stack.callback(again.close)
        assert again.status == 200


def test_strangers_and_nobody_get_no_stream(server: ServerProcess) -> None:
    shop = server.webservice("private")
    assert server.connection.send("GET", f"/{shop.wsid}/data/live").status == 401
    authorization = f"Bearer {server.token}"
    assert server.connection.send("GET", "/999999/data/live", Authorization=authorization).status == 404
    assert (
        server.connection.send("POST", f"/{shop.wsid}/data/live", Authorization=authorization).status == 405
    )
    head = server.connection.send("HEAD", f"/{shop.wsid}/data/live", Authorization=authorization)
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
