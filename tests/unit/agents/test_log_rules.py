# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules make of events: who asked, user names, filters, assets, queries."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.assets import assets
from tmon.agents.logs.clients import clients
from tmon.agents.logs.filters import hosts, paths, statuses, without_bots
from tmon.agents.logs.queries import queries_with, queries_without
from tmon.agents.logs.rules import BadRule, Event, Rule, Skip, applied
from tmon.agents.logs.usernames import username_from


def event(**fields: Any) -> Event:
    return {"url": "/", "ip": "10.0.0.9", "useragent": None, "ts": 1_760_097_336, **fields}


def skipped(rule: Rule, **fields: Any) -> str | None:
    try:
        rule(event(**fields))
    except Skip as skip:
        return skip.reason
    return None


@pytest.mark.parametrize(
    ("trusted", "forwarded", "ip"),
    [
        (["10.0.0.0/8"], "192.0.2.7", "192.0.2.7"),
        (["10.0.0.0/8"], "198.51.100.1, 192.0.2.7, 10.0.0.3", "192.0.2.7"),
        (["10.0.0.0/8"], "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        (["10.0.0.0/8"], "[2001:db8::7]:443", "2001:db8::7"),
        (["10.0.0.0/8"], "192.0.2.7, unknown", None),
        (["10.0.0.0/8"], "", None),
        (["10.0.0.8"], "192.0.2.7", "10.0.0.9"),
        ([], "192.0.2.7", "10.0.0.9"),
        (["2001:db8::/32"], "192.0.2.7", "10.0.0.9"),
    ],
)
def test_a_forwarded_address_is_believed_as_far_as_proxies_are(
    trusted: list[str], forwarded: str, ip: str | None
) -> None:
    changed = clients(trusted)(event(forwarded_for=forwarded))

    assert changed["ip"] == ip
    assert "forwarded_for" not in changed


def test_the_port_of_a_proxy_is_not_the_clients() -> None:
    assert "src_port" not in clients(["10.0.0.0/8"])(event(forwarded_for="192.0.2.7", src_port=4711))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(BadRule, match="trusted proxies: 'proxy' does not appear to be"):
        clients(["proxy"])


@given(st.text())
def test_whatever_is_forwarded_an_address_or_none_comes_of_it(forwarded: str) -> None:
    changed = clients(["10.0.0.0/8"])(event(forwarded_for=forwarded))

    assert changed["ip"] is None or isinstance(changed["ip"], str)
    assert "forwarded_for" not in changed


@pytest.mark.parametrize(
    ("url", "username"),
    [("/?user=mira%40example.com&a=1", "mira@example.com"), ("/?a=1", None), ("/?user=-", None)],
)
def test_a_user_name_is_found_in_the_query(url: str, username: str | None) -> None:
    assert username_from("url", "[?&]user=([^&]+)")(event(url=url)).get("username") == username


def test_a_user_name_of_the_log_itself_stays() -> None:
    changed = username_from("url", "[?&]user=(?P<user>[^&]+)")(event(url="/?user=eve", username="mira"))

    assert changed["username"] == "mira"


@pytest.mark.parametrize(
    ("field", "pattern", "message"),
    [("cookie", "(.)", "is no field"), ("url", "(", "is no pattern"), ("url", "user", "has no group")],
)
def test_a_user_names_rule_that_cant_be_read_is_refused(field: str, pattern: str, message: str) -> None:
    with pytest.raises(BadRule, match=message):
        username_from(field, pattern)


def test_paths_are_filtered_by_patterns() -> None:
    rule = paths(only=["/shop/*"], without=["*/private/*"])

    assert skipped(rule, url="/shop/cart?back=/private/") is None
    assert skipped(rule, url="/shop/private/cart") == "path filtered"
    assert skipped(rule, url="/blog") == "path filtered"


def test_hosts_are_filtered_whatever_their_case() -> None:
    assert skipped(hosts(only=["*.example.com"]), host="WWW.Example.com") is None
    assert skipped(hosts(only=["*.example.com"])) == "host filtered"
    assert skipped(hosts(without=["test.*"]), host="test.example.com") == "host filtered"


@pytest.mark.parametrize(
    ("only", "without", "status", "reason"),
    [
        ([], ["404"], 404, "status filtered"),
        ([], ["4xx"], 499, "status filtered"),
        ([], ["400-403"], 404, None),
        (["2xx", "3xx"], [], 304, None),
        (["2xx"], [], None, "status filtered"),
    ],
)
def test_statuses_are_filtered(
    only: list[str], without: list[str], status: int | None, reason: str | None
) -> None:
    assert skipped(statuses(only, without), status=status) == reason


@pytest.mark.parametrize("text", ["", "40x", "99", "403-400", "4xx-5xx"])
def test_a_status_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadRule, match="status: "):
        statuses([text])


@pytest.mark.parametrize(
    ("useragent", "reason"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("curl/8.5.0", "bot"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", None),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36",
            None,
        ),
        (None, None),
    ],
)
def test_bots_are_told_by_what_they_call_themselves(useragent: str | None, reason: str | None) -> None:
    assert skipped(without_bots(), useragent=useragent) == reason


@pytest.mark.parametrize(
    ("url", "is_asset"),
    [
        ("/a/logo.PNG?v=2", True),
        ("/app.js", True),
        ("/font.woff2", True),
        ("/css", False),
        ("/report.pdf", False),
        ("/?file=logo.png", False),
        ("/", False),
    ],
)
def test_static_assets_are_skipped_or_marked(url: str, is_asset: bool) -> None:
    assert skipped(assets(skipped=True), url=url) == ("static asset" if is_asset else None)
    assert assets(skipped=False)(event(url=url)).get("static", False) is is_asset


@pytest.mark.parametrize(
    ("rule", "url", "expected"),
    [
        (queries_without(), "/a?b=1&utm_source=news&c", "/a?utm_source=news"),
        (queries_without(["utm_*", "b"]), "/a?b=1&utm_source=news&c", "/a?c"),
        (queries_without(["token"]), "/a?%74oken=secret&TOKEN=2&page=2", "/a?page=2"),
        (queries_without(["token"]), "/a?token=secret#top", "/a#top"),
        (queries_with(["page"]), "/a?page=2&sid=7;utm_term=x", "/a?page=2&utm_term=x"),
        (queries_with([]), "/a?", "/a"),
    ],
)
def test_queries_lose_parameters(rule: Rule, url: str, expected: str) -> None:
    assert rule(event(url=url))["url"] == expected


def test_a_referrers_query_loses_them_as_well() -> None:
    changed = queries_without(["token"])(event(referrer="https://example.com/a?token=secret"))

    assert changed["referrer"] == "https://example.com/a"


def test_rules_are_applied_in_their_order_until_one_skips() -> None:
    rules = [
        clients(["10.0.0.0/8"]),
        username_from("url", "user=([^&]+)"),
        paths(without=["/private"]),
        assets(skipped=False),
        queries_without(),
    ]

    changed = applied(rules, event(url="/a.png?user=mira", forwarded_for="192.0.2.7"))

    assert changed == {
        "url": "/a.png",
        "ip": "192.0.2.7",
        "useragent": None,
        "ts": 1_760_097_336,
        "username": "mira",
        "static": True,
    }
    with pytest.raises(Skip, match="path filtered"):
        applied(rules, event(url="/private?user=mira"))
