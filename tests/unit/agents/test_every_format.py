# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every format: its example is read and detected, the server takes its events, no bytes break it."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.formats import NAMES, REASONS, Event, Undetected, Unknown, Unparsed, detect, named
from tmon.server.calendar import Calendar
from tmon.server.pipeline import Locator, Pipeline, decode, standard_steps
from tmon.server.tenants.keyring import Service

NOW_MS = 4_102_444_800_000
"""2100, so that a time that was made up is rarely ahead."""

PIPELINE = Pipeline(standard_steps(Locator()))
SERVICE = Service(7, "shop", (), Calendar([(-math.inf, "UTC")]), "none", 14, 100_000)

NAMED = st.sampled_from(NAMES)
ANY_LINE = st.binary(max_size=300) | st.text(max_size=200).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def example(name: str) -> list[bytes]:
    return [line + b"\n" for line in named(name).example.encode().split(b"\n")]


def assert_taken(events: list[Event]) -> None:
    """The server takes all of these, of made-up times as long as they have been."""
    for event in events:
        assert {"url", "ip", "useragent", "ts"} <= event.keys()
        assert "\0" not in "".join(value for value in event.values() if isinstance(value, str))
    sent = [{name: value for name, value in event.items() if name != "forwarded_for"} for event in events]
    batch = PIPELINE.run(
        decode(json.dumps(sent, ensure_ascii=False).encode(), NOW_MS), SERVICE, NOW_MS, lambda _: b"x"
    )
    assert {rejected.reason for rejected in batch.rejected} <= {"ts ahead"}


def read(name: str, lines: list[bytes]) -> list[Event]:
    parser = named(name).parser()
    events, reasons = [], set()
    for line in lines:
        try:
            event = parser.parse(line)
        except Unparsed as unparsed:
            reasons.add(unparsed.reason)
        else:
            if event is not None:
                events.append(event)
    assert reasons <= set(REASONS)
    return events


@pytest.mark.parametrize("name", NAMES)
def test_a_formats_name_is_its_modules(name: str) -> None:
    assert named(name).name == name
    assert re.fullmatch("[a-z][a-z0-9-]{1,20}", name)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_is_read_taken_by_the_server_and_detected(name: str) -> None:
    lines = example(name)

    events = read(name, lines)

    assert len(events) == 1
    assert_taken(events)
    assert detect(lines).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_line_break_changes_nothing(name: str) -> None:
    bare = [line.rstrip(b"\n") for line in example(name)]

    assert read(name, bare) == read(name, example(name)) == read(name, [line + b"\r\n" for line in bare])


@given(NAMED, st.lists(ANY_LINE, max_size=3))
def test_any_bytes_are_an_event_that_the_server_takes_or_a_reason(name: str, lines: list[bytes]) -> None:
    events = read(name, lines)

    if events:
        assert_taken(events)


@given(NAMED, st.data())
def test_a_line_that_was_damaged_anywhere_is_an_event_or_a_reason(name: str, data: st.DataObject) -> None:
    lines = example(name)
    number = data.draw(st.integers(0, len(lines) - 1))
    start = data.draw(st.integers(0, len(lines[number])))
    end = data.draw(st.integers(start, min(start + 30, len(lines[number]))))
    lines[number] = (
        lines[number][:start] + data.draw(ANY_LINE | st.sampled_from(DAMAGES)) + lines[number][end:]
    )

    events = read(name, lines)

    if events:
        assert_taken(events)


DAMAGES = [
    b"\\ud800",
    b"\\x00",
    b"\\u0000",
    b"\x00",
    b"\xff\xfe",
    b'"',
    b'\\"',
    b"9" * 30,
    b"-",
    b"-1",
    b"1e400",
    b"nan",
    b"null",
    b"[]",
    b"{}",
    b"\\",
    b"%",
    b" ",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "filler", [b" ", b'"', b" [", b"\\", b'" "', b"a", b"{", b"[", b"0", b"\t", b'" 200 -', b": ", b"0."]
)
def test_the_longest_line_takes_no_longer_than_its_length_says(name: str, filler: bytes) -> None:
    lines = example(name)
    *head, line = lines
    for position in range(0, len(line), len(line) // 8):
        head.append(line[:position] + filler * (60_000 // len(filler)))

    read(name, head)  # a pattern that tries everything again would take minutes


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(Unknown, match=r"'apache' is no format; there are: .*combined"):
        named("apache")


def test_what_no_format_reads_is_not_detected() -> None:
    with pytest.raises(Undetected, match="none reads any"):
        detect([b"hello\n", b"there\n"])
