# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request came from: the site, unless it is the web service itself or no URL at all."""

from __future__ import annotations

import pytest
from tests.unit.pipeline.conftest import One, Run


@pytest.mark.parametrize(
    ("referrer", "site"),
    [
        ("https://www.google.com/", "google.com"),
        ("https://News.Example.ORG:8443/story?x=1#y", "news.example.org"),
        ("http://user:secret@example.com/", "example.com"),
        ("https://example.com.", "example.com"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://Bücher.example/", "bücher.example"),
        ("http://192.0.2.1:8080/", "192.0.2.1"),
        ("http://[2001:DB8::1]:8080/", "[2001:db8::1]"),
        ("https://www.com/", "www.com"),
        ("http://localhost/", "localhost"),
        ("example.com/page", ""),
        ("-", ""),
        ("about:blank", ""),
        ("mailto:ada@example.com", ""),
        ("file:///etc/passwd", ""),
        ("https://", ""),
        ("https://[::1", ""),
        ("https://<script>alert(1)</script>", ""),
        ("http://a b/", ""),
        ("http://" + "a" * 300, ""),
        ("http://%00/", ""),
        ("javascript://x/", "x"),
    ],
)
def test_the_site_is_the_host_without_www(one: One, referrer: str, site: str) -> None:
    found = one({"referrer": referrer, "host": "shop.example"}).referrer
    assert found is not None
    assert (found.referrer, found.site) == (referrer, site)


@pytest.mark.parametrize("host", ["shop.example.com", "www.shop.example.com", "SHOP.example.com:443"])
def test_the_web_services_own_host_is_no_site(one: One, host: str) -> None:
    found = one({"referrer": "https://www.shop.example.com/cart", "host": host}).referrer
    assert found is not None
    assert found.site == ""


def test_where_no_host_is_said_it_is_that_of_the_url(one: One) -> None:
    found = one({"referrer": "https://shop.example/a", "url": "https://shop.example/b"}).referrer
    assert found is not None
    assert found.site == ""


@pytest.mark.parametrize("referrer", [None, ""])
def test_no_referrer_is_none(one: One, referrer: str | None) -> None:
    assert one({"referrer": referrer}).referrer is None


def test_equal_referrers_are_one_object(run: Run) -> None:
    event = {"url": "/", "ip": None, "useragent": None, "referrer": "https://news.example/1"}
    first, second = run([event, event]).events
    assert first.referrer is second.referrer
