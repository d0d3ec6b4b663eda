# SPDX-License-Identifier: GPL-3.0-or-later
"""What was rejected can be read for a while by those who manage the web service, under its IP policy."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.server_process import ServerProcess, WebService

GOOD = {"url": "/", "ip": "203.0.113.77", "useragent": "curl/8.5.0"}
REJECTED: dict[str, tuple[Any, str]] = {
    # what is wrong: (the event, the reason by which it is counted)
    "no object": (["203.0.113.77"], "not an object"),
    "another kind": ({**GOOD, "kind": "trace"}, "kind invalid"),
    "a field missing": ({"url": "/", "ip": "203.0.113.77"}, "useragent missing"),
    "a field of the wrong type": ({**GOOD, "status": "fine"}, "status invalid"),
    "no address": ({**GOOD, "ip": 7}, "ip invalid"),
    "no address of a destination": ({**GOOD, "dst_ip": "next door"}, "dst_ip invalid"),
    "a name that the server owns": ({**GOOD, "country": "AT"}, "name owned by the server"),
    "a name of no length": ({**GOOD, "": 1}, "extra name invalid"),
    "too many extra fields": ({**GOOD, **{f"field {n}": n for n in range(33)}}, "too many extra fields"),
    "a nested extra field": ({**GOOD, "basket": {"items": 3}}, "extra value invalid"),
    "no time": ({**GOOD, "ts": "noon"}, "ts invalid"),
    "a time that is too early": ({**GOOD, "ts": 0}, "ts before 1990"),
    "a time that is to come": ({**GOOD, "ts": 4_000_000_000}, "ts ahead"),
    "a session without an object": (
        {"kind": "session", "session": "1", "subject": "ada", "state": "start"},
        "object missing",
    ),
    "a session without a state": (
        {"kind": "session", "session": "1", "subject": "ada", "object": "desk"},
        "state missing",
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("quarantine")) as process:
        yield process
    assert process.troubles == []


@pytest.fixture
def shop(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    """A web service of the test's own."""
    return server.webservice(request.node.name)


def rows(server: ServerProcess, service: WebService, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask(service, "quarantine", **parameters)["results"]
    return found


def test_every_kind_of_rejected_event_can_be_read(server: ServerProcess, shop: WebService) -> None:
    before = time.time()
    events = [GOOD, *(event for event, _ in REJECTED.values())]
    answer = server.collect(shop, shop.seal({"source": "web-1", "run": "a", "events": events}))
    assert (answer.status, answer.json()["accepted"], answer.json()["rejected_count"]) == (200, 1, 15)

    found = rows(server, shop)
    assert [row["reason"] for row in reversed(found)] == [reason for _, reason in REJECTED.values()]
    assert {row["source"] for row in found} == {"web-1"}
    assert {tuple(row) for row in found} == {("received", "source", "reason", "payload")}
    payload = json.loads(next(row["payload"] for row in found if row["reason"] == "status invalid"))
    assert payload == {"url": "/", "ip": "[address]", "useragent": "curl/8.5.0", "status": "fine"}
    received = dt.datetime.fromisoformat(found[0]["received"]).timestamp()
    assert before - 1 < received < time.time() + 1


def test_events_without_their_position_can_be_read(server: ServerProcess, shop: WebService) -> None:
    events = [{**GOOD, "offset": 1}, GOOD, {**GOOD, "offset": -1}]
    assert server.collect(shop, shop.seal({"stream": "a journal", "events": events})).status == 200
    assert [row["reason"] for row in rows(server, shop)] == ["offset invalid", "offset missing"]


def test_what_is_refused_as_a_whole_can_be_read(server: ServerProcess, shop: WebService) -> None:
    old = {"source": "web-1", "sent_at": time.time() - 31 * 86_400, "events": [GOOD]}
    for document in (b'{"url": "/", "ip": "203.0.113.77"', b"\xff\xfe", old):
        assert server.collect(shop, shop.seal(document)).status == 400
    kept = [(row["source"], row["reason"], row["payload"]) for row in rows(server, shop)]
    assert kept == [
        ("web-1", "sent_at out of range", '{"url":"/","ip":"[address]","useragent":"curl/8.5.0"}'),
        ("", "not JSON", '"\ufffd\ufffd"'),
        ("", "not JSON", r'"{\"url\": \"/\", \"ip\": \"[address]\""'),
    ]


def test_what_was_accepted_is_not_there(server: ServerProcess, shop: WebService) -> None:
    assert server.collect(shop, shop.seal([GOOD])).status == 200
    assert rows(server, shop) == []


def test_the_newest_are_shown_up_to_a_limit(server: ServerProcess, shop: WebService) -> None:
    for batch in range(12):
        events = [{"number": batch * 100 + number} for number in range(100)]
        assert server.collect(shop, shop.seal(events)).status == 400

    def numbers(**parameters: Any) -> list[int]:
        return [json.loads(row["payload"])["number"] for row in rows(server, shop, **parameters)]

    assert numbers(limit=3) == [1199, 1198, 1197]
    assert numbers() == list(range(1199, 1099, -1))
    assert numbers(limit=1_000) == list(range(1199, 199, -1))


@pytest.mark.parametrize("question", ["limit=1001", "limit=0", "limit=x", "after=1", "from=today"])
def test_a_question_beyond_its_bounds_is_refused(
    server: ServerProcess, shop: WebService, question: str
) -> None:
    target = f"/{shop.wsid}/data/quarantine?{question}"
    answer = server.connection.send("GET", target, Authorization=f"Bearer {server.token}")
    assert (answer.status, answer.json()["status_code"]) == (400, 400)
    assert question.partition("=")[0] in answer.json()["message"]


def test_it_outlives_a_crash(server: ServerProcess, shop: WebService) -> None:
    assert server.collect(shop, shop.seal({"source": "web-1", "events": [{"url": 1}]})).status == 400
    before = rows(server, shop)
    server.kill()
    server.start()
    assert rows(server, shop) == before
    assert len(before) == 1


@pytest.mark.parametrize(
    ("policy", "ip", "text"),
    [
        ("none", "[address]", "seen [address] and [address]"),
        ("truncated", "203.0.113.0", "seen 198.51.100.0 and 2001:db8:1::"),
        ("full", "203.0.113.77", "seen 198.51.100.9 and 2001:db8:1:2::3"),
    ],
)
def test_addresses_are_kept_as_the_policy_says(
    server: ServerProcess, shop: WebService, policy: str, ip: str, text: str
) -> None:
    server.command("webservice", "set", str(shop.wsid), "--ip-policy", policy)
    event = {**GOOD, "status": "fine", "note": "seen 198.51.100.9 and 2001:db8:1:2::3"}

    def kept() -> dict[str, Any]:
        assert server.collect(shop, shop.seal([event])).status == 400
        found: dict[str, Any] = json.loads(rows(server, shop, limit=1)[0]["payload"])
        return found

    deadline = time.monotonic() + 30  # the running server notices another policy within a second
    while kept()["ip"] != ip:
        assert time.monotonic() < deadline
    assert kept()["note"] == text
