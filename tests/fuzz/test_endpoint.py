# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is sent to /data/collect, a running server answers in its own JSON, stays well, and counts what was good.

Nothing here may be answered with 5xx: no store is away, and one request at a time is no load.
"""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.endpoint import (
    EVENT,
    FORM,
    PATH,
    RAW,
    SESSION,
    Endpoint,
    form,
    fuzzed,
)
from tests.integration.server_process import WebService

from tmon.client_api import envelope
from tmon.client_api.envelope import Codec

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("aftermath")]


# --- anything at all


# Each one that does not open waits for a look at the accounts, of which there are at most five a second.
@settings(parent=fuzzed, max_examples=40)
@given(st.data(), st.sampled_from(Codec))
def test_an_envelope_with_bytes_changed_added_or_missing(
    endpoint: Endpoint, data: st.DataObject, codec: Codec
) -> None:
    good = endpoint.shop.seal(EVENT, codec)
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1)) if changed else 0
        match data.draw(st.sampled_from(["flip", "cut", "insert", "append"])):
            case "flip" if changed:
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[at:]
            case "insert":
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=20))
            case _:
                changed += data.draw(st.binary(min_size=1, max_size=20))
    content = endpoint.raw(bytes(changed))
    assert content["status_code"] != 200 or bytes(changed) == good


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes_as_an_envelope(endpoint: Endpoint, body: bytes) -> None:
    assert endpoint.raw(body)["status_code"] in (400, 403, 429)


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes_as_a_form(endpoint: Endpoint, body: bytes) -> None:
    assert endpoint.form(body)["status_code"] == 400


LIKE_A_FORM = st.sampled_from(["data", "wsid", "=", "&", "+", "%", "%2", "%00", "%zz", "AQ==", "1", ";", "?"])


@fuzzed
@given(st.lists(LIKE_A_FORM | st.text(max_size=3), max_size=20).map("".join))
def test_anything_like_a_form(endpoint: Endpoint, body: str) -> None:
    assert endpoint.form(body.encode("utf-8", "replace"))["status_code"] in (400, 403, 429)


@fuzzed
@given(st.binary(max_size=300), st.sampled_from(Codec))
def test_any_bytes_as_a_payload(endpoint: Endpoint, payload: bytes, codec: Codec) -> None:
    assert endpoint.payload(payload, codec, (400,))["status_code"] == 400


@fuzzed
@given(st.binary(max_size=300), st.sampled_from(Codec))
def test_any_bytes_as_a_plaintext(endpoint: Endpoint, plaintext: bytes, codec: Codec) -> None:
    assert endpoint.plaintext(plaintext, (400,), codec)["status_code"] == 400


FIELDS = [
    *("kind", "ts", "url", "ip", "useragent", "username", "method", "status", "duration_ms", "bytes"),
    *("referrer", "host", "server", "location", "src_port", "dst_ip", "dst_port"),
    *("session", "subject", "object", "state", "duration_s", "offset", "country", "utm_source", "visitor"),
    *("seq", "received", "note", "", "a.b", 'a"b', "$", "x" * 64, "x" * 65, "truncated", "__proto__", "'--"),
]
BOOKKEEPING = ["source", "run", "seq", "sent_at", "sent", "lost", "close", "stream"]
# JSON as it is written: Python would not write some of these.
TOKENS = [
    *(
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "7.0",
        "-0.0",
        "1e-400",
        "1.5",
        "1e308",
        "-1e308",
        "1e999",
        "-1e999",
    ),
    *(str(2**31), str(2**53 + 1), str(2**62 + 1), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(2**64)),
    *(
        "1" + "0" * 400,
        "-1" + "0" * 400,
        "0." + "1" * 400,
        "1e" + "9" * 30,
        "007",
        "+7",
        "0x7",
        "1_0",
        ".5",
        "5.",
    ),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "undefined",
        "'x'",
        "",
        "[]",
        "{}",
        "[1]",
        '{"a":1}',
        "[[[[]]]]",
    ),
    *(
        '""',
        '"x"',
        '"\\u0000"',
        '"a\\u0000b"',
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\uFFFF"',
    ),
    *(
        '"\\u001b[31m"',
        '"\\u202e"',
        '"\\ufeff"',
        '"\x07"',
        '"\\x00"',
        '"\\',
        '"' + "é" * 1025 + '"',
        "\x00",
        "\ufeff1",
    ),
    *('"192.0.2.1"', '"::1"', '"fe80::1%eth0"', '"::ffff:192.0.2.1"', '"1.2.3"', '"0x7f.1"', '"1.2.3.4.5"'),
    *('"request"', '"session"', '"start"', '"<script>"', '"\' OR 1=1 --"', '"%s%n"', '"../../etc/passwd"'),
    *('"2026-01-01T00:00:00Z"', '"2026-01-01"', '"2026-01-01T00:00:00+23:59"', '"2026-01-01T00:00:00+24:00"'),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59.999999-14:00"', '"2026-W01-1T00Z"', '"now"'),
    *(
        '"2026-06-30T23:59:60Z"',
        '"2026-01-01T00:00:00.123456789Z"',
        '"-2026-01-01T00:00:00Z"',
        '"20260101T00Z"',
    ),
    *("631151999.999", "631152000", "-1", "1e15", "1e18", "4102444800", "253402300800", "1795341600250"),
    *(
        '"/?utm_source=%00%ff%&utm_medium=' + "x" * 2000 + '"',
        '"https://user:pass@[::1"',
        '"//"',
        '"javascript:x"',
    ),
]
tokens = st.sampled_from(TOKENS)
names = st.sampled_from(FIELDS) | st.text(max_size=70)


def written(fields: list[tuple[str, str]]) -> str:
    """A JSON object of names and JSON texts; a name may come twice."""
    return "{" + ",".join(f"{json.dumps(name)}:{token}" for name, token in fields) + "}"


def fields_of(event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value)) for name, value in event.items()]


events = st.builds(
    lambda event, changes: written([*fields_of(event), *changes]),
    st.sampled_from([EVENT, SESSION, {}]),
    st.lists(st.tuples(names, tokens), max_size=4),
)
bookkeeping = st.lists(st.tuples(st.sampled_from(BOOKKEEPING), tokens), max_size=5)


@fuzzed
@given(st.lists(events, min_size=1, max_size=4), bookkeeping | st.none())
def test_anything_like_events_with_anything_like_bookkeeping(
    endpoint: Endpoint, some: list[str], head: list[tuple[str, str]] | None
) -> None:
    text = "[" + ",".join(some) + "]"
    content = endpoint.plaintext(
        (text if head is None else written([*head, ("events", text)])).encode("utf-8", "surrogatepass"),
        (200, 400),
    )
    decided = content["accepted"] + content.get("repeated", 0) + content["rejected_count"]
    assert decided in (len(some), 0)
    assert content["status_code"] == 400 or decided == len(some)


# --- plaintexts that somebody thought of


def depth(opening: str, closing: str, levels: int) -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


def with_extra(text: str) -> bytes:
    return written([*fields_of(EVENT), ("note", text)]).encode()


PLAINTEXTS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "nothing": (b"", (400,)),
    "white space": (b" \n\t\r ", (400,)),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(EVENT).encode(), (400,)),
    "UTF-16": (json.dumps(EVENT).encode("utf-16"), (400,)),
    "Latin-1": (b'{"url":"/\xe9","ip":null,"useragent":null}', (400,)),
    "an encoded surrogate": (b'{"url":"/\xed\xa0\x80","ip":null,"useragent":null}', (400,)),
    "an overlong slash": (b'{"url":"\xc0\xaf","ip":null,"useragent":null}', (400,)),
    "a NUL": (b'{"url":"/\x00","ip":null,"useragent":null}', (400,)),
    "an escaped NUL": (with_extra('"\\u0000"'), (200,)),
    "a lone surrogate": (with_extra('"\\ud800"'), (400,)),
    "a lone surrogate as a name": (b'{"url":"/","ip":null,"useragent":null,"\\udfff":1}', (400,)),
    "a control character": (with_extra('"\x1b"'), (400,)),
    "an escaped control character": (with_extra('"\\u001b"'), (200,)),
    "NaN": (with_extra("NaN"), (400,)),
    "Infinity": (with_extra("Infinity"), (400,)),
    "minus Infinity": (with_extra("-Infinity"), (400,)),
    "1e999": (with_extra("1e999"), (400,)),
    "10^400": (with_extra("1" + "0" * 400), (400,)),
    "minus zero": (with_extra("-0.0"), (200,)),
    "2^63": (with_extra(str(2**63)), (200,)),
    "2^64": (with_extra(str(2**64)), (200,)),
    "a million digits": (with_extra("7" * 1_000_000), (400,)),
    "a million decimals": (with_extra("0." + "7" * 1_000_000), (200, 400)),
    "a number that is cut": (b"[1e", (400,)),
    "a string that is cut": (b'{"url":"', (400,)),
    "an escape that is cut": (b'{"url":"\\u00', (400,)),
    "a comment": (b"[/* */]", (400,)),
    "two documents": (b"{}{}", (400,)),
    "a comma too many": (b'{"url":"/","ip":null,"useragent":null,}', (400,)),
    "a string": (b'"x"', (400,)),
    "a number": (b"7", (400,)),
    "null": (b"null", (400,)),
    "true": (b"true", (400,)),
    "an empty object": (b"{}", (400,)),
    "an empty list": (b"[]", (400,)),
    "lists in a list": (b"[[],[[]],[{}]]", (400,)),
    "events that are a number": (b'{"events":7}', (400,)),
    "events that are an object": (b'{"events":{}}', (400,)),
    "events that are null": (b'{"events":null}', (400,)),
    "no events and no bookkeeping": (b'{"events":[]}', (200,)),
    "a name twice": (b'{"url":"/a","url":"/b","ip":null,"useragent":null,"ip":null}', (200,)),
    "a hundred lists deep": (depth("[", "]", 100), (400,)),
    "a thousand lists deep": (depth("[", "]", 1_000), (400,)),
    "a hundred thousand lists deep": (depth("[", "]", 100_000), (400, 413)),
    "a million objects deep": (depth('{"a":', "}", 1_000_000), (400, 413)),
    "a million lists that nobody closes": (b"[" * 1_000_000, (400, 413)),
    "an event with something deep": (with_extra(depth("[", "]", 900).decode()), (400,)),
    "bookkeeping with something deep": (
        b'{"source":' + depth("[", "]", 900) + b',"events":[' + json.dumps(EVENT).encode() + b"]}",
        (400,),
    ),
    "eight million bytes of empty lists": (b"[" + b"[]," * 2_600_000 + b"[]]", (413,)),
    "eight million bytes of numbers": (b"[" + b"1," * 3_900_000 + b"1]", (413,)),
    "a long url": (json.dumps({**EVENT, "url": "/" + "x" * 4_000_000}).encode(), (200,)),
    "a long user agent": (json.dumps({**EVENT, "useragent": "Mozilla (" * 400_000}).encode(), (200,)),
    "a hostile user agent": (json.dumps({**EVENT, "useragent": "(;/ " * 256}).encode(), (200,)),
    "a long address": (json.dumps({**EVENT, "ip": "1" * 1_000_000}).encode(), (200,)),
    "a long name": (json.dumps({**EVENT, "x" * 1_000_000: 1}).encode(), (400,)),
    "32 extra fields": (json.dumps({**EVENT, **{f"x{n}": n for n in range(32)}}).encode(), (200,)),
    "33 extra fields": (json.dumps({**EVENT, **{f"x{n}": n for n in range(33)}}).encode(), (400,)),
    "50,000 extra fields": (json.dumps({**EVENT, **{f"x{n}": n for n in range(50_000)}}).encode(), (400,)),
    "10,000 events": (json.dumps([EVENT] * 10_000).encode(), (200,)),
    "10,001 events": (json.dumps([EVENT] * 10_001).encode(), (413,)),
    "10,001 numbers": (json.dumps([7] * 10_001).encode(), (413,)),
    "10,001 events with bookkeeping": (json.dumps({"source": "x", "events": [EVENT] * 10_001}).encode(), (413,)),
    "10,000 events, none of them valid": (json.dumps([{"url": 7}] * 10_000).encode(), (400,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAINTEXTS)
@pytest.mark.parametrize("codec", Codec)
def test_a_hostile_plaintext(endpoint: Endpoint, name: str, codec: Codec) -> None:
    plaintext, expected = PLAINTEXTS[name]
    content = endpoint.plaintext(plaintext, expected, codec)
    if content["status_code"] != 413:
        assert len(content["rejected"]) == min(content["rejected_count"], 100)


def test_every_field_with_every_wrong_value(endpoint: Endpoint) -> None:
    values: list[Any] = [
        None,
        True,
        False,
        0,
        1,
        -1,
        1.5,
        -0.0,
        1e308,
        -1e308,
        2**53,
        2**63,
        2**64,
        -(2**64),
        10**300,
    ]
    values += ["", "x", "7", "\0", "é" * 3_000, "\ud7ff\uffff", [], [1], {}, {"a": {"b": []}}, [[[]]]]  # fmt: skip
    for event in (EVENT, SESSION):
        document = [{**event, name: value} for name in FIELDS for value in values]
        content = endpoint.plaintext(document, (200,))
        assert content["accepted"] + content["rejected_count"] == len(document)
        assert content["accepted"] > 100
        for rejected in content["rejected"]:
            assert rejected["index"] < len(document)
            assert 0 < len(rejected["error"]) < 300


@pytest.mark.parametrize("name", BOOKKEEPING)
def test_bookkeeping_of_a_wrong_type_refuses_the_envelope(endpoint: Endpoint, name: str) -> None:
    wrong: list[Any] = [[], {"a": "b"}, [1], {"x": -1}, {"x": 1.5}, 10**300, -(10**300), -1.5]
    wrong += ["x"] if name not in ("source", "run", "stream") else [7, True]
    for value in wrong:
        content = endpoint.plaintext({name: value, "events": [EVENT, 7]}, (400,))
        assert (content["accepted"], content["rejected_count"]) == (0, 2), value


TIMES = {
    631_152_000: 200,
    631_151_999.9: 400,
    -1: 400,
    0: 400,
    -(10**300): 400,
    10**300: 400,
    1e308: 400,
    2**63: 400,
    1_795_341_600_250: 400,
    "2015-05-17T10:05:03Z": 200,
    "2015-05-17T10:05:03+14:00": 200,
    "2015-05-17T10:05:03+23:59": 200,
    "2015-05-17T10:05:03-00:00": 200,
    "2015-05-17T10:05:03.5+05:45": 200,
    "2015-05-17T10:05:03+24:00": 400,
    "2015-05-17T10:05:03": 400,
    "2015-05-17": 400,
    "0001-01-01T00:00:00+14:00": 400,
    "0001-01-01T00:00:00-14:00": 400,
    "9999-12-31T23:59:59+14:00": 400,
    "9999-12-31T23:59:59-14:00": 400,
    "2015-02-30T00:00:00Z": 400,
    "2015-05-17T25:00:00Z": 400,
    "x" * 5_000: 400,
    "": 400,
}


@pytest.mark.parametrize("ts", TIMES, ids=lambda ts: str(ts)[:40])
def test_an_absurd_time_rejects_its_event_only(endpoint: Endpoint, ts: float | str) -> None:
    assert endpoint.plaintext({**EVENT, "ts": ts}, (TIMES[ts],))["accepted"] == (TIMES[ts] == 200)
    assert endpoint.plaintext([EVENT, {**EVENT, "ts": ts}], (200,))["accepted"] == 1 + (TIMES[ts] == 200)


@pytest.mark.parametrize(
    ("sent_at", "status"),
    [
        (-1, 400),
        (0, 400),
        (10**300, 400),
        (1e308, 400),
        (-1e308, 400),
        (2**64, 400),
        (True, 400),
        ("now", 400),
    ],
)
def test_an_absurd_time_of_sealing_refuses_the_envelope(
    endpoint: Endpoint, sent_at: Any, status: int
) -> None:
    endpoint.plaintext({"sent_at": sent_at, "events": [EVENT]}, (status,))


# --- web services, fields, types

MALFORMED = [
    *("", "0", "007", "07", "+7", "-1", "7.0", "7e0", "0x7", "1_0", " 7", "7 ", "7\n", "7\0", "\uff17", "\u0667"),
    *("\u00b2", "VII", "x", "null", "7,7", "7;7", "7/", "/7", "18446744073709551616", "9" * 20, "1" * 100_000),
]  # fmt: skip
UNKNOWN = ["2", "999999", str(2**31), str(2**53), str(2**63 - 1), str(2**63), "9" * 19]


@pytest.mark.parametrize("wsid", MALFORMED, ids=lambda wsid: ascii(wsid)[:30])
def test_a_malformed_wsid(endpoint: Endpoint, wsid: str) -> None:
    sealed = endpoint.shop.seal(EVENT)
    body = urlencode({"wsid": wsid, "data": envelope.to_data(sealed)}).encode()
    assert endpoint.form(body, (400,))["status_code"] == 400
    if len(wsid) < 1_000:
        target = f"{PATH}/{quote(wsid, safe='')}"
        assert endpoint.post(target, sealed, (400,), Content_Type=RAW)["status_code"] == 400


@pytest.mark.parametrize("wsid", UNKNOWN)
def test_an_unknown_web_service_is_answered_like_a_wrong_key(endpoint: Endpoint, wsid: str) -> None:
    stranger = WebService(int(wsid), os.urandom(32), "")
    sealed = stranger.seal(EVENT)
    contents = [
        endpoint.post(f"{PATH}/{wsid}", sealed, (403, 429), Content_Type=RAW),
        endpoint.form(form(stranger), (403, 429)),
        endpoint.raw(WebService(endpoint.shop.wsid, os.urandom(32), "").seal(EVENT), (403, 429)),
    ]
    said = {content["message"] for content in contents if content["status_code"] == 403}
    assert len(said) <= 1


def test_fields_that_are_missing_empty_or_there_twice(endpoint: Endpoint) -> None:
    good = form(endpoint.shop).decode()
    wsid, data = good.split("&")
    for body in (
        *("", "&", "=", "&&=&", wsid, data, f"{wsid}&data=", f"{wsid}&data", f"wsid=&{data}", f"WSID=1&{data}"),
        *(f"{wsid}&{wsid}&{data}", f"{wsid}&{data}&{data}", f"{wsid}&{data}&data=", f"{wsid}&wsid%5b%5d=1"),
        *(f"{wsid}&data=%", f"{wsid}&data=%2", f"{wsid}&data=%zz", f"{wsid}&data=AQ", f"{wsid}&data=AQ=%3D%3D"),
        *(f"{good}%0A", f"{good}%20", f"{wsid}&data=%00", f"{wsid}; {data}", f"{wsid}&data={'A' * 1_000_001}"),
        "&".join([*(f"x{n}=" for n in range(100_000)), good]),
    ):  # fmt: skip
        assert endpoint.form(body.encode(), (400,))["status_code"] == 400
    assert endpoint.form(f"{data}&{wsid}&more=1".encode(), (200,))["accepted"] == 1


def test_a_form_in_which_everything_is_escaped(endpoint: Endpoint) -> None:
    for document in (EVENT, [{**EVENT, "note": "x" * 1_000}] * 500):
        wsid, data = str(endpoint.shop.wsid), envelope.to_data(endpoint.shop.seal(document, Codec.PLAIN))
        escaped = ["".join(f"%{byte:02x}" for byte in text.encode()) for text in ("wsid", wsid, "data", data)]
        assert endpoint.form("{}={}&{}={}".format(*escaped).encode(), (200,))["accepted"] > 0


def multipart(service: WebService) -> bytes:
    parts = {"wsid": str(service.wsid), "data": envelope.to_data(service.seal(EVENT))}
    lines = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    ]
    return ("".join(lines) + "--x--\r\n").encode()


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "",
            "text/plain",
            "application/json",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "*/*",
        ),
        *(
            "application",
            "/",
            ";",
            "application/x-www-form-urlencodedx",
            "x" * 5_000,
            "application/octet-stream",
        ),
    ],
)
def test_a_form_under_another_content_type(endpoint: Endpoint, content_type: str) -> None:
    for body in (form(endpoint.shop), multipart(endpoint.shop)):
        assert endpoint.post(PATH, body, (400,), Content_Type=content_type)["status_code"] == 400


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/octet-streams", FORM, "multipart/mixed"]
)
def test_an_envelope_under_another_content_type(endpoint: Endpoint, content_type: str) -> None:
    assert endpoint.raw(endpoint.shop.seal(EVENT), (400,), Content_Type=content_type)["status_code"] == 400


@pytest.mark.parametrize("content_type", ["Application/X-WWW-Form-UrlEncoded; charset=UTF-8", f" {FORM} ;x"])
def test_a_form_under_its_content_type_written_otherwise(endpoint: Endpoint, content_type: str) -> None:
    assert endpoint.post(PATH, form(endpoint.shop), (200,), Content_Type=content_type)["accepted"] == 1
