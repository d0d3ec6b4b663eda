# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent again counts once and is answered alike, whoever sends it, when, and however often."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.server_process import Answer, ServerProcess, WebService

from tmon.client_api import envelope

EVENT = {"url": "/", "ip": "192.0.2.1", "useragent": "curl/8.5.0"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("replays")) as process:
        yield process
    assert process.troubles == []


@pytest.fixture(scope="module")
def shared(server: ServerProcess) -> WebService:
    """A web service for tests that look only at what they add."""
    return server.webservice("shared")


@pytest.fixture
def shop(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    """A web service of the test's own."""
    return server.webservice(request.node.name)


def booked(events: list[Any], **bookkeeping: Any) -> dict[str, Any]:
    """A plaintext with the bookkeeping of a source that keeps books."""
    return {"source": "web-1", "run": "a run", "sent_at": time.time(), "events": events, **bookkeeping}


def positioned(*offsets: int) -> list[dict[str, Any]]:
    """Events of a stream, one per offset."""
    return [{**EVENT, "url": f"/line/{offset}", "offset": offset} for offset in offsets]


def requests(server: ServerProcess, service: WebService) -> int:
    """What the totals, every view and the log itself agree on."""
    found: int = server.ask(service, "summary")["results"]["requests"]
    for view in ("country", "url", "status", "source"):
        rows = server.ask(service, f"users/{view}", limit=10_000)["results"]
        assert sum(row["requests"] for row in rows) == found
    assert sum(point["requests"] for point in server.ask(service, "requests/hour/24")["results"]) == found
    assert len(server.events(service)) == found
    return found


def ledger(server: ServerProcess, service: WebService) -> dict[str, Any]:
    (row,) = server.ask(service, "sources")["results"]
    names = ("sent", "stored", "repeated", "rejected", "missing", "refused")
    return {name: row[name] for name in names}


# What is sealed, the status it gets, and how many events of it count.
LETTERS: dict[str, tuple[Any, int, int]] = {
    "one event": (EVENT, 200, 1),
    "several": ([EVENT] * 3, 200, 3),
    "several with bookkeeping": (booked([EVENT] * 3, seq=1, sent=3), 200, 3),
    "none with bookkeeping": (booked([], seq=1, sent=0), 200, 0),
    "some of them invalid": (booked([EVENT, {"url": 1}, EVENT, 7], sent=4), 200, 2),
    "a stream": (booked(positioned(5, 6, 7), stream="journal"), 200, 3),
    "all of them invalid": (booked([{"url": 1}, 7], sent=2), 400, 0),
    "not JSON": (b'{"url": ', 400, 0),
    "nothing": (b"", 400, 0),
    "an empty list": ([], 400, 0),
    "sent long ago": (booked([EVENT], sent_at=time.time() - 31 * 86_400), 400, 0),
    "wrong bookkeeping": (booked([EVENT], seq="first"), 400, 0),
    "a large one": ([{**EVENT, "note": str(number) * 100} for number in range(2_000)], 200, 2_000),
}
letters = pytest.mark.parametrize("name", LETTERS)


def plaintext(name: str) -> Any:
    """What is sealed; a stream is another one each time."""
    document = LETTERS[name][0]
    if isinstance(document, dict) and "stream" in document:
        return {**document, "stream": f"journal {time.time_ns()}"}
    return document


def answered_alike(answers: list[Answer], status: int) -> None:
    """The first in whatever order they were decided is no duplicate, all others are; all say the same."""
    contents = [answer.json() for answer in answers]
    assert [answer.status for answer in answers] == [status] * len(answers)
    duplicates = [content.pop("duplicate", False) for content in contents]
    assert sorted(duplicates) == [False] + [True] * (len(answers) - 1)
    assert all(content == contents[0] for content in contents)
    assert contents[0]["status_code"] == status


@letters
def test_the_same_bytes_one_after_the_other_count_once(
    server: ServerProcess, shared: WebService, name: str
) -> None:
    _, status, counts = LETTERS[name]
    before = requests(server, shared)
    sealed = shared.seal(plaintext(name))
    answers = [server.collect(shared, sealed) for _ in range(3)]
    answered_alike(answers, status)
    assert "duplicate" not in answers[0].json()
    assert requests(server, shared) - before == counts


@letters
def test_the_same_bytes_all_at_once_count_once(server: ServerProcess, shared: WebService, name: str) -> None:
    _, status, counts = LETTERS[name]
    before = requests(server, shared)
    sealed = shared.seal(plaintext(name))
    connections = [server.connect() for _ in range(6)]
    with ThreadPoolExecutor(len(connections)) as threads:
        answers = list(threads.map(lambda connection: connection.collect(shared.wsid, sealed), connections))
    for connection in connections:
        connection.close()
    answered_alike(answers, status)
    assert requests(server, shared) - before == counts


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_same_bytes_before_and_after_a_restart_count_once(
    server: ServerProcess, shop: WebService, end: str
) -> None:
    sealed = {name: shop.seal(document) for name, (document, _, _) in LETTERS.items()}
    before = {name: server.collect(shop, one) for name, one in sealed.items()}
    counts = requests(server, shop)
    books = server.ask(shop, "sources")["results"]
    getattr(server, end)()
    server.start()
    after = {name: server.collect(shop, one) for name, one in sealed.items()}
    for name, (_, status, _) in LETTERS.items():
        answered_alike([before[name], after[name]], status)
    assert requests(server, shop) == counts == 2_012
    assert server.ask(shop, "sources")["results"] == books


def test_the_same_bytes_from_many_across_kills_count_once(server: ServerProcess, shop: WebService) -> None:
    sealed = [shop.seal([EVENT] * size) for size in (1, 2_000, 40)]

    def deliver(number: int) -> list[Answer]:
        answers: list[Answer] = []
        # Some of the answers never come.
        with contextlib.closing(server.connect()) as connection, contextlib.suppress(OSError, HTTPException):
            for at in range(6):
                answers += [connection.collect(shop.wsid, sealed[(number + at) % 3])]
                answered.set()
        return answers

    answers: list[Answer] = []
    for _ in range(3):
        answered = threading.Event()
        with ThreadPoolExecutor(6) as threads:
            delivered = threads.map(deliver, range(6))
            assert answered.wait(60)
            server.kill()
        answers += [answer for part in delivered for answer in part]
        server.start()
    answers += deliver(0)
    contents = [answer.json() for answer in answers]
    assert {answer.status for answer in answers} == {200}
    assert all(content["accepted"] in (1, 2_000, 40) for content in contents)
    # Fewer than three where the first answer was lost with the server.
    assert sum("duplicate" not in content for content in contents) <= 3
    assert requests(server, shop) == 2_041


def test_the_form_and_the_raw_envelope_are_the_same_envelope(server: ServerProcess, shop: WebService) -> None:
    sealed = shop.seal([EVENT, EVENT])
    form = f"wsid={shop.wsid}&data={envelope.to_data(sealed).replace('+', '%2B')}".encode()
    first = server.connection.send(
        "POST", "/data/collect", form, Content_Type="application/x-www-form-urlencoded"
    )
    answered_alike([first, server.collect(shop, sealed)], 200)
    assert requests(server, shop) == 2


def test_the_same_plaintext_sealed_again_is_another_envelope(server: ServerProcess, shop: WebService) -> None:
    for _ in range(2):
        assert server.collect(shop, shop.seal(EVENT)).json()["accepted"] == 1
    assert requests(server, shop) == 2


def test_an_envelope_of_one_web_service_is_not_opened_for_another(
    server: ServerProcess, shared: WebService, shop: WebService
) -> None:
    sealed = shared.seal(EVENT)
    assert server.collect(shared, sealed).status == 200
    assert server.collect(shop, sealed).status == 403
    assert requests(server, shop) == 0


def test_a_refused_envelope_enters_the_ledger_once(server: ServerProcess, shop: WebService) -> None:
    sealed = shop.seal(booked([{"url": 1}, 7], seq=1, sent=2))
    for _ in range(3):
        assert server.collect(shop, sealed).status == 400
    assert ledger(server, shop) == {
        "sent": 2,
        "stored": 0,
        "repeated": 0,
        "rejected": 2,
        "missing": 0,
        "refused": 1,
    }


def test_of_a_stream_each_offset_counts_once_in_whatever_stretches_it_comes(
    server: ServerProcess, shop: WebService
) -> None:
    stretches = [(0, 1, 2), (1, 2, 3, 4), (0, 1), (10, 11), (3, 4, 5), (11, 12, 11, 12, 13), (13,)]
    answers = [
        server.collect(shop, shop.seal(booked(positioned(*offsets), stream="journal", seq=seq))).json()
        for seq, offsets in enumerate(stretches, 1)
    ]
    # What lies behind the highest offset is there already, or was given up by a sender that went past it.
    found = [(answer["accepted"], answer["repeated"]) for answer in answers]
    assert found == [(3, 0), (2, 2), (0, 2), (2, 0), (0, 3), (2, 3), (0, 1)]
    urls = Counter(row["url"] for row in server.events(shop))
    assert urls == {f"/line/{offset}": 1 for offset in (0, 1, 2, 3, 4, 10, 11, 12, 13)}
    assert requests(server, shop) == 9
    assert ledger(server, shop) == {
        "sent": 20,
        "stored": 9,
        "repeated": 11,
        "rejected": 0,
        "missing": 0,
        "refused": 0,
    }


def test_a_sender_that_forgot_how_far_it_was_counts_nothing_twice(
    server: ServerProcess, shop: WebService
) -> None:
    """It sends everything again: in other envelopes, from another run, and after the server's restart too."""
    lines = range(0, 5_000, 7)

    def deliver(run: str, size: int, upto: int) -> None:
        offsets = [line for line in lines if line < upto]
        for at in range(0, len(offsets), size):
            part = positioned(*offsets[at : at + size])
            assert server.collect(shop, shop.seal(booked(part, stream="access.log", run=run))).status == 200

    deliver("first", 100, 3_000)
    deliver("second", 64, 4_000)
    server.kill()
    server.start()
    deliver("third", 333, 5_000)
    urls = Counter(row["url"] for row in server.events(shop))
    assert urls == {f"/line/{offset}": 1 for offset in lines}
    assert requests(server, shop) == 715
    books = {row["run"]: (row["stored"], row["repeated"]) for row in server.ask(shop, "sources")["results"]}
    assert books == {"first": (429, 0), "second": (143, 429), "third": (143, 572)}


def test_streams_and_web_services_have_offsets_of_their_own(
    server: ServerProcess, shared: WebService, shop: WebService
) -> None:
    for service in (shop, shared):
        for stream in ("one", "two"):
            answer = server.collect(service, service.seal(booked(positioned(1, 2), stream=stream))).json()
            assert (answer["accepted"], answer["repeated"]) == (2, 0)
    assert requests(server, shop) == 4


def test_one_stream_sent_by_many_at_once_counts_each_offset_once(
    server: ServerProcess, shop: WebService
) -> None:
    sealed = [
        shop.seal(booked(positioned(*range(first, first + 50)), stream="journal", run=f"run {first}"))
        for first in range(0, 500, 25)
    ]
    connections = [server.connect() for _ in range(4)]

    def deliver(number: int) -> list[Answer]:
        return [connections[number].collect(shop.wsid, one) for one in sealed[number:] + sealed[:number]]

    with ThreadPoolExecutor(len(connections)) as threads:
        answers = [answer for part in threads.map(deliver, range(len(connections))) for answer in part]
    for connection in connections:
        connection.close()
    assert {answer.status for answer in answers} == {200}
    urls = Counter(row["url"] for row in server.events(shop))
    assert set(urls.values()) == {1}
    assert "/line/524" in urls
    stored = sum(row["stored"] for row in server.ask(shop, "sources")["results"])
    assert requests(server, shop) == len(urls) == stored


@given(
    stretches=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), min_size=1, max_size=8
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_stretches_of_a_stream(
    server: ServerProcess, shared: WebService, stretches: list[tuple[int, int, bool]]
) -> None:
    stream = f"stream {time.time_ns()}"
    last = server.ask(shared, "events", limit=1)["results"]
    highest, expected = -1, []
    for first, length, again in stretches:
        offsets = range(first, first + length)
        taken = [offset for offset in offsets if offset > highest]
        sealed = shared.seal(booked(positioned(*offsets), stream=stream))
        answers = [server.collect(shared, sealed) for _ in range(2 if again else 1)]
        answered_alike(answers, 200)
        content = answers[0].json()
        assert (content["accepted"], content["repeated"]) == (len(taken), length - len(taken))
        expected += taken
        highest = max(highest, *offsets)
    found = server.events(shared, after=last[0]["seq"] if last else 0)
    assert [row["url"] for row in found] == [f"/line/{offset}" for offset in expected]
