# SPDX-License-Identifier: GPL-3.0-or-later
"""Each format's example, as an event, and what is particular to some of them."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from tmon.agents.logs.formats import NAMES, Event, Unparsed, detect, named

TS = 1_760_097_336
SHOP: dict[str, Any] = {
    "url": "/shop?page=2",
    "ip": "192.0.2.7",
    "ts": TS,
    "status": 200,
    "method": "GET",
    "useragent": "curl/8.5.0",
}
SITE = SHOP | {"host": "www.example.com"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"

EXAMPLES: dict[str, dict[str, Any]] = {
    "alb": SITE | {"src_port": 2817, "duration_ms": 43.0, "bytes": 366, "ts": TS + 0.186641},
    "caddy": SHOP
    | {"host": "example.com", "src_port": 51234, "bytes": 2326, "duration_ms": 12.5, "ts": TS + 0.25},
    "cloudflare": SITE | {"bytes": 2326, "ts": TS + 0.25},
    "cloudfront": SITE
    | {
        "useragent": "Mozilla/5.0 (X11; Linux x86_64)",
        "referrer": "https://example.com/",
        "bytes": 2326,
        "duration_ms": 12.0,
        "src_port": 51234,
    },
    "combined": SHOP
    | {"username": "mira", "bytes": 2326, "referrer": "https://example.com/", "useragent": FIREFOX},
    "combined-forwarded": SHOP
    | {"ip": "10.0.0.9", "forwarded_for": "192.0.2.7", "bytes": 2326, "referrer": "https://example.com/"},
    "combined-vhost": SITE | {"bytes": 2326, "referrer": "https://example.com/"},
    "common": SHOP | {"username": "mira", "bytes": 2326, "useragent": None},
    "elb": SITE | {"src_port": 2817, "duration_ms": 1.178, "bytes": 29, "ts": TS + 0.945958},
    "envoy": SITE | {"forwarded_for": "192.0.2.7", "duration_ms": 226.0, "bytes": 154, "ts": TS + 0.31},
    "haproxy": SHOP | {"src_port": 51234, "duration_ms": 109.0, "bytes": 2750, "ts": TS + 7200 + 0.655},
    "json-lines": SHOP | {"bytes": 2326, "duration_ms": 12.0},
    "oc4d": {
        "url": "/modules/harbour/index.html",
        "ip": "192.0.2.7",
        "ts": TS + 0.202,
        "status": 200,
        "method": "GET",
        "useragent": None,
    },
    "ovh": SITE | {"bytes": 2326},
    "proxy-manager": SITE | {"bytes": 2326, "referrer": "https://example.com/"},
    "s3": SHOP
    | {
        "url": "/harbour.jpg",
        "host": "pictures.example.com",
        "bytes": 2662992,
        "duration_ms": 70.0,
        "referrer": "https://example.com/",
    },
    "squid": SITE | {"useragent": None, "bytes": 2326, "duration_ms": 12.0, "ts": TS + 0.25},
    "traefik": SHOP | {"bytes": 2326, "duration_ms": 12.0},
    "traefik-json": SHOP
    | {"host": "example.com", "src_port": 51234, "bytes": 2326, "duration_ms": 12.5, "ts": TS + 0.25},
    "w3c": SHOP
    | {"dst_ip": "10.0.0.1", "dst_port": 443, "referrer": "https://example.com/", "duration_ms": 12.0},
    "zoraxy": SITE | {"ts": TS + 0.150624},
}


def read(name: str, *lines: str) -> list[Event]:
    parser = named(name).parser()
    return [event for event in (parser.parse(line.encode()) for line in lines) if event is not None]


def reason(name: str, *lines: str) -> str:
    with pytest.raises(Unparsed) as raised:
        read(name, *lines)
    return raised.value.reason


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says(name: str) -> None:
    (event,) = read(name, *named(name).example.split("\n"))

    assert event.pop("ts") == pytest.approx(EXAMPLES[name]["ts"], abs=1e-6)
    assert event == {field: value for field, value in EXAMPLES[name].items() if field != "ts"}


PREFIXES = [
    "Oct 10 13:55:36 web-1 nginx: ",
    "Oct  1 13:55:36 web-1 haproxy[4711]: ",
    "<134>Oct 10 13:55:36 web-1 nginx[7]: ",
    "2025-10-10T13:55:36.123456+02:00 web-1 nginx[7]: ",
    "2025-10-10T13:55:36+0200 cdn oc4d[2369]: ",
    '<165>1 2025-10-10T11:55:36.003Z web-1 nginx 4711 - [sd@1 a="b\\]"] ',
    "<165>1 2025-10-10T11:55:36.003Z web-1 nginx - - - \ufeff",
    "2025-10-10T11:55:36.493035218Z stdout F ",
    "caddy  | ",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", ["combined", "haproxy", "oc4d", "caddy"])
def test_a_line_may_be_wrapped(prefix: str, name: str) -> None:
    line = prefix + named(name).example

    assert read(f"wrapped+{name}", line) == read(name, named(name).example)
    assert detect([line.encode()] * 3).name == f"wrapped+{name}"


def test_a_journal_with_other_programs_lines_is_detected() -> None:
    line = "Oct 10 13:55:36 cdn oc4d[2369]: " + named("oc4d").example
    other = "Oct 10 13:55:36 cdn systemd[1]: Started something."

    assert detect([other.encode()] * 15 + [line.encode()]).name == "wrapped+oc4d"


def test_times_without_a_zone_are_of_the_one_that_is_said() -> None:
    event = named("haproxy").parser(timezone(timedelta(hours=2))).parse(named("haproxy").example.encode())

    assert event is not None
    assert event["ts"] == pytest.approx(TS + 0.655)


def test_columns_may_change_in_the_middle_of_a_file() -> None:
    events = read(
        "w3c",
        "#Version: 1.0",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status",
        "2025-10-10 11:55:36 192.0.2.7 GET /a 200",
        "#Fields: time c-ip cs-uri-stem cs(User-Agent)",
        "#Date: 2025-10-11 00:00:00",
        "11:55:36 2001:db8::7 /b Mozilla/5.0+(X11)",
    )

    assert events == [
        {"ts": TS, "ip": "192.0.2.7", "method": "GET", "url": "/a", "status": 200, "useragent": None},
        {"ts": TS + 86_400, "ip": "2001:db8::7", "url": "/b", "useragent": "Mozilla/5.0 (X11)"},
    ]


def test_columns_without_their_names_are_of_another_format() -> None:
    assert reason("w3c", "2025-10-10 11:55:36 192.0.2.7 GET /a 200") == "other format"


def test_seconds_of_w3c_have_a_point_and_milliseconds_of_iis_none() -> None:
    took = [
        event["duration_ms"]
        for event in read(
            "w3c",
            "#Fields: date time cs-uri-stem time-taken",
            "2025-10-10 11:55:36 /a 12",
            "2025-10-10 11:55:36 /a 0.012",
        )
    ]

    assert took == [12.0, 12.0]


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        (
            "alb",
            'http 2025-10-10T11:55:36Z a 192.0.2.7:1 - -1 -1 -1 400 - 0 0 "- - - " "-" - - -',
            "no request",
        ),
        ("haproxy", "192.0.2.7:1 [10/Oct/2025:13:55:36.655] in/1: SSL handshake failure", "TLS handshake"),
        ("haproxy", "192.0.2.7:1 [10/Oct/2025:13:55:36.655] in/1: Connection closed", "no request"),
        (
            "haproxy",
            '192.0.2.7:1 [10/Oct/2025:13:55:36.655] in in/<NOSRV> -1/-1/-1/-1/0 400 0 - - CR-- 1/1/0/0/0 0/0 "<BAD>"',
            "not HTTP",
        ),
        (
            "squid",
            "1760097336.250 5 192.0.2.7 NONE/400 0 GET error:invalid-request - HIER_NONE/- -",
            "no request",
        ),
        ("caddy", '{"level":"info","ts":1760097336,"msg":"serving"}', "other format"),
        ("json-lines", '{"url":"/","time":"yesterday"}', "bad time"),
        ("json-lines", '{"url":"/","time":NaN}', "bad time"),
        ("json-lines", "[1]", "other format"),
        ("json-lines", "[" * 50_000, "other format"),
        ("json-lines", '{"a":' * 10_000, "other format"),
    ],
)
def test_lines_that_are_no_event_have_a_reason(name: str, line: str, expected: str) -> None:
    assert reason(name, line) == expected


def test_what_json_escapes_is_no_lone_surrogate_and_no_nul() -> None:
    (event,) = read("json-lines", '{"url":"/\\ud800\\u0000","time":1760097336,"user_agent":["a","b"]}')

    assert event == {"url": "/\ufffd\ufffd", "ts": TS, "useragent": "a", "ip": None}
