# SPDX-License-Identifier: GPL-3.0-or-later
"""Events become JSON that the server can decode, or are refused one by one."""

from __future__ import annotations

import datetime as dt
import http
import ipaddress
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import NotEncodable
from tmon.client_api.encoding import encode


def test_an_event_becomes_compact_utf8_json() -> None:
    event = {"url": "/café", "ip": None, "status": 200, "duration_ms": 1.5, "cached": True}
    assert encode(event) == '{"url":"/café","ip":null,"status":200,"duration_ms":1.5,"cached":true}'.encode()


def test_a_time_with_a_zone_becomes_iso_8601() -> None:
    moment = dt.datetime(2026, 10, 25, 2, 30, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))
    assert encode({"ts": moment}) == b'{"ts":"2026-10-25T02:30:00+05:45"}'


def test_an_enumeration_of_numbers_counts_as_its_number() -> None:
    assert encode({"status": http.HTTPStatus.NOT_FOUND}) == b'{"status":404}'


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "'x' is nan"),
        (float("inf"), "'x' is inf"),
        (float("-inf"), "'x' is -inf"),
        (2**64, "does not fit 64 bits"),
        (-(2**63) - 1, "does not fit 64 bits"),
        (10**400, "does not fit 64 bits"),
        ("\ud800", "lone surrogate"),
        ({"a": 1}, "'x' is a dict"),
        ([1], "'x' is a list"),
        (b"bytes", "'x' is a bytes"),
        (ipaddress.ip_address("203.0.113.9"), "'x' is a IPv4Address"),
        (dt.datetime(2026, 1, 1), "without a time zone"),  # noqa: DTZ001 (that is what is refused)
        (object(), "'x' is a object"),
    ],
)
def test_a_value_that_would_spoil_the_envelope_is_refused(value: object, problem: str) -> None:
    with pytest.raises(NotEncodable, match=problem) as caught:
        encode({"url": "/", "x": value})
    assert caught.value.reason == "not_encodable"


def test_a_field_name_that_utf8_cannot_hold_is_refused() -> None:
    with pytest.raises(NotEncodable, match="lone surrogate"):
        encode({"\udcff": 1})


def test_a_field_name_that_is_no_string_is_refused() -> None:
    with pytest.raises(NotEncodable, match="a int, not a string"):
        encode({7: "seven"})  # type: ignore[dict-item]


def test_an_event_over_256_kib_is_refused_as_too_large() -> None:
    with pytest.raises(NotEncodable) as caught:
        encode({"url": "x" * 256 * 1024})
    assert caught.value.reason == "too_large"


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.text(max_size=20)
        # The whole range of Unicode, lone surrogates too, and every float.
        | st.text(st.characters(exclude_categories=()), max_size=5)
        | st.floats(),
        max_size=6,
    )
)
def test_whatever_is_encoded_decodes_to_the_same_with_a_strict_decoder(event: dict[str, object]) -> None:
    try:
        encoded = encode(event)
    except NotEncodable:
        return
    assert json.loads(encoded) == event
    assert msgspec.json.decode(encoded) == event
