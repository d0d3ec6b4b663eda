# SPDX-License-Identifier: LGPL-3.0-or-later
"""Seals plaintext into version 1 envelopes and opens them: bytes in, bytes out, no I/O.

    envelope   = header(2) || nonce(12) || ciphertext || tag(16)
    header     = 0x01 || codec          codec 0x00: plain, 0x01: zlib (RFC 1950)
    associated = header || wsid in ASCII decimal
    cipher     = AES-256-GCM(key, nonce, plaintext after codec, associated)      NIST SP 800-38D
    id         = first 16 bytes of SHA-256( wsid in ASCII decimal || ":" || envelope )

`open_` does everything. A server that has several keys, answers each failure differently and looks an
envelope up before it reads the content takes the steps one by one: `parse` (no key needed), `decrypt`
(several keys, tried in order), `decode` (undoes the codec, bounded).

Wherever a key is expected, the 32 bytes or the prepared `cipher(key)` may be given; preparing costs more
than opening a small envelope, so who opens many prepares once.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import re
import zlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import EnvelopeError, Malformed, NotAuthentic, TooLarge, UnknownCodec, UnknownVersion

__all__ = [
    "KEY_BYTES",
    "MAX_PLAINTEXT",
    "Cipher",
    "Codec",
    "EnvelopeError",
    "Key",
    "Malformed",
    "NotAuthentic",
    "Parsed",
    "TooLarge",
    "UnknownCodec",
    "UnknownVersion",
    "cipher",
    "decode",
    "decrypt",
    "envelope_id",
    "from_data",
    "open_",
    "parse",
    "parse_wsid",
    "seal",
    "to_data",
]

VERSION: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
HEADER_BYTES: Final = 2
MIN_ENVELOPE_BYTES: Final = HEADER_BYTES + NONCE_BYTES + TAG_BYTES
MAX_PLAINTEXT: Final = 16 * 1024 * 1024
MAX_WSID: Final = 10**19 - 1

_WSID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)

Cipher = AESGCM
Key = bytes | AESGCM


class Codec(IntEnum):
    """What was done to the plaintext before it was encrypted; the second byte of the envelope."""

    PLAIN = 0
    ZLIB = 1


_CODECS: Final = {int(codec): codec for codec in Codec}


class Parsed(NamedTuple):
    """An envelope taken apart, nothing verified. `sealed` is ciphertext and tag, a view without a copy."""

    header: bytes
    codec: Codec
    nonce: bytes
    sealed: memoryview


def cipher(key: bytes) -> Cipher:
    """Prepare `key` (32 bytes) for repeated use. The result may be shared between threads.

    Raises ValueError if the key has another length.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, this one has {len(key)}")
    return AESGCM(key)


def seal(
    plaintext: bytes,
    key: Key,
    wsid: int,
    *,
    codec: Codec = Codec.PLAIN,
    level: int = 6,
    nonce: bytes | None = None,
) -> bytes:
    """Seal `plaintext` for the web service `wsid` and return the envelope.

    `level` is zlib's, 0 to 9. `nonce` (12 bytes) is for published vectors only: a nonce used twice with one
    key gives the key stream away, so leave it out and a random one is drawn.
    Raises ValueError for a key, nonce or wsid outside its range.
    """
    if nonce is None:
        nonce = os.urandom(NONCE_BYTES)
    elif len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes, this one has {len(nonce)}")
    header = bytes((VERSION, codec))
    payload = zlib.compress(plaintext, level) if codec is Codec.ZLIB else plaintext
    return header + nonce + _prepared(key).encrypt(nonce, payload, header + _decimal(wsid))


def open_(envelope: bytes, key: Key, wsid: int, *, max_plaintext: int = MAX_PLAINTEXT) -> bytes:
    """Return the plaintext of an envelope sealed with `key` for the web service `wsid`.

    `max_plaintext` bounds the result in bytes; inflating stops there.
    Raises Malformed, UnknownVersion, UnknownCodec, NotAuthentic or TooLarge (all EnvelopeError).
    """
    parsed = parse(envelope)
    _, payload = decrypt(parsed, (key,), wsid)
    return decode(parsed.codec, payload, max_plaintext=max_plaintext)


def parse(envelope: bytes) -> Parsed:
    """Take an envelope apart without a key.

    Raises UnknownVersion, UnknownCodec, or Malformed if it is too short to hold header, nonce and tag.
    """
    if len(envelope) < MIN_ENVELOPE_BYTES:
        raise Malformed(f"an envelope has at least {MIN_ENVELOPE_BYTES} bytes, this one has {len(envelope)}")
    if envelope[0] != VERSION:
        raise UnknownVersion(f"envelope version {envelope[0]} is unknown, known is {VERSION}")
    codec = _CODECS.get(envelope[1])
    if codec is None:
        raise UnknownCodec(f"codec {envelope[1]} is unknown, known are 0 (plain) and 1 (zlib)")
    nonce_end = HEADER_BYTES + NONCE_BYTES
    return Parsed(
        header=bytes(envelope[:HEADER_BYTES]),
        codec=codec,
        nonce=bytes(envelope[HEADER_BYTES:nonce_end]),
        sealed=memoryview(envelope)[nonce_end:],
    )


def decrypt(parsed: Parsed, keys: Iterable[Key], wsid: int) -> tuple[int, bytes]:
    """Open `parsed` with the first of `keys` that fits; the codec is not undone yet.

    Returns the position of that key and the payload. Raises NotAuthentic if none fits, also for no keys.
    """
    associated = parsed.header + _decimal(wsid)
    for position, key in enumerate(keys):
        try:
            return position, _prepared(key).decrypt(parsed.nonce, parsed.sealed, associated)
        except InvalidTag:
            continue
    raise NotAuthentic("no key of this web service opens the envelope")


def decode(codec: Codec, payload: bytes, *, max_plaintext: int = MAX_PLAINTEXT) -> bytes:
    """Undo `codec`, and never allocate much more than `max_plaintext` bytes, whatever `payload` inflates to.

    Raises TooLarge beyond that, Malformed if the zlib stream is damaged, cut short or followed by more bytes.
    """
    if codec is Codec.PLAIN:
        if len(payload) > max_plaintext:
            raise TooLarge(f"the plaintext has {len(payload)} bytes, allowed are {max_plaintext}")
        return payload
    inflater = zlib.decompressobj()
    try:
        plaintext = inflater.decompress(payload, max_plaintext + 1)
    except zlib.error as error:
        raise Malformed(f"the compressed content is damaged: {error}") from None
    if len(plaintext) > max_plaintext:
        raise TooLarge(f"the plaintext inflates to more than the {max_plaintext} bytes allowed")
    if not inflater.eof:
        raise Malformed("the compressed content is cut short")
    if inflater.unused_data:
        raise Malformed(f"{len(inflater.unused_data)} bytes follow the compressed content")
    return plaintext


def envelope_id(envelope: bytes, wsid: int) -> bytes:
    """Return the 16 bytes under which the outcome of this envelope is stored."""
    digest = hashlib.sha256(_decimal(wsid) + b":")
    digest.update(envelope)
    return digest.digest()[:16]


def to_data(envelope: bytes) -> str:
    """Return the envelope as standard Base64 (RFC 4648 §4), for the form field `data`."""
    return binascii.b2a_base64(envelope, newline=False).decode("ascii")


def from_data(data: str | bytes) -> bytes:
    """Return the envelope behind the form field `data`.

    Takes the standard alphabet with its padding and nothing else: no spaces, line breaks, URL-safe letters,
    missing padding or stray bits in the last letter. Raises Malformed.
    """
    try:
        letters = data.encode("ascii") if isinstance(data, str) else data
        envelope = binascii.a2b_base64(letters, strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        spaces = " " in data if isinstance(data, str) else b" " in data
        hint = ": it holds spaces, was + sent without percent-encoding?" if spaces else ""
        raise Malformed(f"the data is not standard Base64 with padding{hint}") from None
    tail = len(envelope) % 3
    if tail and binascii.b2a_base64(envelope[-tail:], newline=False) != letters[-4:]:
        raise Malformed("the data is not standard Base64: its last letter carries stray bits")
    return envelope


def parse_wsid(text: str) -> int:
    """Return the number of a web service from its only spelling, `[1-9][0-9]{0,18}`. Raises Malformed."""
    if _WSID.fullmatch(text) is None:
        raise Malformed("a wsid is a number of 1 to 19 digits that does not begin with 0")
    return int(text)


def _decimal(wsid: int) -> bytes:
    if not 1 <= wsid <= MAX_WSID:
        raise ValueError(f"a wsid is a number from 1 to {MAX_WSID}, this one is {wsid}")
    return b"%d" % wsid


def _prepared(key: Key) -> Cipher:
    return key if isinstance(key, AESGCM) else cipher(key)
