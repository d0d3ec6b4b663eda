# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of addresses, by the web service's policy: in events, in errors, in quarantine."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.conftest import One, Run

from tmon.server.pipeline.privacy import redacted


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("none", None), ("truncated", "203.0.113.0"), ("full", "203.0.113.77")],
)
def test_the_policy_says_what_is_kept_of_an_ipv4_address(one: One, policy: str, kept: str | None) -> None:
    event = one({"ip": "203.0.113.77", "dst_ip": "203.0.113.77"}, ip_policy=policy)
    assert event.ip == kept
    assert event.extra.get("dst_ip") == kept


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("none", None), ("truncated", "2001:db8:aaaa::"), ("full", "2001:db8:aaaa:bbbb::1")],
)
def test_the_policy_says_what_is_kept_of_an_ipv6_address(one: One, policy: str, kept: str | None) -> None:
    event = one({"ip": "2001:DB8:AAAA:BBBB::1", "dst_ip": "2001:DB8:AAAA:BBBB::1"}, ip_policy=policy)
    assert event.ip == kept
    assert event.extra.get("dst_ip") == kept


def test_a_policy_nobody_knows_keeps_nothing(one: One) -> None:
    assert one({"ip": "203.0.113.77"}, ip_policy="").ip is None


@pytest.mark.parametrize(
    ("text", "none", "truncated"),
    [
        ("from 203.0.113.77.", "from [address].", "from 203.0.113.0."),
        ("203.0.113.77:443", "[address]:443", "203.0.113.0:443"),
        ("a203.0.113.77b", "a[address]b", "a203.0.113.0b"),
        ("1.2.3.4.5", "[address]", "[address]"),
        ("999.1.1.1", "[address]", "[address]"),
        ("x=2001:db8:aaaa:bbbb::1&y", "x=[address]&y", "x=2001:db8:aaaa::&y"),
        ("[2001:db8::1]:80", "[[address]]:80", "[2001:db8::]:80"),
        ("fe80::1%eth0", "[address]%eth0", "fe80::%eth0"),
        ("::ffff:203.0.113.77", "[address]", "203.0.113.0"),
        ("1:2:3:4:5:6:7:8", "[address]", "1:2:3::"),
        ("00:1b:44:11:3a:b7", "[address]", "[address]"),
        ("at 12:34:56", "at 12:34:56", "at 12:34:56"),
        ("version 1.2.3", "version 1.2.3", "version 1.2.3"),
        ("Chrome/120.0.6099.109", "Chrome/120.0.6099.109", "Chrome/120.0.6099.109"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
    ],
)
def test_what_looks_like_an_address_is_taken_out_of_text(text: str, none: str, truncated: str) -> None:
    assert redacted(text, "none") == none
    assert redacted(text, "truncated") == truncated
    assert redacted(text, "full") == text


@given(
    st.ip_addresses(),
    st.text(alphabet="xyz /=&\"',;()", max_size=10),
    st.text(alphabet="xyz /=&\"',;()", max_size=10),
)
def test_no_address_stays_in_text_whatever_is_around_it(address: object, before: str, after: str) -> None:
    assert str(address) not in redacted(f"{before}{address}{after}", "none")


@pytest.mark.parametrize(
    "text", ["a:" * 40_000, "a." * 40_000, "1." * 40_000, "::" * 40_000, "a" * 80_000, ":1.1.1.1" * 10_000]
)
def test_hostile_text_is_read_in_linear_time(text: str) -> None:
    started = time.process_time()
    redacted(text, "truncated")
    whole = time.process_time() - started
    started = time.process_time()
    redacted(text[: len(text) // 8], "truncated")
    part = time.process_time() - started
    assert whole < 30 * part + 0.05


def test_rejected_events_go_to_quarantine_without_forbidden_addresses(run: Run) -> None:
    event = {
        "url": "/x?from=198.51.100.7",
        "ip": "203.0.113.77",
        "useragent": 5,
        "note": {"seen": ["2001:db8::1"]},
    }
    [(reason, payload)] = run(event).payloads
    assert reason == "useragent invalid"
    assert json.loads(payload) == {
        "url": "/x?from=[address]",
        "ip": "[address]",
        "useragent": 5,
        "note": {"seen": ["[address]"]},
    }


def test_the_quarantine_keeps_what_the_policy_allows(run: Run) -> None:
    event = {"url": 5, "ip": "203.0.113.77", "dst_ip": "::ffff:198.51.100.7"}
    assert json.loads(run(event, ip_policy="truncated").payloads[0][1]) == {
        "url": 5,
        "ip": "203.0.113.0",
        "dst_ip": "198.51.100.0",
    }
    assert json.loads(run(event, ip_policy="full").payloads[0][1]) == event


@pytest.mark.parametrize(
    "address", [3405803853, "203-0-113-77.isp.example", "0xcb.0x0.0x71.0x4d", ["203.0.113.77"]]
)
def test_an_address_field_that_holds_no_address_is_not_trusted_to_hold_none(
    run: Run, address: object
) -> None:
    [(_, payload)] = run({"url": "/", "ip": address, "useragent": None, "status": "x"}).payloads
    assert json.loads(payload)["ip"] == "[address]"


def test_errors_name_no_address_either(run: Run) -> None:
    [rejected] = run({"url": "/", "ip": None, "useragent": None, "203.0.113.77": []}).rejected
    assert rejected.error == "[address]: must be a string, a number, true or false"
