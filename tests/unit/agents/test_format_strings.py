# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers' own format strings: what they say is what lines of theirs are read by."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.agents.logs.formats import Event, Unknown, Unparsed, custom

TS = 1_760_097_336


def read(string: str, line: str) -> Event:
    event = custom(string).parser().parse(line.encode())
    assert event is not None
    return event


def test_nginxs_own_string_is_read() -> None:
    string = (
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
        '"$http_user_agent" "$http_x_forwarded_for" rt=$request_time urt="$upstream_response_time" '
        "$server_name:$server_port"
    )
    line = (
        '10.0.0.9 - mira [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/2.0" 200 2326 "https://example.com/" '
        '"curl \\x22x\\x22" "192.0.2.7" rt=0.012 urt="0.004, 0.006" www.example.com:443'
    )

    assert read(string, line) == {
        "ip": "10.0.0.9",
        "username": "mira",
        "ts": TS,
        "method": "GET",
        "url": "/shop?page=2",
        "status": 200,
        "bytes": 2326,
        "referrer": "https://example.com/",
        "useragent": 'curl "x"',
        "forwarded_for": "192.0.2.7",
        "duration_ms": 12.0,
        "upstream_ms": 10.0,
        "host": "www.example.com",
        "dst_port": 443,
    }


@pytest.mark.parametrize(
    ("variable", "text", "ts"),
    [("$time_iso8601", "2025-10-10T13:55:36+02:00", TS), ("$msec", "1760097336.250", TS + 0.25)],
)
def test_nginxs_times(variable: str, text: str, ts: float) -> None:
    assert read(f'{variable} "$request"', f'{text} "GET / HTTP/1.1"')["ts"] == ts


def test_nginxs_json_is_read_by_its_keys() -> None:
    string = (
        'log_format shop escape=json \'{"at":$msec,"who":"$remote_addr","what":{"uri":"$request_uri",\'\n'
        '  \'"took":$request_time},"note":"${http_x_note}","code":$status}\';'
    )
    line = (
        '{"at":1760097336.250,"who":"192.0.2.7","what":{"uri":"/a\\u00e9","took":0.5},"note":"","code":204}'
    )

    assert read(string, line) == {
        "ts": TS + 0.25,
        "ip": "192.0.2.7",
        "url": "/aé",
        "duration_ms": 500.0,
        "status": 204,
        "useragent": None,
    }


def test_a_directive_is_read_as_it_stands_in_a_configuration() -> None:
    nginx = "log_format main '$remote_addr [$time_local] '\n    '\"$request\" $status';"
    apache = 'LogFormat "%h %t \\"%r\\" %>s" short'
    line = '192.0.2.7 [10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200'

    assert (
        read(nginx, line)
        == read(apache, line)
        == {
            "ip": "192.0.2.7",
            "ts": TS,
            "method": "GET",
            "url": "/",
            "status": 200,
            "useragent": None,
        }
    )


def test_apaches_own_string_is_read() -> None:
    string = (
        '%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %D "%{X-Forwarded-For}i" '
        "%{remote}p %A %{UNIQUE_ID}e"
    )
    line = (
        'www.example.com:443 192.0.2.7 - - [10/Oct/2025:13:55:36 +0200] "GET /\\xe9 HTTP/1.1" 200 2326 "-" '
        '"say \\"hi\\"" 12500 "-" 51234 10.0.0.1 aO8'
    )

    assert read(string, line) == {
        "host": "www.example.com",
        "dst_port": 443,
        "ip": "192.0.2.7",
        "ts": TS,
        "method": "GET",
        "url": "/\ufffd",
        "status": 200,
        "bytes": 2326,
        "useragent": 'say "hi"',
        "duration_ms": 12.5,
        "src_port": 51234,
        "dst_ip": "10.0.0.1",
    }


@pytest.mark.parametrize(
    ("directive", "text", "duration_ms"),
    [
        ("%D", "1500", 1.5),
        ("%T", "2", 2000.0),
        ("%{ms}T", "7", 7.0),
        ("%{us}T", "7", 0.007),
        ("%D", "-", None),
    ],
)
def test_apaches_durations(directive: str, text: str, duration_ms: float | None) -> None:
    event = read(f'%t "%r" {directive}', f'[10/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" {text}')

    assert event.get("duration_ms") == duration_ms


@pytest.mark.parametrize(
    ("directive", "text"),
    [
        ("%t", "[10/Oct/2025:13:55:36 +0200]"),
        ("[%{%d/%b/%Y:%T %z}t]", "[10/Oct/2025:13:55:36 +0200]"),
        ("%{begin:%Y-%m-%d %H:%M:%S}t", "2025-10-10 11:55:36"),
        ("%{%F}t %{%T}t", "2025-10-10 11:55:36"),
        ("[%{%B - %d, %Y:%T %z}t]", "[October - 10, 2025:13:55:36 +0200]"),
        ("%{%a %e %b %y %R:%S}t", "Fri 10 Oct 25 11:55:36"),
        ("%{sec}t", "1760097336"),
        ("%{%s}t", "1760097336"),
        ("%{msec}t", "1760097336000"),
        ("%{usec}t", "1760097336000000"),
    ],
)
def test_apaches_times(directive: str, text: str) -> None:
    assert read(f'{directive} "%r"', f'{text} "GET / HTTP/1.1"')["ts"] == TS


@pytest.mark.parametrize(
    ("string", "asked"),
    [
        ("%t %m %U%q|", "GET /shop?page=2|"),
        ("%t %m %U %q", "GET /shop ?page=2"),
        ("[$time_local] $request_method $uri$is_args$args $status", "GET /shop?page=2 200"),
        ("[$time_local] $request_method $uri ${args} $status", "GET /shop page=2 200"),
        (
            "[$time_local] $request_method $scheme://$host$request_uri $status",
            "GET https://a.example/shop?page=2 200",
        ),
    ],
)
def test_a_path_and_its_query_may_be_apart(string: str, asked: str) -> None:
    assert read(string, f"[10/Oct/2025:13:55:36 +0200] {asked}")["url"] == "/shop?page=2"


@pytest.mark.parametrize(
    ("string", "message"),
    [
        ("", "it has no variable"),
        ("%h %t", "does not say what was asked for"),
        ("$remote_addr $status", "does not say what was asked for"),
        ('%h "%r"', "does not say when"),
        (
            "$remote_addr$remote_user $request $time_local",
            r"\$remote_addr and \$remote_user have nothing between them",
        ),
        ('%Y "%r" %t', "%Y is no directive"),
        ('%{%Q}t "%r"', "%Q is not read in a time"),
        ('{"a": $request', "is none"),
        ('{"a": "$request"}', "does not say when"),
        ("$a " * 70, "it has 70 variables"),
        ("$" + "a" * 5_000, "at most 4096"),
        ("log_format main;", "no text in quotes"),
    ],
)
def test_a_string_that_cant_be_read_says_why(string: str, message: str) -> None:
    with pytest.raises(Unknown, match=message):
        custom(string)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello", "other format"),
        ("", "empty"),
        ('192.0.2.7 [10/Oct/2025:13:55:36 +0200] "-" 400', "no request"),
        ('192.0.2.7 [99/Oct/2025:13:55:36 +0200] "GET / HTTP/1.1" 200', "bad time"),
    ],
)
def test_lines_that_are_no_event_have_a_reason(line: str, reason: str) -> None:
    with pytest.raises(Unparsed) as raised:
        custom('%h %t "%r" %>s').parser().parse(line.encode())

    assert raised.value.reason == reason


@pytest.mark.parametrize(
    "string",
    [
        "[$time_local] $scheme://$host$request_uri $status",
        '$host:$server_port "$http_user_agent" $upstream_response_time [$time_local] "$request"',
        '%v:%p %h %{%d/%b/%Y}t %{%T}t "%r" "%{User-Agent}i" %D|%T',
    ],
)
@pytest.mark.parametrize("filler", ["a", '"', " ", "\\", ":", "[", "0", "/", "a:", '" ', "10/Oct/2025:"])
def test_the_longest_line_takes_no_longer_than_its_length_says(string: str, filler: str) -> None:
    parser = custom(string).parser()
    for start in ("", "www.example.com:443 ", "[10/Oct/2025:13:55:36 +0200] http://"):
        with suppress(Unparsed):
            parser.parse((start + filler * (60_000 // len(filler))).encode())


PIECES = st.sampled_from(
    [
        *("$request", "$time_local", "$status", "$a", "${b}", "%r", "%t", "%>s", "%{%d}t", "%h", "%{ms}T"),
        *('"', " ", "[", "]", "{", "}", ":", "%", "$", "\\", '{"a":', "%{", "|", "(", ".*"),
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=80), st.binary(max_size=200))
def test_any_string_is_read_or_refused_and_any_line_by_it(string: str, line: bytes) -> None:
    try:
        parser = custom(string).parser()
    except Unknown:
        return
    try:
        parser.parse(line)
    except Unparsed:
        return
