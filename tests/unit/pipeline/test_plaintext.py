# SPDX-License-Identifier: GPL-3.0-or-later
"""The plaintext of an envelope: three forms, and what is none of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tmon.server.pipeline import Message, Refused, TooMany, decode
from tmon.server.pipeline.fields import PlainRequest

NOW_MS = 1_795_341_600_250
EVENT = {"url": "/", "ip": None, "useragent": None}
PLAIN = PlainRequest(url="/", ip=None, useragent=None)


def read(value: Any) -> Message:
    message = decode(json.dumps(value).encode(), NOW_MS)
    assert message.plaintext in (None, json.dumps(value).encode())
    return msgspec.structs.replace(message, plaintext=None)


def refusal(plaintext: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(plaintext, NOW_MS)
    return caught.value


def test_an_object_is_one_event_without_bookkeeping() -> None:
    assert read(EVENT) == Message(events=[PLAIN], bookkeeping=False)
    assert read(EVENT | {"plan": "pro"}) == Message(events=[EVENT | {"plan": "pro"}], bookkeeping=False)


def test_a_list_is_several_events_without_bookkeeping() -> None:
    assert read([EVENT, {"url": "/a"}]) == Message(events=[EVENT, {"url": "/a"}], bookkeeping=False)


def test_an_object_with_a_list_of_events_carries_bookkeeping() -> None:
    message = read(
        {
            "source": "web-1",
            "run": "9f2c",
            "seq": 41,
            "sent_at": 1795341600.25,
            "sent": 8200,
            "lost": {"queue_full": 3},
            "close": True,
            "stream": "access.log",
            "events": [EVENT],
            "later": "unknown bookkeeping",
        }
    )
    assert message == Message(
        events=[EVENT],
        bookkeeping=True,
        source="web-1",
        run="9f2c",
        seq=41,
        sent_at=1795341600.25,
        sent=8200,
        lost={"queue_full": 3},
        close=True,
        stream="access.log",
    )


def test_requests_with_nothing_unusual_are_read_while_they_are_decoded() -> None:
    event = {"url": "/", "ip": "192.0.2.1", "useragent": None, "status": 200, "duration_ms": 5, "offset": 7}
    for plaintext in ([event], {"source": "web-1", "stream": "access.log", "events": [event]}):
        assert read(plaintext).events == [
            PlainRequest(url="/", ip="192.0.2.1", useragent=None, status=200, duration_ms=5.0, offset=7)
        ]


@pytest.mark.parametrize(
    "unusual",
    [
        {"plan": "pro"},
        {"server": "a"},
        {"kind": "session"},
        {"status": "200"},
        {"host": "x" * 1025},
        {"host": "a\0b"},
    ],
)
def test_one_unusual_event_leaves_all_of_its_envelope_as_json(unusual: dict[str, Any]) -> None:
    events = decode(json.dumps([EVENT, EVENT | unusual]).encode(), NOW_MS).events
    assert [type(event) for event in events] == [dict, dict]


def test_what_was_read_can_be_had_as_it_was_sent() -> None:
    sent = b'{"useragent":null,"url":"/","duration_ms":5,"ip":null,"host":null}'
    as_json = {"useragent": None, "url": "/", "duration_ms": 5, "ip": None, "host": None}
    for plaintext in (sent, b"[" + sent + b"]", b'{"source":"a","events":[' + sent + b"]}"):
        message = decode(plaintext, NOW_MS)
        assert type(message.events[0]) is PlainRequest
        assert message.as_sent() == [as_json]


def test_bookkeeping_may_come_without_events_and_events_without_bookkeeping() -> None:
    assert read({"events": []}) == Message(events=[], bookkeeping=True)
    assert read({"source": "web-1", "close": True, "events": []}).close is True


def test_null_in_the_bookkeeping_is_the_same_as_nothing() -> None:
    fields = ("source", "run", "seq", "sent_at", "sent", "lost", "close", "stream")
    assert read(dict.fromkeys(fields) | {"events": []}) == Message(events=[], bookkeeping=True)


def test_events_that_is_no_list_makes_an_event_of_the_object_unless_it_is_an_object() -> None:
    assert read(EVENT | {"events": 5}).events == [EVENT | {"events": 5}]
    assert refusal(b'{"events": {"url": "/"}}').reason == "events invalid"


def test_an_empty_list_is_refused() -> None:
    assert refusal(b"[]").reason == "no events"


@pytest.mark.parametrize("plaintext", [b"5", b'"text"', b"null", b"true", b"1e10"])
def test_neither_object_nor_list_is_refused(plaintext: bytes) -> None:
    assert refusal(plaintext).reason == "neither object nor list"


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"{",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 01}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"a": "raw\x00nul"}',
        b'{"a": "line\nbreak"}',
        b"{'a': 1}",
    ],
)
def test_what_is_not_json_is_refused(plaintext: bytes) -> None:
    assert refusal(plaintext).reason == "not JSON"


@pytest.mark.parametrize("plaintext", [b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"\xc3": 1}'])
def test_what_is_not_utf_8_is_refused(plaintext: bytes) -> None:
    assert refusal(plaintext).reason == "not UTF-8"


@pytest.mark.parametrize("plaintext", [b"[" * 100_000, b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000])
def test_what_is_nested_too_deeply_is_refused(plaintext: bytes) -> None:
    assert refusal(plaintext).reason == "nested too deeply"


def test_ten_thousand_events_are_taken_and_one_more_is_too_many() -> None:
    assert len(read([0] * 10_000).events) == 10_000
    with pytest.raises(TooMany, match="10001 events; an envelope holds at most 10000"):
        read([0] * 10_001)


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1.5", b'""'])
def test_millions_of_values_are_too_many_before_any_is_made(value: bytes) -> None:
    with pytest.raises(TooMany, match="JSON values"):
        decode(b'{"a": [' + value + (b"," + value) * 3_000_000 + b"]}", NOW_MS)


def test_separators_inside_of_strings_are_no_values() -> None:
    text = ',[{\\",' * 200_000
    assert read([{"url": text}]).events == [{"url": text}]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("source", 5, "a string"),
        ("source", "x" * 201, "at most 200 characters"),
        ("run", ["r"], "a string"),
        ("seq", 0, "from 1"),
        ("seq", "1", "a whole number"),
        ("seq", True, "a whole number"),
        ("seq", 2**60, "to 2^53"),
        ("sent", -1, "from 0"),
        ("sent", 1.5, "a whole number"),
        ("sent_at", "2026-11-22T10:00:00Z", "Unix seconds"),
        ("lost", 3, "for at most 32 reasons"),
        ("lost", {"queue_full": -1}, "whole numbers from 0"),
        ("lost", {"": 1}, "1 to 64 characters"),
        ("lost", {f"reason {n}": 1 for n in range(33)}, "at most 32 reasons"),
        ("close", 1, "true or false"),
        ("stream", "", "1 to 200 characters"),
    ],
)
def test_wrong_bookkeeping_is_refused_by_name(field: str, value: Any, words: str) -> None:
    error = refusal(json.dumps({field: value, "events": [EVENT]}).encode())
    assert error.reason == f"{field} invalid"
    assert error.message.startswith(f"{field}: must ")
    assert words in error.message


def test_a_refusal_keeps_what_could_be_read_for_the_ledger() -> None:
    error = refusal(b'{"source": "web-1", "run": "r", "seq": 0, "sent": 12, "events": [{"url": "/"}]}')
    assert error.known == Message(events=[{"url": "/"}], bookkeeping=True, source="web-1", run="r", sent=12)


@pytest.mark.parametrize("seconds", [24 * 3600, 0, -30 * 86_400])
def test_sent_at_may_be_a_day_ahead_and_thirty_days_back(seconds: int) -> None:
    assert read({"sent_at": NOW_MS / 1000 + seconds, "events": []}).sent_at == NOW_MS / 1000 + seconds


@pytest.mark.parametrize("seconds", [24 * 3600 + 1, -30 * 86_400 - 1, 1e300, -1e300])
def test_sent_at_beyond_that_is_refused(seconds: float) -> None:
    error = refusal(
        json.dumps({"source": "web-1", "sent_at": NOW_MS / 1000 + seconds, "events": [EVENT]}).encode()
    )
    assert error.reason == "sent_at out of range"
    assert error.known is not None
    assert error.known.source == "web-1"


def test_the_character_nul_is_replaced_wherever_it_may_be_stored() -> None:
    message = decode(
        b'{"source": "a\\u0000b", "lost": {"q\\u0000": 1}, "events": [{"x\\u0000": "\\u0000", "n": [1]}, "\\u0000"]}',
        NOW_MS,
    )
    assert message.source == "a\ufffdb"
    assert message.lost == {"q\ufffd": 1}
    assert message.events == [{"x\ufffd": "\ufffd", "n": [1]}, "\ufffd"]


def test_of_a_repeated_key_the_last_one_counts() -> None:
    assert decode(b'{"url": "/a", "url": "/b"}', NOW_MS).events == [{"url": "/b"}]
