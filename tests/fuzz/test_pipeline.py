# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a plaintext is, the pipeline answers with a batch within its bounds, or with an error of its own."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tmon.server.calendar import Calendar
from tmon.server.events import OWNED, Event
from tmon.server.pipeline import Batch, Locator, Pipeline, Refused, TooMany, decode, standard_steps
from tmon.server.pipeline.agent import read
from tmon.server.pipeline.referrer import site_of
from tmon.server.tenants.keyring import Service

NOW_MS = 1_795_341_600_250
POLICIES = ("none", "truncated", "full")
KNOWN = [
    "kind",
    "ts",
    "url",
    "ip",
    "useragent",
    "username",
    "method",
    "status",
    "duration_ms",
    "bytes",
    "referrer",
    "host",
    "server",
    "location",
    "src_port",
    "dst_ip",
    "dst_port",
    "session",
    "subject",
    "object",
    "state",
    "duration_s",
    "offset",
    "country",
    "utm_source",
]
BOOKKEEPING = ["source", "run", "seq", "sent_at", "sent", "lost", "close", "stream"]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(standard_steps(Locator()))


def run(pipeline: Pipeline, plaintext: bytes, policy: str = "none") -> Batch | None:
    """The batch that becomes of a plaintext; None if it is refused."""
    calendar = Calendar([(-math.inf, "Australia/Lord_Howe")])
    service = Service(7, "shop", (), calendar, policy, 14, 100_000)
    try:
        message = decode(plaintext, NOW_MS)
    except (Refused, TooMany):
        return None
    batch = pipeline.run(message, service, NOW_MS, lambda day: b"salt")
    assert len(batch.events) + len(batch.rejected) == len(message.events)
    return batch


def check(batch: Batch, policy: str = "none") -> None:
    for event in batch.events:
        check_event(event, policy)
    for rejected in batch.rejected:
        assert 0 < len(rejected.reason) < 40
        assert 0 < len(rejected.error) < 200
    for _, payload in batch.payloads:
        assert len(payload.encode()) <= 8192
        json.loads(payload)


def check_text(text: str) -> None:
    assert len(text) <= 1024
    assert "\0" not in text
    text.encode()


def check_number(number: float) -> None:
    if type(number) is int:
        assert -(2**63) <= number < 2**63
    else:
        assert math.isfinite(number)


def check_event(event: Event, policy: str) -> None:
    texts = [event.kind, event.path, event.query, event.host, event.method, event.username, event.ip]
    agent, place, campaign = event.agent, event.place, event.campaign
    texts += [
        agent.useragent,
        agent.os,
        agent.browser,
        agent.device,
        agent.model,
        place.country,
        place.region,
        place.city,
    ]
    texts += [campaign.source, campaign.medium, campaign.campaign, campaign.term, campaign.content]
    if event.referrer is not None:
        texts += [event.referrer.referrer, event.referrer.site]
    for text in texts:
        if text is not None:
            check_text(text)
    for number in (event.ts_ms, event.status, event.duration_us, event.bytes, event.visitor, event.offset):
        if number is not None:
            assert type(number) is int
            check_number(number)
    assert 631_152_000_000 <= event.ts_ms <= NOW_MS + 600_000
    assert event.hour.start <= event.ts_ms / 1000 < event.hour.end
    assert agent.device in ("phone", "tablet", "desktop", "bot", "other")
    assert agent.bot == (agent.device == "bot")
    assert policy != "none" or (event.ip is None and "dst_ip" not in event.extra)
    assert len(event.extra) <= 32 + 10
    for name, value in event.extra.items():
        assert 1 <= len(name) <= 64
        assert name not in OWNED
        assert not name.startswith("utm_")
        check_text(name)
        if type(value) is str:
            check_text(value)
        elif type(value) is not bool:
            assert isinstance(value, (int, float))
            check_number(value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["request", "session", "start", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%x", "https://a.example/"]
    )
    | st.sampled_from(
        ["a\0b", "é" * 1025, "/?utm_source=%00%ff&utm_medium=" + "x" * 2000, "2026-11-22T10:00:00Z", 10**350]
    )
    | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat())
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(KNOWN) | st.text(max_size=70)
events = st.dictionaries(names, values, max_size=40)
nearly_valid = st.builds(
    lambda base, change: base | change,
    st.sampled_from(
        [
            {"url": "/", "ip": None, "useragent": None},
            {"url": "/?a=1", "ip": "192.0.2.1", "useragent": "curl/8.5.0"},
            {"kind": "session", "session": "s", "subject": "a", "object": "b", "state": "start"},
        ]
    ),
    st.dictionaries(names, scalars, max_size=5),
)
bookkeeping = st.dictionaries(st.sampled_from(BOOKKEEPING) | st.text(max_size=5), values, max_size=8)


@given(st.binary(max_size=200))
@example(b"\x00")
@example(b'{"events":[{"url":"\\u0000"}]}')
@example(b'{"url":"/","ip":null,"useragent":null,"ts":-1e308}')
def test_any_bytes(pipeline: Pipeline, plaintext: bytes) -> None:
    batch = run(pipeline, plaintext)
    if batch is not None:
        check(batch)


@given(values)
def test_any_json(pipeline: Pipeline, value: Any) -> None:
    batch = run(pipeline, json.dumps(value).encode())
    if batch is not None:
        check(batch)


@given(st.lists(events | nearly_valid | values, max_size=4), bookkeeping, st.sampled_from(POLICIES))
def test_any_events_with_any_bookkeeping(
    pipeline: Pipeline, events: list[Any], bookkeeping: dict[str, Any], policy: str
) -> None:
    for plaintext in (bookkeeping | {"events": events}, events):
        batch = run(pipeline, json.dumps(plaintext).encode(), policy)
        if batch is not None:
            check(batch, policy)


@given(st.lists(nearly_valid, min_size=1, max_size=4), st.sampled_from(POLICIES), st.booleans())
def test_any_change_of_a_valid_event(
    pipeline: Pipeline, events: list[Any], policy: str, positioned: bool
) -> None:
    plaintext = {"events": events} | ({"stream": "log"} if positioned else {})
    batch = run(pipeline, json.dumps(plaintext).encode(), policy)
    assert batch is not None
    check(batch, policy)


numbers = (
    st.integers(-(2**70), 2**70) | st.integers(-5, 1000) | st.floats(allow_nan=False, allow_infinity=False)
)
plain_requests = st.fixed_dictionaries(
    {
        "url": st.text(max_size=20),
        "ip": st.none() | st.ip_addresses().map(str),
        "useragent": st.none() | st.text(),
    },
    optional={
        "kind": st.none() | st.just("request"),
        "ts": st.none() | numbers | st.integers(600_000_000, 1_795_342_200) | st.just("2026-11-22T10:00:00Z"),
        "status": st.none() | numbers | st.sampled_from([0, 200, 200.0, 999, 1000, -0.0]),
        "duration_ms": st.none() | numbers | st.sampled_from([0, 0.5, 2_592_000_000, 2_592_000_001]),
        "bytes": st.none() | numbers | st.sampled_from([1e3, 10**12]),
        "offset": st.none() | numbers | st.sampled_from([1e3, 2**62, 2**62 + 1]),
        "host": st.none() | st.text(max_size=20),
        "method": st.none() | st.sampled_from(["GET", "x" * 1025]),
        "referrer": st.none() | st.sampled_from(["https://a.example/b", "-"]),
    },
)


@given(st.lists(plain_requests, min_size=1, max_size=3), st.booleans())
@example([{"url": "/", "ip": None, "useragent": None, "offset": 5}], False)
@example([{"url": "/", "ip": None, "useragent": None, "offset": 5}], True)
@example([{"url": "/", "ip": None, "useragent": None, "ts": 1_795_399_999}], False)
@example([{"url": "/", "ip": None, "useragent": None, "bytes": 5e2, "duration_ms": 3}], False)
def test_what_is_read_at_once_is_what_its_json_values_would_make(
    pipeline: Pipeline, events: list[dict[str, Any]], positioned: bool
) -> None:
    service = Service(7, "shop", (), Calendar([(-math.inf, "Europe/Vienna")]), "none", 14, 100_000)
    message = decode(
        json.dumps({"events": events} | ({"stream": "log"} if positioned else {})).encode(), NOW_MS
    )
    as_json = msgspec.structs.replace(message, events=message.as_sent(), plaintext=None)
    batches = [pipeline.run(one, service, NOW_MS, lambda day: b"salt") for one in (message, as_json)]
    assert batches[0] == batches[1]


@given(nearly_valid, st.data())
def test_any_byte_of_a_valid_plaintext_changed(
    pipeline: Pipeline, event: dict[str, Any], data: st.DataObject
) -> None:
    plaintext = bytearray(json.dumps([event]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        plaintext[data.draw(st.integers(0, len(plaintext) - 1))] = data.draw(st.integers(0, 255))
    batch = run(pipeline, bytes(plaintext))
    if batch is not None:
        check(batch)


@pytest.mark.parametrize("depth", [100, 500, 900, 980, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_any_depth(pipeline: Pipeline, depth: int, opening: bytes, closing: bytes) -> None:
    deep = opening * depth + b"1" + closing * depth
    for plaintext in (
        deep,
        b'{"events":[' + deep + b'],"source":"x"}',
        b'{"url":"/","ip":null,"useragent":null,"x":' + deep + b"}",
    ):
        batch = run(pipeline, plaintext)
        if batch is not None:
            check(batch)


@given(st.text(max_size=300))
def test_any_text_as_a_user_agent(text: str) -> None:
    assert read(text).useragent == text


LIKE_A_USER_AGENT = """Mozilla/5.0 ( ) ; , Windows NT 10.0 Android 13 iPhone iPad Mac OS X Linux X11 Mobile Tablet
Safari/604.1 Version/ Chrome/1.2.3.4 ² ٣ SM-A326U Build/ wv bot +http://x.y compatible MSIE Trident/7.0 rv:11.0 like
Gecko Opera Mini Silk Kindle CrOS Tizen TV"""
parts = st.text(max_size=3) | st.sampled_from(LIKE_A_USER_AGENT.split())


@given(st.lists(parts, max_size=30).map(" ".join))
def test_anything_like_a_user_agent(text: str) -> None:
    agent = read(text)
    assert agent.device in ("phone", "tablet", "desktop", "bot", "other")


@given(st.text(max_size=300))
def test_any_text_as_a_host(text: str) -> None:
    assert len(site_of(text)) <= 253
