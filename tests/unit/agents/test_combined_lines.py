# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of the combined and the common format, well-formed, strange and hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.formats import Event, Unparsed, detect, named

START = b"192.0.2.7 - - [10/Oct/2025:13:55:36 +0200] "


def combined(line: bytes) -> Event:
    event = named("combined").parser().parse(line)
    assert event is not None
    return event


def reason(line: bytes) -> str:
    with pytest.raises(Unparsed) as raised:
        named("combined").parser().parse(line)
    return raised.value.reason


def test_a_combined_line_is_an_event() -> None:
    line = START + b'"GET /shop?page=2 HTTP/1.1" 200 2326 "https://example.com/" "curl/8.5.0"'

    assert combined(line) == {
        "url": "/shop?page=2",
        "ip": "192.0.2.7",
        "useragent": "curl/8.5.0",
        "ts": 1_760_097_336,
        "status": 200,
        "method": "GET",
        "bytes": 2326,
        "referrer": "https://example.com/",
    }


def test_a_dash_is_nothing_said_and_as_a_size_nothing_sent() -> None:
    assert combined(START + b'"GET / HTTP/1.1" 304 - "-" "-"') == {
        "url": "/",
        "ip": "192.0.2.7",
        "useragent": None,
        "ts": 1_760_097_336,
        "status": 304,
        "method": "GET",
        "bytes": 0,
    }


def test_a_common_line_among_combined_ones_is_an_event() -> None:
    assert combined(START + b'"GET / HTTP/1.1" 200 5')["useragent"] is None


def test_a_combined_line_is_of_another_format_than_common() -> None:
    with pytest.raises(Unparsed, match="other format"):
        named("common").parser().parse(START + b'"GET / HTTP/1.1" 200 5 "https://example.com/" "curl/8.5.0"')


@pytest.mark.parametrize(
    ("user", "username"),
    [(b"mira", "mira"), (b"mira m.", "mira m."), (b'""', None), (b"-", None), (b"mir\\xc3\\xa1", "mirá")],
)
def test_user_names_may_have_spaces_and_be_escaped(user: bytes, username: str | None) -> None:
    line = b"192.0.2.7 - " + user + b' [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 5 "-" "-"'

    assert combined(line).get("username") == username


@pytest.mark.parametrize(
    ("asked", "method", "url", "host"),
    [
        (b"GET http://Example.com:80/a?b=1 HTTP/1.1", "GET", "/a?b=1", "example.com"),
        (b"GET http://example.com HTTP/1.0", "GET", "/", "example.com"),
        (b"CONNECT example.com:443 HTTP/1.1", "CONNECT", "example.com:443", None),
        (b"OPTIONS * HTTP/1.0", "OPTIONS", "*", None),
        (b"GET /old", "GET", "/old", None),
        (b"GET /a b c HTTP/1.1", "GET", "/a b c", None),
        (b'GET /a\\"b HTTP/1.1', "GET", '/a"b', None),
        (b'GET /a"b" HTTP/1.1', "GET", '/a"b"', None),
        (b"GET /\\xc3\\xa9 HTTP/1.1", "GET", "/é", None),
        (b"GET /\xff HTTP/1.1", "GET", "/\ufffd", None),
        (b"GET /\x00 HTTP/1.1", "GET", "/\ufffd", None),
        (b"GET /\\x00 HTTP/1.1", "GET", "/\ufffd", None),
        (b"get / HTTP/1.1", "get", "/", None),
        (b"GET // HTTP/1.1", "GET", "//", None),
    ],
)
def test_strange_requests(asked: bytes, method: str, url: str, host: str | None) -> None:
    event = combined(START + b'"' + asked + b'" 200 5 "-" "-"')

    assert (event["method"], event["url"], event.get("host")) == (method, url, host)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "empty"),
        (b"  \r\n", "empty"),
        (START + b'"-" 408 - "-" "-"', "no request"),
        (START + b'"" 400 0 "-" "-"', "no request"),
        (START + b'"\\x16\\x03\\x01\\x02" 400 226 "-" "-"', "TLS handshake"),
        (START + b'"\x16\x03\x01 \x02" 400 226 "-" "-"', "TLS handshake"),
        (b"\x16\x03\x01\x00\xee", "TLS handshake"),
        (START + b'"Gh0st\\xAD\\x00" 400 226 "-" "-"', "not HTTP"),
        (START + b'"GET" 400 226 "-" "-"', "not HTTP"),
        (START + b'"GET example HTTP" 400 226 "-" "-"', "not HTTP"),
        (b'192.0.2.7 - - [31/Feb/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 5 "-" "-"', "bad time"),
        (b'192.0.2.7 - - [01/Okt/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 5 "-" "-"', "bad time"),
        (b'192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"', "bad time"),
        (b"x" * 65_537, "too long"),
        (b"\x00\x01\x02\x03", "binary"),
        (b"the server was started", "other format"),
        (START + b'"GET / HTTP/1.1" OK 5', "other format"),
    ],
)
def test_lines_that_are_no_event_have_a_reason(line: bytes, expected: str) -> None:
    assert reason(line) == expected


@pytest.mark.parametrize(
    ("client", "ip"),
    [
        (b"2001:DB8::7", "2001:db8::7"),
        (b"::ffff:192.0.2.7", "192.0.2.7"),
        (b"[2001:db8::7]:443", "2001:db8::7"),
        (b"192.0.2.7:51234", "192.0.2.7"),
        (b"fe80::1%eth0", "fe80::1"),
        (b"dialup-7.example.com", None),
        (b"-", None),
    ],
)
def test_a_client_is_an_address_or_unknown(client: bytes, ip: str | None) -> None:
    assert combined(client + b' - - [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200 5 "-" "-"')["ip"] == ip


@pytest.mark.parametrize(
    ("time", "ts"),
    [
        (b"10/Oct/2025:13:55:36 +0000", 1_760_104_536),
        (b"10/Oct/2025:13:55:36 -0330", 1_760_117_136),
        (b"10/Oct/2025:13:55:36.250 +0000", 1_760_104_536.25),
        (b"31/Dec/2016:23:59:60 +0000", 1_483_228_800),
        (b"29/Feb/2024:12:00:00 +0545", 1_709_187_300),
        (b"10/Oct/2025:13:55:36", 1_760_104_536),
    ],
)
def test_times(time: bytes, ts: float) -> None:
    assert combined(b"192.0.2.7 - - [" + time + b'] "GET / HTTP/1.1" 200 5 "-" "-"')["ts"] == ts


@pytest.mark.parametrize(
    ("useragent", "text"),
    [
        (b'\\"quoted\\" agent', '"quoted" agent'),
        (b'says "hello" to you', 'says "hello" to you'),
        (b"\xe9t\xe9", "\ufffdt\ufffd"),
        ("日本".encode(), "日本"),
        (b"ends in a backslash\\\\", "ends in a backslash\\"),
    ],
)
def test_user_agents(useragent: bytes, text: str) -> None:
    event = combined(START + b'"GET / HTTP/1.1" 200 5 "https://example.com/" "' + useragent + b'"')

    assert event["useragent"] == text
    assert event["referrer"] == "https://example.com/"


def test_a_line_that_ends_in_the_middle_of_its_user_agent_is_an_event() -> None:
    assert (
        combined(START + b'"GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11')["useragent"] == "Mozilla/5.0 (X11"
    )


def test_a_comment_is_no_event_and_no_error() -> None:
    assert named("combined").parser().parse(b"# rotated\n") is None


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), min_size=1
).filter(lambda text: text.strip("- ") == text and text != "-")
WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)


@given(
    WORD,
    st.sampled_from(["GET", "POST", "PURGE"]),
    st.integers(631_200_000, 4_000_000_000),
    st.integers(-14 * 60, 14 * 60),
    st.integers(100, 999),
    st.integers(0, 10**12),
    TEXT,
    TEXT,
)
def test_what_was_written_is_read(
    path: str, method: str, ts: int, minutes: int, status: int, size: int, referrer: str, useragent: str
) -> None:
    moment = datetime.fromtimestamp(ts, timezone(timedelta(minutes=minutes)))
    line = (
        f'2001:db8::7 - mira [{moment:%d/%b/%Y:%H:%M:%S %z}] "{method} /{path} HTTP/1.1" {status} {size} '
        f'"{referrer}" "{useragent}"\n'
    )

    assert combined(line.encode()) == {
        "url": f"/{path}",
        "ip": "2001:db8::7",
        "useragent": useragent,
        "ts": ts,
        "status": status,
        "method": method,
        "bytes": size,
        "referrer": referrer,
        "username": "mira",
    }
    assert datetime.fromtimestamp(ts, UTC).year >= 1990


def test_mixed_lines_are_detected_as_combined_and_bare_ones_as_common() -> None:
    bare = START + b'"GET / HTTP/1.1" 200 5\n'
    full = START + b'"GET / HTTP/1.1" 200 5 "-" "curl/8.5.0"\n'

    assert detect([bare, full]).name == "combined"
    assert detect([bare, bare]).name == "common"
