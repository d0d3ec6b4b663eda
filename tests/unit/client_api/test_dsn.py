# SPDX-License-Identifier: GPL-3.0-or-later
"""The DSN: every form it may have, and that its secret never shows."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import Dsn, DsnError

SECRET = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("text", "collect_url"),
    [
        (f"tmon+http://{SECRET}@127.0.0.1:8000/7", "http://127.0.0.1:8000/data/collect/7"),
        (f"tmon+https://{SECRET}@stats.example.org/7", "https://stats.example.org/data/collect/7"),
        (f"tmon+http://{SECRET}@[::1]:8000/7", "http://[::1]:8000/data/collect/7"),
        (f"tmon+https://{SECRET}@[2001:db8::7]/7", "https://[2001:db8::7]/data/collect/7"),
        (f"tmon+https://{SECRET}@example.org/stats/7", "https://example.org/stats/data/collect/7"),
        (f"tmon+https://{SECRET}@example.org/a/b.c/7/", "https://example.org/a/b.c/data/collect/7"),
        (f"tmon+https://{SECRET}@example.org/8/7", "https://example.org/8/data/collect/7"),
        (f"TMON+HTTP://{SECRET.upper()}@localhost:8000/7\n", "http://localhost:8000/data/collect/7"),
        (
            f"tmon+http://{SECRET}@localhost:1/9223372036854775807",
            "http://localhost:1/data/collect/9223372036854775807",
        ),
    ],
)
def test_a_dsn_says_where_to_post(text: str, collect_url: str) -> None:
    dsn = Dsn.parse(text)
    assert dsn.collect_url == collect_url
    assert dsn.key == KEY


def test_the_parts_of_a_dsn_are_known_by_name() -> None:
    dsn = Dsn.parse(f"tmon+https://{SECRET}@[2001:db8::7]:8443/stats/7")
    assert dsn == Dsn(key=KEY, wsid=7, host="2001:db8::7", port=8443, secure=True, prefix="/stats")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "does not begin with", id="empty"),
        pytest.param(f"http://{SECRET}@localhost/7", "does not begin with", id="another scheme"),
        pytest.param(SECRET, "does not begin with", id="the secret alone"),
        pytest.param(f"tmon+ftp://{SECRET}@localhost/7", "does not begin with", id="no web scheme"),
        pytest.param(f"tmon+http://{SECRET}", "no @", id="no host"),
        pytest.param(f"tmon+http://localhost/{SECRET}/7", "no @", id="the secret in the path"),
        pytest.param(f"tmon+http://{SECRET}@/7", "host is missing", id="empty host"),
        pytest.param(f"tmon+http://{SECRET}@:8000/7", "host is missing", id="port without host"),
        pytest.param("tmon+http://@localhost/7", "it is missing", id="no secret"),
        pytest.param(f"tmon+http://{SECRET[:-1]}@localhost/7", "63 characters", id="a digit is missing"),
        pytest.param(f"tmon+http://{SECRET}0@localhost/7", "65 characters", id="a digit too many"),
        pytest.param(f"tmon+http://user:{SECRET}@localhost/7", "69 characters", id="the secret as password"),
        pytest.param(f"tmon+http://{SECRET[:-1]}g@localhost/7", "not all of them hex", id="not hex"),
        pytest.param(f"tmon+http://{SECRET}@{SECRET}@localhost/7", "more than one @", id="two secrets"),
        pytest.param(f"tmon+http://{SECRET}@localhost:0/7", "port is not between", id="port 0"),
        pytest.param(f"tmon+http://{SECRET}@localhost:65536/7", "port is not between", id="port 65536"),
        pytest.param(f"tmon+http://{SECRET}@localhost:80a/7", "cannot be read", id="no port number"),
        pytest.param(f"tmon+http://{SECRET}@::1:8000/7", "brackets", id="IPv6 without brackets"),
        pytest.param(f"tmon+http://{SECRET}@[::g]:8000/7", "no IPv6 address", id="no IPv6"),
        pytest.param(f"tmon+http://{SECRET}@[]/7", "no IPv6 address", id="empty brackets"),
        pytest.param(f"tmon+http://{SECRET}@local host/7", "letters", id="a space in the host"),
        pytest.param(f"tmon+http://{SECRET}@localhost", "end with a wsid", id="no path"),
        pytest.param(f"tmon+http://{SECRET}@localhost/", "end with a wsid", id="empty path"),
        pytest.param(f"tmon+http://{SECRET}@localhost/07", "end with a wsid", id="leading zero"),
        pytest.param(f"tmon+http://{SECRET}@localhost/0", "end with a wsid", id="zero"),
        pytest.param(f"tmon+http://{SECRET}@localhost/seven", "end with a wsid", id="a word"),
        pytest.param(f"tmon+http://{SECRET}@localhost/\uff17", "end with a wsid", id="a full-width digit"),
        pytest.param(f"tmon+http://{SECRET}@localhost/{'1' * 20}", "end with a wsid", id="20 digits"),
        pytest.param(f"tmon+http://{SECRET}@localhost//7", "end with a wsid", id="two slashes"),
        pytest.param(f"tmon+http://{SECRET}@localhost/7?x=1", "query", id="a query"),
        pytest.param(f"tmon+http://{SECRET}@localhost/7#x", "query", id="a fragment"),
    ],
)
def test_a_wrong_dsn_is_refused_with_the_reason_and_without_the_secret(text: str, problem: str) -> None:
    with pytest.raises(DsnError, match=problem) as caught:
        Dsn.parse(text)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SECRET[:-1] not in shown
    assert caught.value.__context__ is None


@given(st.text(max_size=60))
def test_any_text_is_either_a_dsn_or_a_dsn_error(text: str) -> None:
    with pytest.raises(DsnError):
        Dsn.parse(f"tmon+http://{text}")


def test_neither_repr_nor_str_of_a_dsn_shows_its_secret() -> None:
    dsn = Dsn.parse(f"tmon+https://{SECRET}@example.org:8443/stats/7")
    assert repr(dsn) == "<Dsn tmon+https://***@example.org:8443/stats/7>"
    assert f"{dsn}" == "tmon+https://***@example.org:8443/stats/7"


@pytest.mark.parametrize(
    "text",
    [
        f"tmon+http://{SECRET}@127.0.0.1:8000/7",
        f"tmon+https://{SECRET}@[2001:db8::7]:8443/stats/7",
        f"tmon+https://{SECRET}@example.org/7",
    ],
)
def test_revealing_a_dsn_gives_back_what_was_parsed(text: str) -> None:
    assert Dsn.parse(text).reveal() == text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:8000", f"tmon+http://{SECRET}@127.0.0.1:8000/7"),
        ("https://example.org/stats/", f"tmon+https://{SECRET}@example.org/stats/7"),
        ("http://[::1]:8000/", f"tmon+http://{SECRET}@[::1]:8000/7"),
    ],
)
def test_a_dsn_is_made_from_a_servers_public_address(url: str, text: str) -> None:
    assert Dsn.for_url(url, 7, KEY).reveal() == text


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org", "http://", "http://user@example.org"]
)
def test_no_dsn_is_made_from_what_is_no_web_address(url: str) -> None:
    with pytest.raises(DsnError):
        Dsn.for_url(url, 7, KEY)


def test_the_environment_holds_the_dsn() -> None:
    assert Dsn.from_environment({"TMON_DSN": f"tmon+http://{SECRET}@localhost/7"}).wsid == 7


def test_the_environment_may_name_a_file_that_holds_the_dsn(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text(f"tmon+http://{SECRET}@localhost/7\n")
    assert Dsn.from_environment({"TMON_DSN_FILE": str(file)}).wsid == 7


def test_a_dsn_file_that_is_missing_is_named() -> None:
    with pytest.raises(
        DsnError, match=r"TMON_DSN_FILE names /nowhere/dsn, which cannot be read: No such file"
    ):
        Dsn.from_environment({"TMON_DSN_FILE": "/nowhere/dsn"})


def test_an_environment_without_a_dsn_is_told_what_to_set() -> None:
    with pytest.raises(DsnError, match="set TMON_DSN to"):
        Dsn.from_environment({})
