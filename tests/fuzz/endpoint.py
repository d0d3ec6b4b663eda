# SPDX-License-Identifier: GPL-3.0-or-later
"""A running server as a stranger, or somebody with a key, sends to it; every answer is checked for what all have."""

from __future__ import annotations

import json
import os
import zlib
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, settings
from tests.integration.server_process import Answer, ServerProcess, WebService

from tmon.client_api import envelope
from tmon.client_api.envelope import Codec

PATH = "/data/collect"
FORM = "application/x-www-form-urlencoded"
RAW = "application/octet-stream"
KIB = 1024
MIB = 1024 * 1024
STRANGERS = (200, 400, 403, 405, 413, 429)
"""What may be answered to somebody who is not known to hold a key: after many failures 429 stands for 403."""

fuzzed = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


EVENT: dict[str, Any] = {"url": "/", "ip": "192.0.2.1", "useragent": "curl/8.5.0"}
SESSION: dict[str, Any] = {"kind": "session", "session": "s", "subject": "a", "object": "b", "state": "start"}


def proper(answer: Answer, expected: tuple[int, ...] = STRANGERS) -> Any:
    """The JSON of an answer with one of these statuses."""
    assert answer.status in expected, answer
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert content["status_code"] == answer.status
    assert ("retry-after" in answer.headers) == (answer.status in (429, 503))
    assert ("allow" in answer.headers) == (answer.status == 405)
    assert b"Traceback" not in answer.content
    assert b'File "' not in answer.content
    return content


class Endpoint:
    """A running server, a web service of it, and how many of its events were accepted."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.shop: WebService = server.webservice("shop")
        self.accepted = 0

    def post(
        self, target: str, body: Any, expected: tuple[int, ...] = STRANGERS, **headers: str
    ) -> dict[str, Any]:
        """The checked content of the answer to a POST."""
        answer = self.server.connection.send("POST", target, body, **headers)
        if answer.status == 200 and "duplicate" not in answer.json():
            self.accepted += answer.json()["accepted"]
        content: dict[str, Any] = proper(answer, expected)
        return content

    def raw(self, body: Any, expected: tuple[int, ...] = STRANGERS, **headers: str) -> dict[str, Any]:
        """Send what may be an envelope, as it is."""
        return self.post(f"{PATH}/{self.shop.wsid}", body, expected, **{"Content_Type": RAW, **headers})

    def form(self, body: bytes, expected: tuple[int, ...] = STRANGERS) -> dict[str, Any]:
        """Send what may be a form."""
        return self.post(PATH, body, expected, Content_Type=FORM)

    def plaintext(
        self, document: Any, expected: tuple[int, ...] = (200, 400, 413), codec: Codec = Codec.PLAIN
    ) -> dict[str, Any]:
        """Seal and send what whoever holds the key may think of."""
        return self.raw(self.shop.seal(document, codec), expected)

    def payload(self, payload: bytes, codec: int, expected: tuple[int, ...]) -> dict[str, Any]:
        """Seal and send a payload that the codec may not be able to make anything of."""
        return self.raw(sealed_payload(self.shop, payload, codec), expected)

    def check(self) -> None:
        """It is alive and ready, takes what is good, has complained about nothing and counted every good event."""
        for path in ("/healthz", "/readyz"):
            answer = self.server.connection.send("GET", path)
            assert answer.status == 200, answer.body
        assert self.plaintext([{"url": "/", "ip": None, "useragent": None}] * 2, (200,))["accepted"] == 2
        assert self.server.ask(self.shop, "sources")["totals"]["stored"] == self.accepted
        assert self.server.troubles == []


def sealed_payload(service: WebService, payload: bytes, codec: int) -> bytes:
    """An envelope whose payload, behind the codec, is these bytes."""
    header, nonce = bytes((1, codec)), os.urandom(12)
    associated = header + str(service.wsid).encode()
    return header + nonce + AESGCM(service.secret).encrypt(nonce, payload, associated)


def form(service: WebService, document: Any = EVENT, **more: str) -> bytes:
    """A form with a fresh envelope."""
    data = envelope.to_data(service.seal(document, Codec.PLAIN))
    return urlencode({"wsid": str(service.wsid), "data": data, **more}).encode()


def padded(length: int) -> bytes:
    """An event in a plaintext of that length."""
    return json.dumps(EVENT).encode().ljust(length)


@cache
def deflated(mebibytes: int, wbits: int) -> bytes:
    """So many MiB of zeros, compressed about a thousandfold."""
    deflater = zlib.compressobj(9, wbits=wbits)
    zeros = bytes(MIB)
    return b"".join(deflater.compress(zeros) for _ in range(mebibytes)) + deflater.flush()
