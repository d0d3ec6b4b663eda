# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of CouchDBs, and that no message of a wrong one has any of the password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.store import StoreError
from tmon.server.store.couchdb.address import Address, Where, parse


def test_an_address_has_nodes_a_login_and_a_prefix() -> None:
    address = parse("couchdb://tmon:secret@h1:5985,h2/events")

    assert address == Address(
        (Where("h1", 5985), Where("h2", 5984)), "tmon", "secret", "events", secure=False
    )
    assert [str(node) for node in address.nodes] == ["h1:5985", "h2:5984"]


def test_couchdbs_is_tls() -> None:
    assert parse("couchdbs://tmon:secret@couch.example:6984/events").secure


def test_ipv6_addresses_stand_in_brackets_with_and_without_a_port() -> None:
    address = parse("couchdb://tmon:secret@[::1]:5985,[2001:DB8::7],127.0.0.1/events")

    assert address.nodes == (Where("::1", 5985), Where("2001:db8::7", 5984), Where("127.0.0.1", 5984))
    assert str(address.nodes[0]) == "[::1]:5985"


def test_user_and_password_are_percent_decoded_as_utf_8() -> None:
    address = parse("couchdb://t%40mon:p%2Fw%3A%25%C3%BC+@h1/events")

    assert (address.user, address.password) == ("t@mon", "p/w:%\N{LATIN SMALL LETTER U WITH DIAERESIS}+")


def test_the_password_is_not_in_the_representation() -> None:
    assert "geheim" not in repr(parse("couchdb://tmon:geheim@h1/events"))


@pytest.mark.parametrize("prefix", ["t", "tmon", "a/b", "a_$()+-/9", "x" * 100])
def test_a_prefix_is_the_beginning_of_a_database_name(prefix: str) -> None:
    assert parse(f"couchdb://tmon:geheim@h1/{prefix}").prefix == prefix


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://tmon:geheim@h1/events", "begins with couchdb://"),
        ("couchdb:tmon:geheim@h1/events", "begins with couchdb://"),
        ("couchdb://h1/events", "needs user:password@"),
        ("couchdb://geheim@h1/events", "needs user:password@"),
        ("couchdb://:geheim@h1/events", "needs user:password@"),
        ("couchdb://tmon:@h1/events", "needs user:password@"),
        ("couchdb://tmon:ge/heim@h1/events", "percent-encoded"),
        ("couchdb://tmon:ge@heim@h1/events", "percent-encoded"),
        ("couchdb://tmon:ge:heim@h1/events", "percent-encoded"),
        ("couchdb://tmon:ge@he/im@h1/events", "percent-encoded"),
        ("couchdb://tmon:geheim?@h1/events", "percent-encoded"),
        ("couchdb://tmon:geheim%@h1/events", "hexadecimal"),
        ("couchdb://tmon:geheim%fg@h1/events", "hexadecimal"),
        ("couchdb://tmon:geheim%ff@h1/events", "UTF-8"),
        ("couchdb://t%3Amon:geheim@h1/events", "colon"),
        ("couchdb://tmon:geheim@/events", "host 1 is empty"),
        ("couchdb://tmon:geheim@h1,/events", "host 2 is empty"),
        ("couchdb://tmon:geheim@h1 /events", "host 1"),
        ("couchdb://tmon:geheim@h1,h2:x/events", "port of host 2"),
        ("couchdb://tmon:geheim@h1:0/events", "port of host 1"),
        ("couchdb://tmon:geheim@h1:65536/events", "port of host 1"),
        ("couchdb://tmon:geheim@h1:\N{SUPERSCRIPT TWO}/events", "port of host 1"),
        ("couchdb://tmon:geheim@h1:/events", "port of host 1"),
        ("couchdb://tmon:geheim@::1/events", "brackets"),
        ("couchdb://tmon:geheim@[::1/events", "brackets"),
        ("couchdb://tmon:geheim@[::1]5984/events", "brackets"),
        ("couchdb://tmon:geheim@[h1]/events", "brackets"),
        ("couchdb://tmon:geheim@[fe80::1%eth0]/events", "brackets"),
        ("couchdb://tmon:geheim@h1,h1:5984/events", "twice"),
        ("couchdb://tmon:geheim@h1,H1/events", "twice"),
        ("couchdb://tmon:geheim@h1", "needs a /prefix"),
        ("couchdb://tmon:geheim@h1/", "needs a /prefix"),
        ("couchdb://tmon:geheim@h1/Events", "the prefix"),
        ("couchdb://tmon:geheim@h1/7events", "the prefix"),
        ("couchdb://tmon:geheim@h1/events/", "the prefix"),
        ("couchdb://tmon:geheim@h1/events?q=2", "the prefix"),
        ("couchdb://tmon:geheim@h1/" + "x" * 101, "the prefix"),
    ],
)
def test_a_wrong_address_is_told_without_the_password(url: str, problem: str) -> None:
    with pytest.raises(StoreError, match=problem) as caught:
        parse(url)

    assert "heim" not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@given(st.text(min_size=1).map(lambda text: text.replace(":", ";")), st.text(min_size=1))
def test_any_login_can_be_written(user: str, password: str) -> None:
    address = parse(f"couchdb://{quote(user, safe='')}:{quote(password, safe='')}@h1/events")

    assert (address.user, address.password) == (user, password)


@given(st.text())
def test_any_text_is_an_address_or_wrong(rest: str) -> None:
    try:
        parse(f"couchdb://{rest}")
    except StoreError as error:
        assert str(error).startswith("TMON_STORE is to be ")  # noqa: PT017 (either is right)
