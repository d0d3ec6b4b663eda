# SPDX-License-Identifier: GPL-3.0-or-later
"""Only named proxies are believed about a client's address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.settings import TrustedProxies, client_address
from tmon.settings.proxies import came_by_https

NOBODY = TrustedProxies()
PROXIES = TrustedProxies.parse("127.0.0.1, 10.0.0.0/8, 2001:db8::/32")


def forwarded(value: str) -> dict[str, str]:
    return {"x-forwarded-for": value, "x-forwarded-proto": "https"}


def test_nobody_is_believed_by_default() -> None:
    assert client_address("203.0.113.9", forwarded("198.51.100.7"), NOBODY) == "203.0.113.9"
    assert not came_by_https("203.0.113.9", forwarded("198.51.100.7"), NOBODY)


def test_a_trusted_proxy_is_believed() -> None:
    assert client_address("127.0.0.1", forwarded("198.51.100.7"), PROXIES) == "198.51.100.7"
    assert came_by_https("127.0.0.1", forwarded("198.51.100.7"), PROXIES)


def test_a_stranger_who_writes_the_header_himself_is_not_believed() -> None:
    assert client_address("203.0.113.9", forwarded("127.0.0.1"), PROXIES) == "203.0.113.9"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 10.1.2.3, 10.9.9.9", "198.51.100.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("198.51.100.7, unknown, 10.1.2.3", "10.1.2.3"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2a00::7]:4711", "2a00::7"),
        ("[2a00::7]", "2a00::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        (",".join(["10.0.0.1"] * 5000), "10.0.0.1"),
    ],
)
def test_the_nearest_address_that_is_no_proxy_is_the_clients(header: str, expected: str) -> None:
    assert client_address("127.0.0.1", forwarded(header), PROXIES) == expected


def test_a_mapped_ipv4_peer_is_its_ipv4_address() -> None:
    assert client_address("::ffff:127.0.0.1", forwarded("198.51.100.7"), PROXIES) == "198.51.100.7"


def test_a_peer_without_an_address_is_answered_as_it_is() -> None:
    assert client_address("", forwarded("198.51.100.7"), PROXIES) == ""


def test_only_the_nearest_proxys_word_counts_for_https() -> None:
    assert not came_by_https("127.0.0.1", {"x-forwarded-proto": "https, http"}, PROXIES)
    assert not came_by_https("127.0.0.1", {}, PROXIES)


@given(st.text(max_size=200))
def test_whatever_the_header_the_answer_is_an_address(header: str) -> None:
    ipaddress.ip_address(client_address("127.0.0.1", forwarded(header), PROXIES))
