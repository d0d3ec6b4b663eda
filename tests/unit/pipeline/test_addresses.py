# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses: one form for each, and the networks they are shortened to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.pipeline.addresses import ADDRESSES, NETWORKS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"),
        ("::1", "::1"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_an_address_has_one_form(text: str, expected: str) -> None:
    assert ADDRESSES[text] == expected


groups = st.lists(st.sampled_from([0, 1, 0xFFFF]) | st.integers(0, 0xFFFF), min_size=8, max_size=8)


@given(groups, st.booleans())
def test_an_ipv6_address_has_one_form_however_it_is_written(groups: list[int], shortened: bool) -> None:
    address = ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
    text = str(address) if shortened else ":".join(f"{group:x}" for group in groups)
    assert ADDRESSES[text] == str(address.ipv4_mapped or address)


@given(st.ip_addresses(v=4).map(str))
def test_an_ipv4_address_is_taken_as_it_is(text: str) -> None:
    assert ADDRESSES[text] == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "unknown",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.4:80",
        "1.2.3.4, 5.6.7.8",
        "\uff11.2.3.4",
        "::g",
        " 1.2.3.4",
        "[1.2.3.4",
        "1.2.3.4%eth0",
        "1:2:3:4:5:6:7:8:9",
        "x" * 1024,
        "::" * 500,
        "%",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert ADDRESSES[text] is None


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.77", "192.0.2.0"), ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"), ("::1", "::")],
)
def test_networks_are_24_bits_of_ipv4_and_48_of_ipv6(address: str, network: str) -> None:
    assert NETWORKS[address] == network
