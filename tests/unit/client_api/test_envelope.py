# SPDX-License-Identifier: GPL-3.0-or-later
"""The envelope: its published vectors, what it refuses, and that nothing inflates beyond its bound."""

from __future__ import annotations

import base64
import contextlib
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import envelope
from tmon.client_api.envelope import (
    Codec,
    EnvelopeError,
    Malformed,
    NotAuthentic,
    TooLarge,
    UnknownCodec,
    UnknownVersion,
)

KEY = bytes(range(32))
NONCE = bytes(range(0xA0, 0xAC))
PLAINTEXT = b'{"ip":"72.32.231.8","useragent":"curl/8.5.0","url":"/"}'
PLAIN_DATA = (
    "AQCgoaKjpKWmp6ipqqudOhVdZ/EgiFBLtOEpSPPvXpR7PLDCMQnub0HjEd9XO/AVMo3DDWsTarI06iVY9osrOXxqTfJn2eFjSroy7xRQ"
    "Tztbfg2sJg=="
)
ZLIB_DATA = (
    "AQGgoaKjpKWmp6ipqquewtd7j+dSDTBXsAE0TBLtQpqNo8JlE0axQAvMM+S4KtO8Y2i5x7tmtwXu0YleCYvHWbwC19CDIU+a7jbe2bQHrbKP"
    "72L7ihMLpw=="
)
keys = st.binary(min_size=32, max_size=32)
wsids = st.integers(1, 10**19 - 1)


def test_the_published_plain_envelope_is_sealed_byte_for_byte() -> None:
    assert envelope.to_data(envelope.seal(PLAINTEXT, KEY, 7, nonce=NONCE)) == PLAIN_DATA


def test_the_published_plain_envelope_opens_and_has_the_published_id() -> None:
    sealed = envelope.from_data(PLAIN_DATA)
    assert envelope.open_(sealed, KEY, 7) == PLAINTEXT
    assert envelope.envelope_id(sealed, 7).hex() == "b72a46668adccb9ea2717ea44c9c9342"


def test_the_published_compressed_envelope_opens_and_has_the_published_id() -> None:
    sealed = envelope.from_data(ZLIB_DATA)
    assert envelope.open_(sealed, KEY, 7) == PLAINTEXT
    assert envelope.envelope_id(sealed, 7).hex() == "bdb8e825c4106cff16c2084a577c6770"


def test_a_prepared_cipher_serves_in_place_of_its_key() -> None:
    prepared = envelope.cipher(KEY)
    sealed = envelope.seal(PLAINTEXT, prepared, 7, nonce=NONCE)
    assert envelope.to_data(sealed) == PLAIN_DATA
    assert envelope.open_(sealed, prepared, 7) == PLAINTEXT


def test_two_sealings_of_the_same_plaintext_share_no_nonce() -> None:
    assert envelope.seal(PLAINTEXT, KEY, 7)[2:14] != envelope.seal(PLAINTEXT, KEY, 7)[2:14]


@pytest.mark.parametrize("data", [PLAIN_DATA, ZLIB_DATA], ids=["plain", "zlib"])
def test_no_envelope_opens_after_any_single_bit_was_flipped(data: str) -> None:
    sealed = bytearray(envelope.from_data(data))
    opened = []
    for bit in range(len(sealed) * 8):
        sealed[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(UnknownVersion, UnknownCodec, NotAuthentic):
            opened.append(envelope.open_(bytes(sealed), KEY, 7))
        sealed[bit // 8] ^= 1 << bit % 8
    assert opened == []


@pytest.mark.parametrize("length", range(len(base64.b64decode(PLAIN_DATA))))
def test_no_shortened_envelope_opens(length: int) -> None:
    with pytest.raises(EnvelopeError):
        envelope.open_(envelope.from_data(PLAIN_DATA)[:length], KEY, 7)


def test_an_envelope_for_another_web_service_does_not_open() -> None:
    with pytest.raises(NotAuthentic):
        envelope.open_(envelope.from_data(PLAIN_DATA), KEY, 70)


def test_an_envelope_for_another_web_service_has_another_id() -> None:
    sealed = envelope.from_data(PLAIN_DATA)
    assert envelope.envelope_id(sealed, 8) != envelope.envelope_id(sealed, 7)


def test_an_unknown_version_is_told_without_a_key() -> None:
    with pytest.raises(UnknownVersion):
        envelope.parse(b"\x02" + envelope.from_data(PLAIN_DATA)[1:])


def test_an_unknown_codec_is_told_without_a_key() -> None:
    with pytest.raises(UnknownCodec):
        envelope.parse(b"\x01\x02" + envelope.from_data(PLAIN_DATA)[2:])


@pytest.mark.parametrize("length", [0, 1, 2, 14, 29])
def test_what_is_too_short_for_an_envelope_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        envelope.parse(b"\x01" * length)


def test_decrypting_names_the_key_that_fitted() -> None:
    parsed = envelope.parse(envelope.from_data(PLAIN_DATA))
    assert envelope.decrypt(parsed, [bytes(32), envelope.cipher(KEY)], 7) == (1, PLAINTEXT)


def test_decrypting_without_any_key_is_not_authentic() -> None:
    with pytest.raises(NotAuthentic):
        envelope.decrypt(envelope.parse(envelope.from_data(PLAIN_DATA)), [], 7)


def test_decrypting_leaves_a_damaged_content_to_be_found_by_decoding() -> None:
    # Sealed by its owner, but the header promises zlib: the envelope opens, its content does not.
    nonce = bytes(12)
    sealed = b"\x01\x01" + nonce + envelope.cipher(KEY).encrypt(nonce, b"no zlib", b"\x01\x017")
    parsed = envelope.parse(sealed)
    assert envelope.decrypt(parsed, [KEY], 7) == (0, b"no zlib")
    with pytest.raises(Malformed):
        envelope.decode(parsed.codec, b"no zlib")


@given(plaintext=st.binary(max_size=4096), key=keys, wsid=wsids, codec=st.sampled_from(Codec))
def test_what_was_sealed_opens_to_the_same_bytes(
    plaintext: bytes, key: bytes, wsid: int, codec: Codec
) -> None:
    assert envelope.open_(envelope.seal(plaintext, key, wsid, codec=codec), key, wsid) == plaintext


@given(noise=st.binary(max_size=200))
def test_random_bytes_never_open_and_never_fail_otherwise(noise: bytes) -> None:
    with pytest.raises(EnvelopeError):
        envelope.open_(noise, KEY, 7)


@given(noise=st.binary(max_size=200))
def test_random_compressed_content_either_inflates_or_is_refused(noise: bytes) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        assert len(envelope.decode(Codec.ZLIB, noise, max_plaintext=1000)) <= 1000


def test_a_plaintext_may_be_exactly_as_long_as_allowed() -> None:
    sealed = envelope.seal(b"x" * 1000, KEY, 7, codec=Codec.ZLIB)
    assert envelope.open_(sealed, KEY, 7, max_plaintext=1000) == b"x" * 1000


@pytest.mark.parametrize("codec", Codec)
def test_a_plaintext_one_byte_longer_than_allowed_is_too_large(codec: Codec) -> None:
    sealed = envelope.seal(b"x" * 1001, KEY, 7, codec=codec)
    with pytest.raises(TooLarge):
        envelope.open_(sealed, KEY, 7, max_plaintext=1000)


def test_the_bound_is_sixteen_mebibytes_unless_said_otherwise() -> None:
    sealed = envelope.seal(b"x" * (16 * 1024 * 1024 + 1), KEY, 7, codec=Codec.ZLIB)
    with pytest.raises(TooLarge):
        envelope.open_(sealed, KEY, 7)


def test_a_zlib_bomb_allocates_no_more_than_a_few_times_its_bound() -> None:
    compressor = zlib.compressobj(9)
    bomb = b"".join(compressor.compress(bytes(1024 * 1024)) for _ in range(256)) + compressor.flush()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            envelope.decode(Codec.ZLIB, bomb, max_plaintext=1024 * 1024)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("missing", [1, 2, 4, 5, 20])
def test_a_truncated_zlib_stream_is_malformed(missing: int) -> None:
    with pytest.raises(Malformed):
        envelope.decode(Codec.ZLIB, zlib.compress(b"a sentence that is long enough")[:-missing])


def test_an_empty_compressed_content_is_malformed() -> None:
    with pytest.raises(Malformed):
        envelope.decode(Codec.ZLIB, b"")


@pytest.mark.parametrize("garbage", [b"\x00", b"more", zlib.compress(b"a second stream")])
def test_bytes_after_the_zlib_stream_are_malformed(garbage: bytes) -> None:
    with pytest.raises(Malformed):
        envelope.decode(Codec.ZLIB, zlib.compress(b"content") + garbage)


@given(st.binary(min_size=30, max_size=300))
def test_the_data_field_is_standard_base64_both_ways(sealed: bytes) -> None:
    data = envelope.to_data(sealed)
    assert data == base64.b64encode(sealed).decode("ascii")
    assert envelope.from_data(data) == sealed
    assert envelope.from_data(data.encode("ascii")) == sealed


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("AQCg\noaKj", id="a line break"),
        pytest.param("AQCgoaKj\n", id="a line break at the end"),
        pytest.param(" AQCgoaKj", id="a space before"),
        pytest.param("AQCg oaKj", id="a space inside"),
        pytest.param("AQCgoaI", id="padding missing"),
        pytest.param("AQCgo===", id="three padding letters"),
        pytest.param("AQCgoaI==", id="too much padding"),
        pytest.param("AQCgoaI=AQCg", id="padding inside"),
        pytest.param("=AQCgoaI", id="padding before"),
        pytest.param("AQCgoaJ=", id="stray bits in the last letter"),
        pytest.param("AR==", id="stray bits before two padding letters"),
        pytest.param("AQ-_oaKj", id="the URL-safe alphabet"),
        pytest.param("AQCgoaK\N{FULLWIDTH LATIN SMALL LETTER J}", id="a full-width letter"),
        pytest.param("AQCg\x00aKj", id="NUL"),
        pytest.param("A", id="one letter"),
    ],
)
def test_data_that_is_not_strictly_standard_base64_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        envelope.from_data(data)


def test_a_space_in_the_data_hints_at_the_missing_percent_encoding() -> None:
    with pytest.raises(Malformed, match="percent-encoding"):
        envelope.from_data("AQCg oaKj")


@pytest.mark.parametrize(
    ("text", "wsid"), [("7", 7), ("10", 10), ("9999999999999999999", 9999999999999999999)]
)
def test_a_wsid_is_read_from_its_only_spelling(text: str, wsid: int) -> None:
    assert envelope.parse_wsid(text) == wsid


@pytest.mark.parametrize(
    "text",
    ["", "0", "007", "+7", "-7", "7.0", "7e0", " 7", "7 ", "7\n", "\uff17", "\u0667", "0x7", "1_0", "1" * 20],
)
def test_any_other_spelling_of_a_wsid_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        envelope.parse_wsid(text)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33, 64])
def test_a_key_of_another_length_is_the_callers_mistake(length: int) -> None:
    with pytest.raises(ValueError, match="a key has 32 bytes"):
        envelope.seal(PLAINTEXT, bytes(length), 7)


@pytest.mark.parametrize("length", [0, 11, 13, 16])
def test_a_nonce_of_another_length_is_the_callers_mistake(length: int) -> None:
    with pytest.raises(ValueError, match="a nonce has 12 bytes"):
        envelope.seal(PLAINTEXT, KEY, 7, nonce=bytes(length))


@pytest.mark.parametrize("wsid", [0, -1, 10**19])
def test_a_wsid_outside_its_range_is_the_callers_mistake(wsid: int) -> None:
    with pytest.raises(ValueError, match="a wsid is a number from 1"):
        envelope.seal(PLAINTEXT, KEY, wsid)
