# SPDX-License-Identifier: GPL-3.0-or-later
"""What an event may say, and what the sender hears about one that breaks a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.pipeline.conftest import One, Run

Refusal = Callable[..., tuple[str, str]]


def test_a_request_with_everything_is_taken_over_field_by_field(one: One) -> None:
    event = one(
        {
            "kind": "request",
            "ts": 1795341000.5,
            "url": "/cart?item=5",
            "username": "ada",
            "method": "POST",
            "status": 201,
            "duration_ms": 12.345678,
            "bytes": 5120,
            "host": "shop.example.com",
            "server": "web-1",
            "location": "/thanks",
            "src_port": 54321,
            "dst_ip": "192.0.2.1",
            "dst_port": 443,
            "plan": "pro",
        },
        ip_policy="full",
    )
    assert (event.kind, event.ts_ms, event.path, event.query) == ("request", 1795341000500, "/cart", "item=5")
    assert (event.username, event.method, event.status, event.host) == (
        "ada",
        "POST",
        201,
        "shop.example.com",
    )
    assert (event.duration_us, event.bytes) == (12346, 5120)
    assert event.extra == {
        "server": "web-1",
        "location": "/thanks",
        "src_port": 54321,
        "dst_ip": "192.0.2.1",
        "dst_port": 443,
        "plan": "pro",
    }
    assert event.truncated == ()


@pytest.mark.parametrize("field", ["url", "ip", "useragent"])
def test_a_required_key_must_be_there(run: Run, field: str) -> None:
    event = {"url": "/", "ip": None, "useragent": None}
    del event[field]
    [rejected] = run(event).rejected
    assert (rejected.reason, rejected.error) == (f"{field} missing", f"{field}: missing")


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("url", None, "url: must be a string"),
        ("url", 5, "url: must be a string"),
        ("url", ["/"], "url: must be a string"),
        ("ip", 16909060, "ip: must be a string or null"),
        ("useragent", {}, "useragent: must be a string or null"),
        ("kind", "pageview", "kind: must be request or session"),
        ("kind", [], "kind: must be request or session"),
        ("username", 5, "username: must be a string"),
        ("method", True, "method: must be a string"),
        ("status", "200", "status: must be a whole number from 0 to 999"),
        ("status", 1000, "status: must be a whole number from 0 to 999"),
        ("status", -1, "status: must be a whole number from 0 to 999"),
        ("status", 200.5, "status: must be a whole number from 0 to 999"),
        ("status", True, "status: must be a whole number from 0 to 999"),
        ("duration_ms", -0.1, "duration_ms: must be a number from 0 to 2592000000"),
        ("duration_ms", 2_592_000_001, "duration_ms: must be a number from 0 to 2592000000"),
        ("duration_ms", 10**350, "duration_ms: must be a number from 0 to 2592000000"),
        ("bytes", 10**12 + 1, "bytes: must be a whole number from 0 to 1000000000000"),
        ("src_port", 65_536, "src_port: must be a whole number from 0 to 65535"),
        ("dst_port", -1, "dst_port: must be a whole number from 0 to 65535"),
        ("dst_ip", "example.com", "dst_ip: not an IP address; null where it is not known"),
        ("referrer", 1, "referrer: must be a string"),
        ("host", [], "host: must be a string"),
        ("server", 1, "server: must be a string"),
        ("location", 1, "location: must be a string"),
    ],
)
def test_a_field_of_the_wrong_type_or_range_rejects_the_event_and_says_what_it_must_be(
    refused: Refusal, field: str, value: Any, error: str
) -> None:
    assert refused({field: value}) == (f"{field} invalid", error)


@pytest.mark.parametrize("ip", ["1.2.3", "", "-", "host.example.org", "999.1.1.1"])
def test_text_that_is_no_address_counts_as_an_unknown_one(one: One, ip: str) -> None:
    event = one({"ip": ip})
    assert (event.ip, event.place.country, event.visitor) == (None, "", None)


def test_one_bad_event_leaves_the_others_alone(run: Run) -> None:
    good = {"url": "/", "ip": None, "useragent": None}
    batch = run([good, 5, {"url": "/"}, good])
    assert len(batch.events) == 2
    assert [(one.index, one.reason) for one in batch.rejected] == [(1, "not an object"), (2, "ip missing")]


def test_null_in_an_optional_field_is_the_same_as_nothing(one: One) -> None:
    event = one(
        dict.fromkeys(("kind", "ts", "username", "status", "bytes", "referrer", "dst_ip", "plan", "city"))
    )
    assert (event.kind, event.username, event.status, event.extra) == ("request", None, None, {})


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (999, 999), (200.0, 200)])
def test_a_status_is_any_three_digits_also_written_with_a_point(
    one: One, status: float, expected: int
) -> None:
    assert one({"status": status}).status == expected


def test_strings_over_1024_characters_are_cut_and_marked(one: One) -> None:
    event = one({"url": "/" + "a" * 1024, "useragent": "é" * 1025, "note": "😀" * 2000, "plan": "b" * 1024})
    assert event.path == "/" + "a" * 1022 + "…"
    assert event.agent.useragent == "é" * 1023 + "…"
    assert event.extra == {"note": "😀" * 1023 + "…", "plan": "b" * 1024}
    assert sorted(event.truncated) == ["note", "url", "useragent"]


def test_unknown_fields_are_kept_as_they_are(one: One) -> None:
    event = one({"text": "x", "whole": 5, "part": 2.5, "yes": True, "no": False, "empty": ""})
    assert event.extra == {"text": "x", "whole": 5, "part": 2.5, "yes": True, "no": False, "empty": ""}
    assert event.extra["yes"] is True


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (5.0, 5),
        (-0.0, 0),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, 9.223372036854775808e18),
        (10**30, 1e30),
        (1e300, 1e300),
    ],
)
def test_numbers_are_kept_as_64_bit_integers_where_they_are_whole_and_fit(
    one: One, value: float, kept: float
) -> None:
    stored = one({"n": value}).extra["n"]
    assert stored == kept
    assert type(stored) is type(kept)


@pytest.mark.parametrize("value", [[], {}, [1], {"a": {"b": 1}}])
def test_nested_values_reject_the_event(refused: Refusal, value: Any) -> None:
    assert refused({"tags": value}) == (
        "extra value invalid",
        "tags: must be a string, a number, true or false",
    )


def test_a_number_beyond_all_floats_rejects_the_event(refused: Refusal) -> None:
    assert refused({"n": 10**320}) == ("extra value invalid", "n: the number is too large")


def test_32_extra_fields_are_kept_and_33_reject_the_event(one: One, refused: Refusal) -> None:
    thirty_two = {f"field{n}": n for n in range(32)}
    assert len(one(thirty_two | {"server": "web-1", "dst_port": 80, "status": 200}).extra) == 34
    assert refused(thirty_two | {"more": 1}) == (
        "too many extra fields",
        "33 extra fields; at most 32 are kept",
    )


def test_the_name_of_an_extra_field_has_1_to_64_characters(one: One, refused: Refusal) -> None:
    assert one({"n" * 64: 1}).extra == {"n" * 64: 1}
    assert refused({"": 1}) == ("extra name invalid", '"": the name of a field has 1 to 64 characters')
    assert refused({"n" * 65: 1})[0] == "extra name invalid"


@pytest.mark.parametrize(
    "name",
    [
        "country",
        "region",
        "city",
        "lat",
        "lon",
        "os",
        "browser",
        "device",
        "model",
        "bot",
        "visitor",
        "path",
        "referrer_site",
        "utm_source",
        "utm_x",
        "source",
    ],
)
def test_names_that_the_server_owns_reject_the_event(refused: Refusal, name: str) -> None:
    assert refused({name: "x"}) == (
        "name owned by the server",
        f"{name}: filled in by the server; call yours something else",
    )


def test_control_characters_are_kept_and_nul_is_replaced(one: One) -> None:
    event = one({"url": "/a\x01\x7f\n", "username": "a\x00b"})
    assert event.path == "/a\x01\x7f\n"
    assert event.username == "a\ufffdb"


# -- sessions -----------------------------------------------------------------------------------------------------

SESSION = {"kind": "session", "session": "s1", "subject": "ada", "object": "ws-12"}


def test_a_session_keeps_its_fields_and_needs_no_url(run: Run) -> None:
    [event] = run(SESSION | {"state": "start", "plan": "pro"}).events
    assert event.kind == "session"
    assert event.path == ""
    assert event.agent.useragent is None
    assert event.extra == {
        "session": "s1",
        "subject": "ada",
        "object": "ws-12",
        "state": "start",
        "plan": "pro",
    }


def test_a_session_may_say_how_long_it_was_instead(run: Run) -> None:
    [event] = run(SESSION | {"duration_s": 90.0}).events
    assert event.extra == {"session": "s1", "subject": "ada", "object": "ws-12", "duration_s": 90}


def test_the_fields_of_a_session_do_not_count_as_extra(run: Run) -> None:
    [event] = run(SESSION | {"state": "end"} | {f"field{n}": n for n in range(32)}).events
    assert len(event.extra) == 36


@pytest.mark.parametrize(
    ("change", "reason", "error"),
    [
        ({"session": ""}, "session invalid", "session: must be a string of at least one character"),
        (
            {"session": 5, "state": "end"},
            "session invalid",
            "session: must be a string of at least one character",
        ),
        ({"subject": None, "state": "end"}, "subject invalid", "subject: must be a string"),
        ({"state": "paused"}, "state invalid", "state: must be start, alive or end"),
        ({"duration_s": -1}, "duration_s invalid", "duration_s: must be a number from 0 to 315360000"),
        ({}, "state missing", "state: missing, and so is duration_s; a session event has one of them"),
    ],
)
def test_a_session_that_breaks_a_rule_is_rejected(
    run: Run, change: dict[str, Any], reason: str, error: str
) -> None:
    [rejected] = run(SESSION | change).rejected
    assert (rejected.reason, rejected.error) == (reason, error)


@pytest.mark.parametrize("field", ["session", "subject", "object"])
def test_a_session_needs_its_three_names(run: Run, field: str) -> None:
    event = {name: value for name, value in SESSION.items() if name != field} | {"state": "start"}
    [rejected] = run(event).rejected
    assert rejected.error == f"{field}: missing"


def test_for_a_request_the_names_of_a_session_are_names_like_any_other(one: One) -> None:
    assert one({"state": "paused", "object": 5}).extra == {"state": "paused", "object": 5}


# -- streams ------------------------------------------------------------------------------------------------------

EVENT = {"url": "/", "ip": None, "useragent": None}


def test_events_of_a_stream_carry_their_offset(run: Run) -> None:
    [event] = run({"stream": "log", "events": [EVENT | {"offset": 2**62}]}).events
    assert event.offset == 2**62
    assert event.extra == {}


def test_an_event_of_a_stream_without_offset_is_rejected(run: Run) -> None:
    batch = run({"stream": "log", "events": [EVENT, EVENT | {"offset": None}, EVENT | {"offset": 0}]})
    assert [(one.index, one.reason) for one in batch.rejected] == [
        (0, "offset missing"),
        (1, "offset missing"),
    ]
    assert [event.offset for event in batch.events] == [0]


@pytest.mark.parametrize("offset", [-1, 2**62 + 1, "5", 1.5, True])
def test_an_offset_is_a_whole_number(run: Run, offset: Any) -> None:
    [rejected] = run({"stream": "log", "events": [EVENT | {"offset": offset}]}).rejected
    assert rejected.error == "offset: must be a whole number from 0 to 4611686018427387904"


def test_without_a_stream_offset_is_a_name_like_any_other(one: One) -> None:
    event = one({"offset": "left"})
    assert event.offset is None
    assert event.extra == {"offset": "left"}
