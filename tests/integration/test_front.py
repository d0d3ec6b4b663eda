# SPDX-License-Identifier: GPL-3.0-or-later
"""The server around the collector: operations, pages, bounds, and stopping without losing a request."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
import time
from typing import Any

import pytest
import structlog
from tests.collecting import EVENT, Server, sealed
from tests.unit.writer.gated import GatedStore

MIB = 1024 * 1024


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A WSGI application that shows what it was given."""
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Own", "1")])
    return [json.dumps({"environ": seen, "body": body.decode()}).encode()]


# -- operations -------------------------------------------------------------------------------------------------------


def test_health_is_that_the_loop_answers() -> None:
    with Server() as server:
        assert server.request("GET", "/healthz").json == {"status_code": 200, "status": "alive"}
        assert server.request("HEAD", "/healthz").content == b""
        answer = server.request("POST", "/healthz", b"x" * 1000)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_ready_says_why_not() -> None:
    reasons: list[str | None] = [None, None]
    with Server(checks=(lambda: reasons[0], lambda: reasons[1])) as server:
        assert server.request("GET", "/readyz").json == {"status_code": 200, "status": "ready"}
        reasons[1] = "the views are 45 s behind"
        answer = server.request("GET", "/readyz")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.json == {
            "status_code": 503,
            "status": "not ready",
            "reasons": ["the views are 45 s behind"],
        }


def test_a_check_that_is_stuck_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.collector import operations

    monkeypatch.setattr(operations, "CHECK_S", 0.05)
    stuck = threading.Event()
    with Server(checks=(lambda: str(stuck.wait(30)),)) as server:
        try:
            answer = server.request("GET", "/readyz")
            assert answer.status == 503
            assert "stuck" in answer.json["reasons"][0]
            assert server.request("GET", "/healthz").status == 200
        finally:
            stuck.set()


def test_metrics_show_what_happened() -> None:
    with Server() as server:
        server.send(EVENT)
        server.send(b"no json")
        answer = server.request("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    for line in (
        'tmon_answers_total{status="200"} 1.0',
        'tmon_answers_total{status="400"} 1.0',
        'tmon_events_total{result="accepted"} 1.0',
        "tmon_commit_seconds_count 2.0",
        "tmon_writer_queue_envelopes 0.0",
        "tmon_failed_opens_total 0.0",
    ):
        assert line in lines


def test_metrics_are_for_this_machine_or_for_who_has_the_token() -> None:
    with Server(trusted_proxies="127.0.0.1", metrics_token="open sesame") as server:

        def ask(**headers: str) -> int:
            return server.request("GET", "/metrics", **headers).status

        assert ask() == 200
        assert ask(X_Forwarded_For="127.0.0.1") == 200
        assert ask(X_Forwarded_For="192.0.2.1") == 403
        assert ask(X_Forwarded_For="192.0.2.1", Authorization="Bearer open sesame") == 200
        assert ask(X_Forwarded_For="192.0.2.1", Authorization="Bearer something else") == 403
        assert ask(Authorization="Bearer something else") == 403


def test_behind_a_proxy_that_nobody_declared_nobody_is_this_machine() -> None:
    with Server() as server:
        for header in ("X_Forwarded_For", "X_Real_IP", "Forwarded"):
            assert server.request("GET", "/metrics", **{header: "for=127.0.0.1"}).status == 403


# -- pages ------------------------------------------------------------------------------------------------------------


def test_everything_else_is_the_applications() -> None:
    with Server(application=echo) as server:
        answer = server.request("POST", "/some/path?q=1", b"a=b", Content_Type="text/x")
        assert answer.headers["x-own"] == "1"
        assert "server" not in answer.headers
        assert answer.json["body"] == "a=b"
        environ = answer.json["environ"]
        assert (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]) == (
            "POST",
            "/some/path",
            "q=1",
        )
        assert (environ["CONTENT_TYPE"], environ["REMOTE_ADDR"]) == ("text/x", "127.0.0.1")


def test_head_gets_the_headers_of_get() -> None:
    with Server(application=echo) as server, server.connection() as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        head = connection.recv(65_536).partition(b"\r\n\r\n")[0]
        assert b"Content-Length: " in head
        heard = connection.recv(65_536) if b"/second" not in head else head
        assert b'"/second"' in heard


def test_a_header_with_underscores_does_not_pass_for_another_one() -> None:
    with Server(application=echo) as server, server.connection() as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 192.0.2.1\r\nX-Real: 1\r\nConnection: close\r\n\r\n"
        )
        environ = server.hear(connection).json["environ"]
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_X_REAL"] == "1"


def test_a_page_takes_a_file_of_two_mebibytes_and_not_more() -> None:
    def count(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [str(size).encode()]

    with Server(application=count) as server:
        assert server.request("POST", "/form", bytes(2 * MIB + 65_536)).content == b"2162688"
        answer = server.request("POST", "/form", bytes(2 * MIB + 65_537))
        assert (answer.status, answer.json["status_code"]) == (413, 413)


def test_an_application_that_breaks_is_503_and_its_response_is_closed() -> None:
    closed: list[bool] = []

    class Parts(io.BytesIO):
        def close(self) -> None:
            closed.append(True)
            super().close()

        def __next__(self) -> bytes:
            raise ZeroDivisionError("a secret detail")

    def broken(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return Parts(b"x")

    with Server(application=broken) as server:
        answer = server.request("GET", "/")
        assert answer.status == 503
        assert b"secret" not in answer.content
    assert closed


def test_a_page_without_a_host_is_refused() -> None:
    with Server(application=echo) as server:
        assert server.talk(b"GET / HTTP/1.1\r\n\r\n").json["status_code"] == 400


# -- slow clients -----------------------------------------------------------------------------------------------------


def test_a_body_that_does_not_arrive_in_time_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.collector import front

    monkeypatch.setattr(front, "SWEEP_S", 0.02)
    monkeypatch.setattr(front, "BODY_S", 0.05)
    with Server() as server, server.connection() as connection:
        connection.sendall(b"POST /data/collect HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        assert connection.recv(100) == b""
        while server.value("tmon_requests_under_way"):
            time.sleep(0.002)


# -- stopping ---------------------------------------------------------------------------------------------------------


def accepts_connections(server: Server) -> bool:
    try:
        server.connection().close()
    except ConnectionError:
        return False
    return True


def test_requests_under_way_are_answered_before_it_stops() -> None:
    store = GatedStore()
    store.gate.clear()
    server = Server(store)
    with server:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(server.send(EVENT).status)) for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        while server.value("tmon_writer_queue_envelopes") != 5:
            time.sleep(0.002)
        server.begin_to_stop()
        while not server.front.stopping:
            time.sleep(0.002)
        while accepts_connections(server):
            time.sleep(0.02)
        store.gate.set()
        for thread in threads:
            thread.join()
        server.stop()
    assert statuses == [200] * 5
    assert len(store.events(7, 10)) == 5


def test_who_is_answered_while_it_stops_is_told_that_the_connection_ends() -> None:
    store = GatedStore()
    store.gate.clear()
    with Server(store) as server, server.connection() as connection:
        envelope = sealed(EVENT)
        connection.sendall(
            b"POST /data/collect/7 HTTP/1.1\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(envelope), envelope)
        )
        assert store.reached.wait(30)
        server.begin_to_stop()
        while not server.front.stopping:
            time.sleep(0.002)
        store.gate.set()
        answer = server.hear(connection)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.recv(10) == b""


def test_every_acknowledged_envelope_is_stored_when_it_stops_under_load() -> None:
    store = GatedStore()
    server = Server(store)
    acknowledged: set[bytes] = set()
    enough = threading.Event()

    def load() -> None:
        while True:
            envelope = sealed(EVENT)
            try:
                answer = server.post_raw(envelope)
            except (ConnectionError, http.client.HTTPException):
                return
            if answer.status == 200:
                acknowledged.add(envelope)
                if len(acknowledged) > 300:
                    enough.set()

    with server:
        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        server.stop()
        for thread in threads:
            thread.join()
    assert len(store.events(7, 100_000)) >= len(acknowledged)
    again = Server(store)
    with again:
        for envelope in list(acknowledged)[-50:]:
            assert again.post_raw(envelope).json["duplicate"] is True


def test_a_host_whose_port_is_no_number_is_refused() -> None:
    with structlog.testing.capture_logs() as logs, Server(application=echo) as server:
        answer = server.request("GET", "/", Host="localhost:evil")
    assert (answer.status, answer.json["status_code"]) == (400, 400)
    assert [entry["status"] for entry in logs if entry["event"] == "request"] == [400]
    assert not [entry for entry in logs if entry["log_level"] == "error"]


def test_connections_beyond_the_bound_are_503_and_those_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.collector import front

    monkeypatch.setattr(front, "CONNECTIONS", 3)
    with Server() as server:
        held = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=10) for _ in range(3)]
        for connection in held:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status_code":200,"status":"alive"}'
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as one_more:
            assert one_more.recv(100).startswith(b"HTTP/1.1 503 ")
        held[0].request("GET", "/healthz")
        assert held[0].getresponse().read() == b'{"status_code":200,"status":"alive"}'
        for connection in held:
            connection.close()


def test_an_answer_that_nobody_takes_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.collector import front

    monkeypatch.setattr(front, "BODY_S", 0.1)
    monkeypatch.setattr(front, "SWEEP_S", 0.05)

    def much(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(32 * MIB)]

    with Server(application=much) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        until = time.monotonic() + 10
        while server.front._sending or server.front._connections:
            assert time.monotonic() < until
            time.sleep(0.01)
