# SPDX-License-Identifier: GPL-3.0-or-later
"""The kit's HTTP server, over real sockets: it reads what clients write, and misbehaves as its script says."""

from __future__ import annotations

import contextlib
import errno
import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from email.message import Message
from typing import Any, NamedTuple

import pytest

from tmon.client_api import envelope
from tmon.conformance import Endpoint, Referee
from tmon.conformance.endpoint import MOST_BYTES
from tmon.conformance.script import Kind, Reply, Step

from .simulated import DOOR, KEY

PATH = f"{DOOR.prefix}/data/collect/{DOOR.wsid}"
RAW = {"Content-Type": "application/octet-stream"}


def sealed(number: int = 0) -> bytes:
    content = json.dumps({"url": f"/{number}", "ip": None, "useragent": None}).encode()
    return envelope.seal(content, KEY, DOOR.wsid)


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """An endpoint whose script is the test's parameter; its first envelope meets no step."""
    steps = tuple(
        Step(f"step-{n}", Kind.ONCE, (reply,)) for n, reply in enumerate(getattr(request, "param", ()))
    )
    with Endpoint(Referee(DOOR, fed=False, patience_s=5, steps=steps), DOOR) as listening:
        if steps:
            assert post(listening, sealed()).status == 200
        yield listening


class Answer(NamedTuple):
    """An HTTP answer, whole."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def post(endpoint: Endpoint, body: bytes | Iterator[bytes], **headers: str) -> Answer:
    named = {**RAW, **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", PATH, body, named, encode_chunked=not isinstance(body, bytes))
        with connection.getresponse() as response:
            return Answer(response.status, response.headers, response.read())


def talk(endpoint: Endpoint, text: bytes) -> bytes:
    """All that comes back for these bytes until the connection ends, which it may do before it has taken them all."""
    answer = b""
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=10) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65_536):
                answer += received
        except OSError as error:
            if error.errno not in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}:
                raise
    return answer


def test_a_chunked_body_and_a_continued_one_are_read(endpoint: Endpoint) -> None:
    one = sealed()
    chunked = post(endpoint, iter([one[:10], one[10:]]), Transfer_Encoding="chunked")
    assert chunked.json() == {"status_code": 200, "accepted": 1, "rejected_count": 0, "rejected": []}
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n"
    )
    body = sealed(1)
    answer = talk(
        endpoint, f"{head}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_one_connection_serves_several_requests(endpoint: Endpoint) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    with contextlib.closing(connection):
        for number in range(3):
            connection.request("POST", PATH, sealed(number), RAW)
            assert connection.getresponse().read()
    with endpoint.referee() as referee:
        assert len(referee.record.deliveries) == 3


def test_other_methods_are_told_of_post(endpoint: Endpoint) -> None:
    answer = talk(endpoint, f"BREW {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed")
    assert b"\r\nAllow: POST\r\n" in answer
    head = talk(endpoint, f"HEAD {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x00\xfa\r\n\r\n",
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n".encode(),
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n".encode(),
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n".encode(),
        b"GET " + b"x" * 100_000,
        b"",
    ],
)
def test_what_is_no_request_leaves_the_endpoint_alone(endpoint: Endpoint, text: bytes) -> None:
    assert b" 200 " not in talk(endpoint, text)
    assert post(endpoint, sealed()).status == 200


@pytest.mark.parametrize("endpoint", [(Reply(503, retry_after_s=7), Reply(noise=b"\0\1\2"))], indirect=True)
def test_a_refusal_and_noise_come_as_the_script_says(endpoint: Endpoint) -> None:
    refused = post(endpoint, sealed(1))
    assert (refused.status, refused.headers["Retry-After"]) == (503, "7")
    assert refused.json() == {"status_code": 503}
    with pytest.raises(http.client.BadStatusLine):
        post(endpoint, sealed(2))


@pytest.mark.parametrize(
    "endpoint",
    [(Reply(stores=True, cut=0.0), Reply(stores=True, cut=0.8), Reply(stores=True))],
    indirect=True,
)
def test_a_broken_answer_hides_that_the_events_are_stored(endpoint: Endpoint) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        post(endpoint, sealed(1))
    with pytest.raises(http.client.IncompleteRead):
        post(endpoint, sealed(2))
    for number in (1, 2):
        assert post(endpoint, sealed_again(endpoint, number)).json()["duplicate"] is True


def sealed_again(endpoint: Endpoint, number: int) -> bytes:
    """The bytes that arrived with that number."""
    with endpoint.referee() as referee:
        return referee.record.in_order[number].received.envelope


@pytest.mark.parametrize(
    "endpoint", [(Reply(stores=True, slow_s=0.2), Reply(stores=True, gzipped=True))], indirect=True
)
def test_a_slow_answer_and_a_gzipped_one_are_whole(endpoint: Endpoint) -> None:
    begun = time.monotonic()
    assert post(endpoint, sealed(1)).json()["accepted"] == 1
    assert time.monotonic() - begun >= 0.2
    packed = post(endpoint, sealed(2), Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["accepted"] == 1


def test_the_dsn_leads_to_the_endpoint(endpoint: Endpoint) -> None:
    assert endpoint.dsn == f"tmon+http://{KEY.hex()}@127.0.0.1:{endpoint.port}/kit/9007199254740993"
