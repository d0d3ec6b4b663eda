# SPDX-License-Identifier: GPL-3.0-or-later
"""Vectors for implementers: what has to come out when nonce and all else are given. Pure.

Codec 0 is exact: the same bytes have to come out. What zlib makes of a text differs between its implementations, so an
envelope of codec 1 is to be opened, and one's own to be opened in turn.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Final, NamedTuple

from tmon.client_api.envelope import Codec, envelope_id, seal, to_data

KEY: Final = bytes(range(32))
NONCE: Final = bytes(range(0xA0, 0xAC))


class Vector(NamedTuple):
    """What goes in (`plaintext` after key, nonce and wsid), and what comes out: the envelope's Base64 and its id."""

    name: str
    wsid: int
    codec: Codec
    plaintext: bytes

    @property
    def envelope(self) -> bytes:
        """The sealed bytes."""
        return _sealed(self)

    @property
    def data(self) -> str:
        """The form field."""
        return to_data(self.envelope)

    @property
    def id(self) -> str:
        """Under what a server keeps its outcome, in hex digits."""
        return envelope_id(self.envelope, self.wsid).hex()

    def as_json(self) -> dict[str, object]:
        """All of it, for programs."""
        return {
            "name": self.name,
            "key": KEY.hex(),
            "nonce": NONCE.hex(),
            "wsid": str(self.wsid),
            "codec": int(self.codec),
            "plaintext": self.plaintext.decode(),
            "associated": (self.envelope[:2] + str(self.wsid).encode()).hex(),
            "envelope": self.envelope.hex(),
            "data": self.data,
            "id": self.id,
        }


@cache
def _sealed(vector: Vector) -> bytes:
    return seal(vector.plaintext, KEY, vector.wsid, codec=vector.codec, level=9, nonce=NONCE)


_SIMPLE: Final = b'{"ip":"72.32.231.8","useragent":"curl/8.5.0","url":"/"}'
_TEXTS: Final = {
    "url": "/caf\u00e9?q=\U0001f600",
    "ip": None,
    "useragent": 'e\u0301 \U00010348 "\\/\u2028',
}
_BOOKS: Final = {
    "source": "web-1",
    "run": "9f2c41d0",
    "seq": 1,
    "sent_at": 1795341600.25,
    "sent": 0,
    "close": True,
    "events": [],
}


def _compact(value: object, *, escaped: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=escaped, separators=(",", ":")).encode()


VECTORS: Final = (
    Vector("plain", 7, Codec.PLAIN, _SIMPLE),
    Vector("zlib", 7, Codec.ZLIB, _SIMPLE),
    Vector("a wsid of 19 digits", 9_007_199_254_740_993_000, Codec.PLAIN, _SIMPLE),
    Vector("a wsid that is no floating-point number", 9_007_199_254_740_993, Codec.PLAIN, _SIMPLE),
    Vector("text beyond ASCII as UTF-8", 7, Codec.PLAIN, _compact(_TEXTS)),
    Vector("text beyond ASCII as escapes", 7, Codec.PLAIN, _compact(_TEXTS, escaped=True)),
    Vector("NUL and controls", 7, Codec.PLAIN, b'{"url":"/a\\u0000b\\u001f\\t","ip":null,"useragent":null}'),
    Vector("a list of events", 7, Codec.PLAIN, b"[" + _SIMPLE + b"," + _SIMPLE + b"]"),
    Vector("bookkeeping without events", 7, Codec.PLAIN, _compact(_BOOKS)),
    Vector("many alike, compressed", 7, Codec.ZLIB, b"[" + b",".join([_SIMPLE] * 100) + b"]"),
    Vector("one byte that is no JSON, to test the cipher alone", 1, Codec.PLAIN, b" "),
)
