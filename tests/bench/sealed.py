# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus as sealed envelopes inside whole HTTP requests, made before anything is measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from tmon.client_api.envelope import Cipher, Codec, seal, to_data
from tmon.load import write_requests

from .corpus import Request
from .serving import WebService

BATCH: Final = 500
SOURCES: Final = 4
_json: Final = msgspec.json.Encoder().encode


def singles(file: Path, service: WebService, requests: Iterable[Request], *, form: bool) -> int:
    """One bare event per envelope, as a form or raw; returns how many."""
    cipher = Cipher(service.secret)
    return write_requests(file, (_post(service, _sealed(cipher, service, [one]), form) for one in requests))


def batches(file: Path, service: WebService, requests: Iterable[Request]) -> int:
    """Envelopes of 500 events with bookkeeping, compressed, from a few sources in turn; returns how many."""
    return write_requests(file, (_post(service, one, form=False) for one in _enveloped(service, requests)))


def _enveloped(service: WebService, requests: Iterable[Request]) -> Iterator[bytes]:
    cipher = Cipher(service.secret)
    waiting = iter(requests)
    for number in itertools.count():
        events = list(itertools.islice(waiting, BATCH))
        if not events:
            return
        seq = number // SOURCES + 1
        source = number % SOURCES
        message = {
            "source": f"web-{source + 1}",
            "run": f"{service.wsid:08x}{source:024x}",
            "seq": seq,
            "sent_at": time.time(),
            "sent": (seq - 1) * BATCH + len(events),
            "events": events,
        }
        yield seal(_json(message), cipher, service.wsid, codec=Codec.ZLIB)


def _sealed(cipher: Cipher, service: WebService, events: list[Request]) -> bytes:
    return seal(_json(events[0]), cipher, service.wsid)


def _post(service: WebService, envelope: bytes, form: bool) -> bytes:
    if form:
        path, kind = "/data/collect", "application/x-www-form-urlencoded"
        body = urlencode({"wsid": service.wsid, "data": to_data(envelope)}).encode()
    else:
        path, kind, body = f"/data/collect/{service.wsid}", "application/octet-stream", envelope
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
