# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of webhooks are understood, and to which machines a server may be sent by them."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.limits import signing
from tmon.server.limits.addresses import NotAnAddress, Target, Unreachable, allowed, is_public, parsed


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.org", Target("https", "example.org", 443, "/")),
        ("http://example.org:8080/a/b?c=d&e", Target("http", "example.org", 8080, "/a/b?c=d&e")),
        ("https://bücher.example/ä", Target("https", "xn--bcher-kva.example", 443, "/%C3%A4")),
        ("https://[2001:DB8::1]/x", Target("https", "2001:db8::1", 443, "/x")),
        ("HTTPS://Example.ORG/%20", Target("https", "example.org", 443, "/%20")),
    ],
)
def test_an_address_is_understood(url: str, target: Target) -> None:
    assert parsed(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/x",
        "http://",
        "http:///x",
        "http://user:secret@example.org/",
        "http://example.org#part",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://[::1/",
        "http://exa mple.org/",
        "http://example.org/\r\nHost: other",
        "http://example.org/\u202e",
        "http://-a.example/",
        "http://a..example/",
        "http://" + "a" * 300 + ".example/",
        "http://ex%61mple.org/",
        "http://\ud800.example/",
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(NotAnAddress):
        parsed(url)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.org/{text}"):
        try:
            target = parsed(url)
        except NotAnAddress:
            continue
        assert target.path.isascii()
        assert not any(one.isspace() for one in target.path)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        *("", "localhost", "1", "127.1", "0x7f000001"),
    ],
)
def test_others_are_not(address: str) -> None:
    assert not is_public(address)


def test_of_a_name_only_the_public_addresses_are_connected_to() -> None:
    target = parsed("https://example.org/")

    def found(host: str, port: int) -> list[str]:
        assert (host, port) == ("example.org", 443)
        return ["127.0.0.1", "93.184.215.14", "::1"]

    assert allowed(target, private=False, resolve=found) == ["93.184.215.14"]
    assert allowed(target, private=True, resolve=found) == ["127.0.0.1", "93.184.215.14", "::1"]


def test_a_name_without_a_public_address_is_refused() -> None:
    with pytest.raises(Unreachable, match="no public address"):
        allowed(parsed("https://example.org/"), private=False, resolve=lambda *_: ["10.0.0.1"])


def test_numbers_in_other_forms_are_judged_as_the_system_reads_them() -> None:
    for host in ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"):
        with pytest.raises(Unreachable):
            allowed(parsed(f"http://{host}/"), private=False)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's reference implementations.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signing.headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_shown_as_libraries_take_it() -> None:
    text = signing.shown(b"\x00" * 32)
    assert text == "whsec_" + "A" * 43 + "="
    assert hmac.new(base64.b64decode(text[6:]), b"x", hashlib.sha256).digest()
