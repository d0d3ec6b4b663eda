# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP gzip is undone within bounds."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.collector.inflating import gunzip
from tmon.server.collector.refusals import LargeWork, Refusal


@given(st.binary(max_size=1000))
def test_what_was_gzipped_comes_back(content: bytes) -> None:
    assert gunzip(gzip.compress(content), 1000) == content


def test_a_body_of_exactly_the_allowed_size_is_taken() -> None:
    assert len(gunzip(gzip.compress(bytes(5000)), 5000)) == 5000


def test_one_byte_more_is_too_much() -> None:
    with pytest.raises(Refusal) as caught:
        gunzip(gzip.compress(bytes(5001)), 5000)
    assert caught.value.status == 413


def test_what_is_large_is_left_to_others() -> None:
    assert gunzip(gzip.compress(bytes(100)), 5000, small=100) == bytes(100)
    with pytest.raises(LargeWork):
        gunzip(gzip.compress(bytes(101)), 5000, small=100)


# Named, since a member holds the second it was made in: the processes of one run would give
# the cases different names and collect different tests.
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no gzip at all", id="no gzip"),
        pytest.param(gzip.compress(b"cut short" * 10)[:-5], id="cut short"),
        pytest.param(gzip.compress(b"one") + gzip.compress(b"two"), id="two members"),
        pytest.param(gzip.compress(b"one") + b"\0", id="one byte more"),
        pytest.param(gzip.compress(b"checked")[:-8] + bytes(8), id="wrong check"),
    ],
)
def test_what_is_not_one_whole_gzip_member_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        gunzip(body, 1000)
    assert caught.value.status == 400


@given(st.binary(max_size=200), st.integers(0, 100))
def test_damage_is_a_refusal_and_nothing_else(damage: bytes, at: int) -> None:
    whole = gzip.compress(b"some content that repeats, some content that repeats")
    with contextlib.suppress(Refusal):
        assert len(gunzip(whole[:at] + damage + whole[at + len(damage) :], 1000)) <= 1000
