# SPDX-License-Identifier: GPL-3.0-or-later
"""Says why an envelope does not open, by trying the mistakes that implementers make: bytes in, words out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE: Final = 12
TAG: Final = 16

_RIGHT: Final = "associated data is the two header bytes followed by the wsid in ASCII decimal"


def why_not_base64(data: bytes) -> tuple[str, str]:
    """What is wrong with the form field `data`, and what to do."""
    advice = (
        "use standard Base64 (RFC 4648 section 4, with + and /) with its padding, and without line breaks"
    )
    if re.search(rb"[-_]", data) and re.fullmatch(rb"[A-Za-z0-9_=-]*", data):
        return "the URL-safe alphabet (- and _)", advice
    if re.search(rb"[\r\n]", data):
        return "line breaks within the Base64", advice
    if re.fullmatch(rb"[0-9a-fA-F]+", data) and len(data) % 2 == 0 and len(data) >= 2 * (2 + NONCE + TAG):
        return "hex digits", advice
    if re.fullmatch(rb"[A-Za-z0-9+/]*", data) and len(data) % 4:
        return "no padding", advice
    foreign = re.search(rb"[^A-Za-z0-9+/=]", data)
    if foreign is not None:
        return f"the byte {foreign[0].hex()}, which is not in the alphabet", advice
    return "padding or last letter that no encoder writes", advice


def why_not_open(envelope: bytes, key: bytes, wsid: int, error: str) -> tuple[str, str]:
    """What is wrong with an envelope that no key opens, and what to do; `error` is what is known already."""
    shortest = 2 + NONCE + TAG
    if len(envelope) >= shortest and envelope[:1] == b"\x01" and envelope[1] in {0, 1}:
        for seen, advice, one_key, nonce, sealed, associated in _mistakes(envelope, key, str(wsid).encode()):
            try:
                AESGCM(one_key).decrypt(nonce, sealed, associated)
            except (InvalidTag, ValueError):
                continue
            return seen, advice
        return (
            error,
            f"check the key (the DSN's 64 hex digits are 32 bytes), and: {_RIGHT}; tmon conformance --vectors",
        )
    try:
        text = base64.b64decode(envelope.strip(), validate=True)
    except binascii.Error:
        text = b""
    if len(text) >= shortest and text[:1] == b"\x01":
        return (
            "Base64 in a raw body",
            "the raw endpoint takes the bytes of the envelope; Base64 is for the form",
        )
    if len(envelope) < shortest:
        return error, "an envelope is header (2), nonce (12), ciphertext and tag (16)"
    return error, "an envelope begins with the bytes 01 00 (plain) or 01 01 (zlib)"


def _mistakes(
    envelope: bytes, key: bytes, wsid: bytes
) -> Iterator[tuple[str, str, bytes, bytes, bytes, bytes | None]]:
    """Seen, what to do, and the key, nonce, ciphertext with tag, and associated data with which it would open."""
    header, nonce, sealed = envelope[:2], envelope[2 : 2 + NONCE], envelope[2 + NONCE :]
    right = header + wsid
    at_the_end = sealed
    tag_first = sealed[TAG:] + sealed[:TAG]
    orders = (("", at_the_end), (", and with the tag before the ciphertext", tag_first))
    associations = (
        (None, f"no associated data, but {_RIGHT}"),
        (header, f"associated data without the wsid; {_RIGHT}"),
        (wsid, f"associated data without the header; {_RIGHT}"),
        (wsid + header, f"associated data in the wrong order; {_RIGHT}"),
        (header + b":" + wsid, f"associated data with a colon in it; {_RIGHT}"),
        (bytes((1, 1 - header[1])) + wsid, "associated data with another codec than the envelope's header"),
        (header + int(wsid).to_bytes(8, "big"), f"associated data with the wsid in binary; {_RIGHT}"),
        (
            header + b"%d" % int(float(wsid)),
            "a wsid that was rounded as a floating-point number; keep it as text",
        ),
    )
    keys = (
        (key.hex().encode()[:32], "the first 32 hex digits as the key"),
        (key.hex().upper().encode()[:32], "the first 32 hex digits as the key"),
        (key[::-1], "the key's bytes in reverse"),
    )
    for words, order in orders:
        if words:
            yield "the tag before the ciphertext", "the tag's 16 bytes are the last", key, nonce, order, right
        for associated, seen in associations:
            yield (
                f"it opens with {seen.split(';')[0].split(', but')[0]}{words}",
                seen,
                key,
                nonce,
                order,
                associated,
            )
        for other, seen in keys:
            advice = "the DSN's 64 hex digits are 32 bytes: decode them"
            yield f"it opens with {seen}{words}", advice, other, nonce, order, right
    yield (
        "the nonce at the end",
        "an envelope is header, nonce, ciphertext, tag",
        key,
        envelope[-NONCE:],
        envelope[2:-NONCE],
        right,
    )
