# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a request holds, the kit reads it as a server would, or says what is wrong with it and what to do."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import envelope
from tmon.client_api.envelope import Codec
from tmon.conformance.received import Problem, Request, read
from tmon.conformance.secrecy import leaks_in, shows
from tmon.server.pipeline import Refused, TooMany, plaintext

from .simulated import DOOR, KEY, WALL

WSID = str(DOOR.wsid).encode()
RAW = f"{DOOR.prefix}/data/collect/{DOOR.wsid}"
FORM = f"{DOOR.prefix}/data/collect"
EVENT = b'{"url":"/","ip":null,"useragent":null}'
NONCE = bytes(range(12))


def request(
    body: bytes,
    target: str = RAW,
    content_type: str = "application/octet-stream",
    method: str = "POST",
    **more: str,
) -> Request:
    headers = {
        "Content-Type": content_type,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return Request(0.0, WALL, method, target, tuple(headers.items()), body)


def form(data: str, wsid: str = str(DOOR.wsid)) -> Request:
    return request(f"data={data}&wsid={wsid}".encode(), FORM, "application/x-www-form-urlencoded")


def sealed(content: bytes = EVENT, codec: Codec = Codec.PLAIN) -> bytes:
    # The same bytes in each process: a parameter of a test is part of its name.
    return envelope.seal(content, KEY, DOOR.wsid, codec=codec, nonce=NONCE)


def status_of(one: Request) -> int:
    try:
        read(one, DOOR)
    except Problem as found:
        return found.status
    return 200


def problem(of: Request) -> Problem:
    with pytest.raises(Problem) as raised:
        read(of, DOOR)
    assert raised.value.seen
    assert raised.value.advice
    return raised.value


@given(
    body=st.binary(max_size=200) | st.just(sealed()),
    target=st.text(max_size=60) | st.sampled_from([RAW, FORM, f"{RAW}/", "/data/collect/7", "/"]),
    kind=st.text(max_size=40)
    | st.sampled_from(["application/octet-stream", "application/x-www-form-urlencoded"]),
    coding=st.text(max_size=8) | st.sampled_from(["", "gzip", "br"]),
    method=st.sampled_from(["POST", "GET", "x"]),
)
def test_any_request_is_read_or_is_a_problem(
    body: bytes, target: str, kind: str, coding: str, method: str
) -> None:
    assert status_of(request(body, target, kind, method, Content_Encoding=coding)) in {
        200,
        400,
        403,
        404,
        405,
        413,
    }


@given(st.text(max_size=200) | st.text('{}[],:"aeurlnips0123456789\\ud', max_size=60))
def test_any_content_is_read_or_is_a_problem(text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    assert status_of(request(sealed(content))) in {200, 400, 413}


_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
_events = st.dictionaries(st.sampled_from(["url", "ip", "useragent", "x"]), _values, max_size=4)


@given(
    st.lists(_events, max_size=3)
    | _events
    | st.fixed_dictionaries({"events": st.lists(_events, max_size=3), "seq": st.integers(1, 9)})
    | st.text(max_size=5)
    | st.none()
)
def test_the_kit_takes_the_contents_that_a_server_takes(document: Any) -> None:
    content = json.dumps(document).encode()
    try:
        events = len(plaintext.decode(content, int(WALL * 1000)).events)
    except (Refused, TooMany):
        events = -1
    try:
        seen = len(read(request(sealed(content)), DOOR).events)
    except Problem:
        seen = -1
    assert seen == events


def test_both_ways_and_both_codecs_are_read_alike() -> None:
    for codec in Codec:
        one = sealed(codec=codec)
        for way in (request(one), form(quote(base64.b64encode(one), safe=""))):
            received = read(way, DOOR)
            assert (received.envelope, received.codec, received.events) == (one, codec, [json.loads(EVENT)])
    assert read(request(gzip.compress(sealed()), Content_Encoding="gzip"), DOOR).gzipped


def _opens_with(nonce: bytes, key: bytes, associated: bytes | None) -> bytes:
    return b"\1\0" + nonce + AESGCM(key).encrypt(nonce, EVENT, associated)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (_opens_with(NONCE, KEY, None), "it opens with no associated data"),
        (_opens_with(NONCE, KEY, b"\1\0"), "it opens with associated data without the wsid"),
        (_opens_with(NONCE, KEY, WSID), "it opens with associated data without the header"),
        (_opens_with(NONCE, KEY, WSID + b"\1\0"), "it opens with associated data in the wrong order"),
        (_opens_with(NONCE, KEY, b"\1\0:" + WSID), "it opens with associated data with a colon in it"),
        (_opens_with(NONCE, KEY, b"\1\1" + WSID), "it opens with associated data with another codec"),
        (_opens_with(NONCE, KEY, b"\1\0" + DOOR.wsid.to_bytes(8, "big")), "the wsid in binary"),
        (_opens_with(NONCE, KEY, b"\1\0" + b"9007199254740992"), "rounded as a floating-point number"),
        (_opens_with(NONCE, KEY.hex().encode()[:32], b"\1\0" + WSID), "the first 32 hex digits as the key"),
        (_opens_with(NONCE, KEY[::-1], b"\1\0" + WSID), "the key's bytes in reverse"),
        (base64.b64encode(sealed()), "Base64 in a raw body"),
        (sealed()[:20], "an envelope has at least 30 bytes"),
        (b"\2" + sealed()[1:], "version 2 is unknown"),
        (b"\1\7" + sealed()[2:], "codec 7 is unknown"),
        (sealed()[:-1] + bytes((sealed()[-1] ^ 1,)), "no key of this web service opens"),
    ],
)
def test_an_envelope_that_does_not_open_is_diagnosed(one: bytes, said: str) -> None:
    found = problem(request(one))
    assert found.check == "envelope"
    assert said in found.seen


def test_a_tag_in_front_is_diagnosed_also_with_another_mistake() -> None:
    one = sealed()
    assert problem(request(one[:14] + one[-16:] + one[14:-16])).seen == "the tag before the ciphertext"
    wrong = _opens_with(NONCE, KEY, b"\1\0")
    assert "and with the tag before" in problem(request(wrong[:14] + wrong[-16:] + wrong[14:-16])).seen
    assert problem(request(one[:2] + one[14:] + one[2:14])).seen == "the nonce at the end"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (base64.urlsafe_b64encode(sealed() + b"\xff\xef\xbe").decode(), "the URL-safe alphabet (- and _)"),
        (base64.encodebytes(sealed() * 2).decode().replace("+", "%2B"), "line breaks within the Base64"),
        (sealed().hex(), "hex digits"),
        (quote(base64.b64encode(sealed()[:40]).decode().rstrip("=")), "no padding"),
        ("AQA!", "the byte 21"),
        ("AQB=", "padding or last letter"),
    ],
)
def test_what_is_no_base64_is_diagnosed(data: str, said: str) -> None:
    found = problem(form(data))
    assert found.check in {"base64", "envelope"}
    assert said in found.seen


@pytest.mark.parametrize(
    ("of", "check", "status", "said"),
    [
        (request(sealed(), method="PUT"), "endpoint", 405, "it came by 'PUT'"),
        (request(sealed(), "/elsewhere"), "endpoint", 404, "it asked for '/elsewhere'"),
        (request(sealed(), FORM + "/7"), "endpoint", 403, "the web service '7'"),
        (request(sealed(), FORM), "endpoint", 400, "'application/octet-stream'"),
        (form(""), "endpoint", 400, "no field data"),
        (
            request(b"", FORM, "application/x-www-form-urlencoded"),
            "endpoint",
            400,
            "no field data and no field wsid",
        ),
        (request(sealed(), Content_Encoding="br"), "http-gzip", 400, "'br'"),
        (request(sealed(), Content_Encoding="gzip"), "http-gzip", 400, "not one gzip member"),
        (
            request(gzip.compress(sealed())[:-4], Content_Encoding="gzip"),
            "http-gzip",
            400,
            "not one gzip member",
        ),
        (
            request(gzip.compress(bytes(9_000_000)), Content_Encoding="gzip"),
            "limits",
            413,
            "inflates to more",
        ),
        (request(sealed(zlib.compress(EVENT))), "json", 400, "not UTF-8"),
        (request(sealed(b"[" + EVENT)), "json", 400, "not JSON"),
        (request(sealed(b'{"x": NaN}')), "json", 400, "NaN is no JSON number"),
        (request(sealed(b"[]")), "json", 400, "an empty list"),
        (request(sealed(b"7")), "json", 400, "the content is a int"),
        (request(sealed(b'{"events": {}}')), "json", 400, "events is an object"),
        (request(sealed(b'{"url": "\\ud800"}')), "unicode", 400, "a lone surrogate"),
        (request(sealed(b"[" + b",".join([b"{}"] * 10_001) + b"]")), "limits", 413, "10,001 events"),
        (request(sealed(b" " * 17_000_000, Codec.ZLIB)), "limits", 413, "inflates to more"),
    ],
)
def test_what_a_server_refuses_is_a_problem_with_its_status(
    of: Request, check: str, status: int, said: str
) -> None:
    found = problem(of)
    assert (found.check, found.status) == (check, status)
    assert said in found.seen


def test_the_secret_is_found_in_every_shape() -> None:
    digits = KEY.hex()
    basic = base64.b64encode(f"{digits}:".encode()).decode()
    for text in (
        digits,
        digits.upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode(),
        basic,
    ):
        assert shows(f"before {text} after".encode(), KEY)
    assert shows(b"x" + KEY + b"x", KEY)
    assert not shows(sealed(), KEY)
    assert not shows(digits[:60].encode(), KEY)
    leaking = Request(
        0.0, WALL, "POST", f"/?k={digits}", (("Authorization", f"Basic {basic}"),), digits.encode()
    )
    assert leaks_in(leaking, KEY) == ["the request line", "the header Authorization", "the body"]
