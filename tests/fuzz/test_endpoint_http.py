# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP that no library would send, on raw sockets: an answer in our own JSON, or the connection ends."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.endpoint import (
    FORM,
    MIB,
    PATH,
    Endpoint,
    form,
    fuzzed,
    proper,
)
from tests.integration.server_process import HOST, Answer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("aftermath")]


def talk(endpoint: Endpoint, sent: bytes, *, ends: bool = False) -> list[Answer]:
    """The answers to what is written on a fresh connection, until the server closes it or one is complete.

    With `ends` the client says that nothing more will come.
    """
    with socket.create_connection((HOST, endpoint.server.port), timeout=20) as connection:
        received = b""
        try:
            connection.sendall(sent)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                received += chunk
                if not ends and answers_in(received)[1]:
                    break
        except ConnectionError:
            pass  # refused before all of it was sent
    return answers_in(received)[0]


def answers_in(received: bytes) -> tuple[list[Answer], bool]:
    """The answers in these bytes, and whether they end with the end of one."""
    answers = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(start.split(" ")[1])
        if status == 100:
            received = rest
            continue
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return answers, False
        answers.append(Answer(status, headers, rest[:length]))
        received = rest[length:]
    return answers, bool(answers) and not received


def post(headers: str, body: bytes = b"", target: str = PATH, version: str = "HTTP/1.1") -> bytes:
    lines = f"POST {target} {version}\r\nHost: tmon.example\r\nContent-Type: {FORM}\r\n{headers}\r\n"
    return lines.encode("latin1") + body


# What is written, and the statuses that may be answered.
WEIRD: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "a length that is a word": (post("Content-Length: abc\r\n"), (400,)),
    "an empty length": (post("Content-Length: \r\n"), (400,)),
    "a negative length": (post("Content-Length: -1\r\n"), (400,)),
    "a length with a sign": (post("Content-Length: +2\r\n", b"x="), (400,)),
    "a hexadecimal length": (post("Content-Length: 0x2\r\n", b"x="), (400,)),
    "a length with a decimal": (post("Content-Length: 2.0\r\n", b"x="), (400,)),
    "a length in other digits": (post("Content-Length: \xb2\r\n", b"x="), (400,)),
    "two lengths that differ": (post("Content-Length: 2\r\nContent-Length: 3\r\n", b"x=1"), (400,)),
    "two lengths in one": (post("Content-Length: 2, 3\r\n", b"x=1"), (400,)),
    "the same length twice": (post("Content-Length: 2\r\nContent-Length: 2\r\n", b"x="), (400,)),
    "a length of a terabyte": (post(f"Content-Length: {10**12}\r\n"), (413,)),
    "a length beyond 64 bits": (post(f"Content-Length: {10**30}\r\n"), (413,)),
    "a length of 10,000 digits": (post("Content-Length: " + "9" * 10_000 + "\r\n"), (413,)),
    "no length": (post(""), (400,)),
    "a length and chunks": (post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), (400,)),
    "an unknown transfer coding": (post("Transfer-Encoding: x\r\n", b"0\r\n\r\n"), (400,)),
    "gzip as a transfer coding": (post("Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), (400,)),
    "chunked twice": (post("Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), (400,)),
    "no chunk": (post("Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"), (400,)),
    "a chunk with an extension": (post("Transfer-Encoding: chunked\r\n", b"2;a=b\r\nx=\r\n0\r\n\r\n"), (400,)),
    "a chunk of a wrong size": (post("Transfer-Encoding: chunked\r\n", b"1\r\nx=\r\n0\r\n\r\n"), (400,)),
    "a chunk without a size": (post("Transfer-Encoding: chunked\r\n", b"xyz\r\n0\r\n\r\n"), (400,)),
    "a chunk of a negative size": (post("Transfer-Encoding: chunked\r\n", b"-1\r\n0\r\n\r\n"), (400,)),
    "a chunk of a huge size": (post("Transfer-Encoding: chunked\r\n", b"F" * 18 + b"\r\nx="), (400,)),
    "a chunk's size that does not end": (post("Transfer-Encoding: chunked\r\n", b"0" * 100_000), (400,)),
    "an expectation that is refused": (post(f"Content-Length: {9 * MIB}\r\nExpect: 100-continue\r\n"), (413,)),
    "an expectation that nobody knows": (post("Content-Length: 2\r\nExpect: miracles\r\n", b"x="), (400,)),
    "a header without a colon": (post("Content-Length\r\n"), (400,)),
    "a header without a name": (post(": 7\r\nContent-Length: 0\r\n"), (400,)),
    "a header with a NUL": (post("X-Y: a\0b\r\nContent-Length: 0\r\n"), (400,)),
    "a header over two lines": (post("X-Y: a\r\n b\r\nContent-Length: 0\r\n"), (400,)),
    "a space before a colon": (post("Content-Length : 0\r\n"), (400,)),
    "bytes that are not ASCII": (post("X-Y: \xff\xfe\r\nContent-Length: 0\r\n"), (400,)),
    "a header of 20,000 bytes": (post("X-Y: " + "y" * 20_000 + "\r\nContent-Length: 0\r\n"), (400,)),
    "a header of 200,000 bytes": (post("X-Y: " + "y" * 200_000 + "\r\nContent-Length: 0\r\n"), (431,)),
    "1,000 headers": (post("".join(f"X{n}: y\r\n" for n in range(1_000)) + "Content-Length: 0\r\n"), (400,)),
    "100,000 headers": (post("X: y\r\n" * 100_000), (431,)),
    "no Host": (f"POST {PATH} HTTP/1.1\r\nContent-Length: 0\r\n\r\n".encode(), (400,)),
    "two Hosts": (post("Host: other.example\r\nContent-Length: 0\r\n"), (400,)),
    "HTTP/1.0": (post("Content-Length: 0\r\n", version="HTTP/1.0"), (400,)),
    "HTTP/1.7": (post("Content-Length: 0\r\n", version="HTTP/1.7"), (400,)),
    "HTTP/2.0": (post("Content-Length: 0\r\n", version="HTTP/2.0"), (400,)),
    "HTTP/x": (post("Content-Length: 0\r\n", version="HTTP/x"), (400,)),
    "no version": (f"POST {PATH}\r\n\r\n".encode(), (400,)),
    "two spaces": (post("Content-Length: 0\r\n", target=f" {PATH}"), (400,)),
    "line feeds alone": (post("Content-Length: 0\r\n").replace(b"\r\n", b"\n"), (400,)),
    "HTTP/2 from the start": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    "an upgrade": (post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n"), (400,)),
    "an absolute target": (post("Content-Length: 0\r\n", target=f"http://tmon.example{PATH}"), (400,)),
    "a target with a query": (post("Content-Length: 0\r\n", target=f"{PATH}?wsid=7&data=x"), (400,)),
    "a target with a fragment": (post("Content-Length: 0\r\n", target=f"{PATH}#x"), (400, 404)),
    "a target with a NUL": (post("Content-Length: 0\r\n", target=f"{PATH}/\0"), (400,)),
    "a target that is not ASCII": (post("Content-Length: 0\r\n", target=f"{PATH}/\xff"), (400,)),
    "a target with an escape that is none": (post("Content-Length: 0\r\n", target=f"{PATH}/%zz"), (400,)),
    "a target of 20,000 bytes": (post("Content-Length: 0\r\n", target=f"{PATH}/" + "7" * 20_000), (400,)),
    "a target with dots": (post("Content-Length: 0\r\n", target=f"{PATH}/../7"), (400,)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n", (400,)),
    "empty lines first": (b"\r\n\r\n" + post("Content-Length: 0\r\n"), (400,)),
}  # fmt: skip


@pytest.mark.parametrize("name", WEIRD)
def test_weird_http(endpoint: Endpoint, name: str) -> None:
    sent, expected = WEIRD[name]
    answers = talk(endpoint, sent)
    assert answers
    for answer in answers:
        assert answer.status in expected
        assert answer.json()["status_code"] == answer.status
        assert answer.headers["content-type"] == "application/json"


METHODS = [
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "CONNECT",
    "PROPFIND",
    "post",
    "POSTS",
]


@pytest.mark.parametrize("method", [*METHODS, "X" * 5_000], ids=lambda method: method[:20])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/1"])
def test_another_method(endpoint: Endpoint, method: str, path: str) -> None:
    with contextlib.closing(endpoint.server.connect()) as connection:
        answer = connection.send(method, path)
    if method == "HEAD":
        assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "POST")
    else:
        proper(answer, (405,))
        assert answer.headers["allow"] == "POST"


@fuzzed
@given(st.binary(max_size=400))
def test_any_bytes_as_http(endpoint: Endpoint, sent: bytes) -> None:
    for answer in talk(endpoint, sent, ends=True):
        assert 400 <= answer.status < 500


LIKE_HTTP = st.sampled_from(
    [
        *("POST", "GET", " ", PATH, f"{PATH}/1", "HTTP/1.1", "\r\n", "\r\n\r\n", ":", "Host: x", "0", "7", ",", ";"),
        *("Content-Length: ", "Transfer-Encoding: chunked", f"Content-Type: {FORM}", "Content-Encoding: gzip"),
        *("Expect: 100-continue", "Connection: close", "wsid=1&data=AQAA", "2\r\nx=\r\n", "0\r\n\r\n", "\0", "\xff"),
    ]
)  # fmt: skip


@fuzzed
@given(st.lists(LIKE_HTTP, max_size=14).map("".join), st.booleans())
def test_anything_like_http(endpoint: Endpoint, text: str, begun: bool) -> None:
    sent = (f"POST {PATH} HTTP/1.1\r\nHost: x\r\n" if begun else "") + text
    for answer in talk(endpoint, sent.encode("latin1"), ends=True):
        assert 400 <= answer.status < 500
        if begun and answer.body:
            assert answer.json()["status_code"] == answer.status


def test_requests_that_break_off(endpoint: Endpoint) -> None:
    body = form(endpoint.shop)
    whole = post(f"Content-Length: {len(body)}\r\n", body)
    for end in (*range(0, len(whole) - 1, 7), len(whole) - 1):
        assert [answer.status for answer in talk(endpoint, whole[:end], ends=True)] in ([], [400])


def test_requests_one_behind_the_other(endpoint: Endpoint) -> None:
    bodies = [form(endpoint.shop) for _ in range(20)]
    sent = b"".join(post(f"Content-Length: {len(body)}\r\n", body) for body in bodies)
    with socket.create_connection((HOST, endpoint.server.port), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while len(answers_in(received)[0]) < 20:
            received += connection.recv(65_536)
    assert [proper(answer, (200,))["accepted"] for answer in answers_in(received)[0]] == [1] * 20
    endpoint.accepted += 20
