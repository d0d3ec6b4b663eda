# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's form: what is read from it, and what is not."""

from __future__ import annotations

import contextlib
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.collector.form import read_form
from tmon.server.collector.refusals import Refusal


def test_both_fields_are_read() -> None:
    assert read_form(b"data=QUJD&wsid=7") == (b"QUJD", b"7")


def test_the_order_does_not_matter_and_other_fields_are_passed_over() -> None:
    assert read_form(b"x=1&wsid=7&&y&data=QUJD") == (b"QUJD", b"7")


def test_percent_encoded_base64_is_decoded() -> None:
    assert read_form(b"data=ab%2Bc%2fd%3D%3d&wsid=7") == (b"ab+c/d==", b"7")


def test_a_plus_that_was_not_encoded_is_still_a_plus() -> None:
    assert read_form(b"data=ab+c/d==&wsid=7").data == b"ab+c/d=="


def test_an_encoded_space_in_data_is_a_plus_that_somebody_decoded_once_too_often() -> None:
    assert read_form(b"data=ab%20c&wsid=7").data == b"ab+c"


def test_a_plus_in_wsid_is_a_space() -> None:
    assert read_form(b"data=QUJD&wsid=+7").wsid == b" 7"


def test_an_encoded_plus_in_wsid_is_a_plus() -> None:
    assert read_form(b"data=QUJD&wsid=%2B7").wsid == b"+7"


def test_names_may_be_percent_encoded_too() -> None:
    assert read_form(b"%64ata=QUJD&ws%69d=7") == (b"QUJD", b"7")


def test_an_escaped_percent_sign_is_decoded_once() -> None:
    assert read_form(b"data=a%252Bb&wsid=7").data == b"a%2Bb"


def test_a_percent_sign_without_two_hex_digits_stays() -> None:
    assert read_form(b"data=a%zz%2%2B%&wsid=7").data == b"a%zz%2+%"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the field data is missing"),
        (b"wsid=7", "the field data is missing"),
        (b"data=&wsid=7", "the field data is missing"),
        (b"data=QUJD", "the field wsid is missing"),
        (b"data=QUJD&wsid=", "the field wsid is missing"),
        (b"data=QUJD&data=QUJD&wsid=7", "the field data is there more than once"),
        (b"data=QUJD&wsid=7&wsid=7", "the field wsid is there more than once"),
        (b"a&" * 16 + b"data=QUJD&wsid=7", "the form has more than 16 fields; send data and wsid"),
    ],
)
def test_a_form_that_is_not_ours_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(Refusal, match=f"^{message}$") as caught:
        read_form(body)
    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_there_are_two_fields_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert all(read_form(body))


@given(st.text("ABCabc019+/=", min_size=1), st.text(min_size=1, max_size=30))
def test_what_a_form_encoder_writes_is_read_back(data: str, wsid: str) -> None:
    fields = read_form(urlencode({"data": data, "wsid": wsid}, errors="surrogatepass").encode())
    assert fields == (data.encode(), wsid.encode("utf-8", "surrogatepass"))
