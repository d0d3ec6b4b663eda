# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asked, where proxies stand between: only what trusted ones say is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.middleware.proxies import Proxies

TRUSTED = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # a stranger made it up
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", None),
        ("10.0.0.1", "198.51.100.1, garbage", None),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("10.0.0.1", "2001:db9::1", "2001:db9::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:db8::5", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", None),
        ("10.0.0.1", "x" * 8000, None),
        ("10.0.0.1", "," * 8000, None),
    ],
)
def test_the_client_is_the_last_that_is_not_trusted(peer: str, forwarded: str, client: str | None) -> None:
    assert Proxies(TRUSTED).client(peer, forwarded) == client


def test_nobody_is_trusted_unless_that_is_said() -> None:
    assert Proxies().client("127.0.0.1", "198.51.100.1") == "127.0.0.1"
    assert Proxies().client(None, "198.51.100.1") is None


def test_a_unix_socket_can_be_trusted() -> None:
    assert Proxies(["unix"]).client("", "198.51.100.1") == "198.51.100.1"
    assert Proxies(["unix"]).client(None, "198.51.100.1") == "198.51.100.1"
    assert Proxies(["unix"]).client(None, "198.51.100.1,") is None


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ('For="[2001:db9::1]:4711";proto=https', "2001:db9::1"),
        ('for=192.0.2.66, for=198.51.100.1;by="10.0.0.1";host=a', "198.51.100.1"),
        ('for="_hidden", for=unknown', None),
        ('host="a,for=192.0.2.66", for=198.51.100.1', "198.51.100.1"),
    ],
)
def test_the_standard_header_is_read_where_it_is_named(forwarded: str, client: str | None) -> None:
    assert Proxies(TRUSTED, "Forwarded").client("10.0.0.1", forwarded) == client


@pytest.mark.parametrize("trusted", [["10.0.0.1/8"], ["proxy.example"], "10.0.0.0/8"])
def test_what_is_no_network_is_refused(trusted: list[str]) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0|proxy"):
        Proxies(trusted)


@given(st.text(), st.text(), st.sampled_from(["X-Forwarded-For", "Forwarded"]))
def test_any_text_gives_an_address_or_none(peer: str, forwarded: str, header: str) -> None:
    Proxies(TRUSTED, header).client(peer, forwarded)
    Proxies([*TRUSTED, "unix"], header).client("10.0.0.1", forwarded)
