# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection: requests one behind the other, upgrades, chunks, clients that do not read, and its end."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

from tests.collecting import EVENT, Server, sealed

MIB = 1024 * 1024
HEALTHY = b'{"status_code":200,"status":"alive"}'
GET_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def raw_post(envelope: bytes, *headers: str) -> bytes:
    lines = ["POST /data/collect/7 HTTP/1.1", "Host: x", "Content-Type: application/octet-stream", *headers]
    lines.append(f"Content-Length: {len(envelope)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + envelope


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [json.dumps({"path": environ["PATH_INFO"], "body": body.decode()}).encode()]


def test_answers_come_in_the_order_of_the_requests() -> None:
    with Server(application=echo) as server, server.connection() as connection:
        connection.sendall(raw_post(sealed(EVENT)) + b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n" + GET_HEALTH)
        assert server.hear(connection).json["accepted"] == 1
        assert server.hear(connection).json["path"] == "/one"
        assert server.hear(connection).content == HEALTHY


def test_what_follows_a_request_does_not_have_it_answered_again() -> None:
    with Server() as server, server.connection() as connection:
        connection.sendall(GET_HEALTH + b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        assert server.hear(connection).content == HEALTHY
        connection.sendall(b"a" * 20_000)
        connection.sendall(b"\r\n\r\n")
        assert server.hear(connection).content == HEALTHY
        connection.sendall(GET_HEALTH)
        assert server.hear(connection).content == HEALTHY


def test_an_upgrade_is_not_taken_up_and_the_body_is() -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    with Server() as server, server.connection() as connection:
        request = raw_post(sealed(EVENT), *upgrade)
        connection.sendall(request[:-40])
        connection.sendall(request[-40:])
        assert server.hear(connection).json["accepted"] == 1
    with Server() as server, server.connection() as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert server.hear(connection).content == HEALTHY


def test_white_space_behind_a_header_is_no_part_of_it() -> None:
    with Server() as server, server.connection() as connection:
        envelope = sealed(EVENT)
        head = f"POST /data/collect/7 HTTP/1.1\r\nHost: x \r\nContent-Length: {len(envelope)} \t\r\n"
        connection.sendall(head.encode() + b"Content-Type: application/octet-stream \r\n\r\n" + envelope)
        assert server.hear(connection).status == 200


def test_a_page_gets_a_body_that_comes_in_chunks() -> None:
    with Server(application=echo) as server:
        answer = server.request("POST", "/form", iter([b"a=", b"1", b"&b=2"]))
    assert answer.json == {"path": "/form", "body": "a=1&b=2"}


def test_an_envelope_in_chunks_of_a_byte_is_taken() -> None:
    envelope = sealed(EVENT)
    with Server() as server:
        pieces = (envelope[at : at + 1] for at in range(len(envelope)))
        answer = server.request(
            "POST",
            "/data/collect/7",
            pieces,
            Content_Type="application/octet-stream",
            Transfer_Encoding="chunked",
        )
        assert answer.json["accepted"] == 1


def test_nobody_is_told_to_continue_who_speaks_http_1_0() -> None:
    with Server(application=echo) as server, server.connection() as connection:
        connection.sendall(b"POST /form HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        assert server.hear(connection).json["body"] == "ab"
        assert connection.recv(10) == b""


def test_http_1_0_keeps_its_connection_if_it_asks_to() -> None:
    with Server() as server, server.connection() as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = server.hear(connection)
            assert (answer.content, answer.headers["connection"]) == (HEALTHY, "keep-alive")


def test_a_client_that_does_not_read_is_not_answered_further() -> None:
    asked = []

    def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [bytes(8 * MIB)]

    with Server(application=large) as server, server.connection() as connection:
        connection.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(50)))
        while not server.front._sending:
            assert server.request("GET", "/healthz").status == 200
        before = len(asked)
        for _ in range(20):
            assert server.request("GET", "/healthz").status == 200
        assert len(asked) == before < 50
        for number in range(50):
            assert len(server.hear(connection).content) == 8 * MIB
            assert asked[number] == f"/{number}"


def test_an_answer_that_is_on_its_way_arrives_though_the_server_stops() -> None:
    def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(32 * MIB)]

    with Server(application=large) as server, server.connection() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not server.front._sending:
            assert server.request("GET", "/healthz").status == 200
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert len(server.hear(connection).content) == 32 * MIB
        stopping.join()


def test_nothing_is_left_of_connections_that_end_anywhere() -> None:
    request = raw_post(sealed(EVENT))
    with Server() as server:
        for end in range(0, len(request), 9):
            connection = server.connection()
            connection.sendall(request[:end])
            if end % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
            connection.close()
        while server.front._connections:
            assert server.request("GET", "/healthz").status == 200
        front = server.front
        assert (front.held, len(front._under_way), len(front._receiving), len(front._sending)) == (0, 0, 0, 0)
