# SPDX-License-Identifier: GPL-3.0-or-later
"""The kit's own events are ones that a server takes, and the same ones each time."""

from __future__ import annotations

import json

from tmon.conformance.events import KNOWN, fault_of, ts_fault
from tmon.conformance.offered import LARGE_EVENTS, LARGE_FROM, TEXTS, event, line, number_of
from tmon.server.pipeline import fields, plaintext

from .simulated import WALL

SOME = [*range(2 * 5 * len(TEXTS)), LARGE_FROM, LARGE_FROM + LARGE_EVENTS - 1]


def test_a_line_is_its_event_and_has_no_line_end() -> None:
    for number in SOME:
        assert json.loads(line(number)) == event(number)
        assert "\n" not in line(number)
        assert number_of(event(number)) == number


def test_a_server_takes_them() -> None:
    content = f"[{','.join(map(line, SOME))}]".encode()
    assert len(plaintext.decode(content, int(WALL * 1000)).events) == len(SOME)
    for number in SOME:
        assert fault_of(event(number)) == ""
        assert ts_fault(event(number).get("ts"), WALL) == ""
        assert all(
            len(value) <= fields.MAX_TEXT for value in event(number).values() if isinstance(value, str)
        )


def test_every_kind_of_text_comes_as_it_is_and_as_escapes() -> None:
    lines = [line(number) for number in SOME]
    assert any("\U0001f600" in one for one in lines)
    assert any("\\ud83d\\ude00" in one for one in lines)
    assert any("\\u0000" in one for one in lines)
    assert any("\u2028" in one for one in lines)


def test_the_kit_knows_the_fields_that_the_server_knows() -> None:
    shapes = (fields.RequestFields, fields.SessionFields)
    assert {name for shape in shapes for name in shape.__struct_fields__} | {"offset"} == KNOWN


def test_an_event_s_faults_are_named() -> None:
    good = {"url": "/", "ip": None, "useragent": None}
    assert fault_of(good) == ""
    assert fault_of([]) == "not an object but list"
    assert fault_of({**good, "url": None}) == "url: NoneType, not text"
    assert fault_of({**good, "ip": 7}) == "ip: int, not text or null"
    assert fault_of({"url": "/", "ip": None}) == "useragent: missing"
    assert fault_of({**good, "tags": []}) == "tags: nested"
    assert fault_of({**good, **{f"x{number}": 1 for number in range(33)}}).startswith("33 fields")
    assert fault_of({**good, "kind": "visit"}).startswith("kind: 'visit'")
    session = {"kind": "session", "session": "s", "subject": "a", "object": "b"}
    assert fault_of({**session, "state": "start"}) == ""
    assert fault_of(session) == "state or duration_s: required"
    assert ts_fault(WALL * 1000, WALL).endswith("milliseconds?")
    assert ts_fault("2026-11-23T12:00:00", WALL).endswith("has no offset from UTC")
    assert ts_fault("yesterday", WALL).endswith("is not ISO 8601")
    assert ts_fault(7, WALL) == "7 is before 1990"
    assert ts_fault(True, WALL) == "it is a bool"
