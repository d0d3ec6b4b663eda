# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a real HTTP server: batches, numbers, retries of the same bytes, losses that are counted."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import tmon
from tmon.client_api import (
    Answer,
    Client,
    DsnError,
    NotEncodable,
    Refused,
    Trouble,
    Undelivered,
    default,
)

if TYPE_CHECKING:
    from tmon.client_api.courier import Courier

    from .conftest import Scripted, ScriptedCollector

SECRET = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"


@pytest.fixture
def client(collector: ScriptedCollector) -> Iterator[Client]:
    with Client(collector.dsn, source="web-1", batch_age_s=0.02) as client:
        yield client


def _python(code: str, dsn: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMON_DSN": dsn, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- what arrives


def test_a_tracked_event_arrives_as_it_was_with_the_time_of_tracking(
    client: Client, collector: ScriptedCollector
) -> None:
    before = time.time()
    client.track(url="/café", ip="2001:db8::1", useragent=None, status=200, seats=3)
    after = time.time()
    assert client.flush()
    (event,) = collector.stored
    assert before - 0.001 <= event.pop("ts") <= after + 0.001
    assert event == {"url": "/café", "ip": "2001:db8::1", "useragent": None, "status": 200, "seats": 3}


def test_a_request_is_tracked_with_its_required_and_its_optional_fields(
    client: Client, collector: ScriptedCollector
) -> None:
    client.request("/a", "203.0.113.9", "curl/8.5.0", ts=1431857100, method="GET")
    client.request(url="/b", ip=None, useragent=None, ts=1431857101)
    assert client.flush()
    assert collector.stored == [
        {"ts": 1431857100, "method": "GET", "url": "/a", "ip": "203.0.113.9", "useragent": "curl/8.5.0"},
        {"ts": 1431857101, "url": "/b", "ip": None, "useragent": None},
    ]


def test_any_field_name_can_be_tracked(client: Client, collector: ScriptedCollector) -> None:
    client.track(self=1, fields=2, event=3, ts=1431857100)
    assert client.flush()
    assert collector.stored == [{"self": 1, "fields": 2, "event": 3, "ts": 1431857100}]


def test_an_envelope_is_posted_as_raw_bytes_under_the_number_of_the_web_service(
    client: Client, collector: ScriptedCollector
) -> None:
    client.track(url="/")
    assert client.flush()
    (post,) = collector.posts
    assert post.path == "/data/collect/7"
    assert post.headers["content-type"] == "application/octet-stream"
    assert post.body[0] == 1


def test_a_prefix_in_the_dsn_becomes_part_of_the_address(collector: ScriptedCollector) -> None:
    with Client(collector.dsn.replace("/7", "/stats/7")) as client:
        client.track(url="/")
    assert {post.path for post in collector.posts} == {"/stats/data/collect/7"}


def test_small_envelopes_are_plain_and_large_ones_compressed(
    client: Client, collector: ScriptedCollector
) -> None:
    client.track(url="/")
    assert client.flush()
    client.track(url="/" + "x" * 900)
    assert client.flush()
    assert [post.body[1] for post in collector.posts] == [0, 1]


def test_envelopes_share_one_connection(client: Client, collector: ScriptedCollector) -> None:
    for number in range(5):
        client.track(url=f"/{number}")
        assert client.flush()
    assert len(collector.posts) == 5
    assert collector.connections == 1


def test_events_keep_their_order_over_many_batches(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_events=7, queue_events=1000) as client:
        for number in range(500):
            client.track(n=number)
    assert [event["n"] for event in collector.stored] == list(range(500))
    assert max(len(document["events"]) for document in collector.documents) == 7


def test_a_batch_leaves_when_it_has_its_number_of_events(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_events=3, batch_age_s=3600) as client:
        for number in range(3):
            client.track(n=number)
        collector.wait_for(lambda: len(collector.stored) == 3)


def test_a_batch_leaves_when_it_has_its_number_of_bytes(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_bytes=1000, batch_age_s=3600) as client:
        client.track(url="x" * 600)
        client.track(url="x" * 600)
        collector.wait_for(lambda: len(collector.stored) >= 1)


def test_a_batch_leaves_when_its_first_event_is_old_enough(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_age_s=0.2) as client:
        begun = time.monotonic()
        client.track(url="/")
        collector.wait_for(lambda: len(collector.stored) == 1)
        assert time.monotonic() - begun >= 0.2


def test_events_of_many_threads_all_arrive_once(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_events=50, batch_age_s=0.02) as client:

        def work(thread: int) -> None:
            for number in range(200):
                client.track(n=thread * 1000 + number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(event["n"] for event in collector.stored) == sorted(
        thread * 1000 + number for thread in range(8) for number in range(200)
    )


# --- the books


def test_envelopes_of_a_run_are_numbered_and_count_what_was_sent(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, source="web-1", batch_events=2, batch_age_s=3600) as client:
        for number in range(5):
            client.track(n=number)
        before = time.time()
    documents = collector.documents
    assert [document["seq"] for document in documents] == [1, 2, 3]
    assert [document["sent"] for document in documents] == [2, 4, 5]
    assert [document.get("close", False) for document in documents] == [False, False, True]
    assert {document["source"] for document in documents} == {"web-1"}
    assert len({document["run"] for document in documents}) == 1
    assert abs(documents[-1]["sent_at"] - before) < 60


def test_the_sender_is_named_after_the_machine_unless_said(collector: ScriptedCollector) -> None:
    with Client(collector.dsn) as client:
        client.track(url="/")
    assert collector.documents[0]["source"] == socket.gethostname()


def test_closing_without_anything_waiting_says_goodbye_in_an_envelope_of_its_own(
    client: Client, collector: ScriptedCollector
) -> None:
    client.track(url="/")
    assert client.flush()
    assert client.close()
    goodbye = collector.documents[-1]
    assert (goodbye["seq"], goodbye["sent"], goodbye["close"], goodbye["events"]) == (2, 1, True, [])


def test_a_client_that_tracked_nothing_sends_nothing(client: Client, collector: ScriptedCollector) -> None:
    assert client.flush()
    assert client.close()
    assert collector.posts == []


def test_a_client_may_be_closed_twice(client: Client, collector: ScriptedCollector) -> None:
    client.track(url="/")
    assert client.close()
    assert client.close()
    assert [document["seq"] for document in collector.documents] == [1]


def test_what_is_tracked_after_closing_is_counted_as_lost(client: Client) -> None:
    client.close()
    client.track(url="/")
    assert client.stats().lost == {"closed": 1}


def test_a_full_queue_drops_the_newest_and_reports_how_many(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    held = threading.Event()
    collector.script.append(scripted(503, until=held))
    with Client(collector.dsn, queue_events=10, batch_events=10, batch_age_s=0) as client:
        client.track(n=-1)
        collector.wait_for(lambda: len(collector.posts) == 1)
        for number in range(25):
            client.track(n=number)
        assert client.stats().lost == {"queue_full": 15}
        held.set()
    assert [event["n"] for event in collector.stored] == [-1, *range(10)]
    assert collector.documents[-1]["lost"] == {"queue_full": 15}
    assert collector.documents[-1]["sent"] == 26


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 10**400, "\ud800", {"a": 1}, object(), b"x"])
def test_a_value_that_cannot_be_sent_costs_its_event_and_no_other(
    client: Client, collector: ScriptedCollector, value: object
) -> None:
    client.track(n=1)
    client.track(n=2, bad=value)
    client.track(n=3)
    assert client.flush()
    assert [event["n"] for event in collector.stored] == [1, 3]
    assert client.stats().lost == {"not_encodable": 1}
    client.close()
    assert collector.documents[-1]["lost"] == {"not_encodable": 1}
    assert collector.documents[-1]["sent"] == 3


def test_an_event_that_is_too_large_is_counted_under_a_reason_of_its_own(client: Client) -> None:
    client.track(url="x" * 300_000)
    assert client.stats().lost == {"too_large": 1}


def test_a_value_whose_own_methods_fail_does_not_disturb_the_program(client: Client) -> None:
    class Hostile(int):
        def __ge__(self, other: object) -> bool:
            raise RuntimeError("no")

    client.track(n=Hostile(3))
    assert client.stats().lost == {"not_encodable": 1}


def test_a_loss_that_no_event_follows_is_reported_by_itself(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmon.client_api.sender.REPORT_LOSS_AFTER_S", 0.1)
    with Client(collector.dsn) as client:
        client.track(bad=float("nan"))
        collector.wait_for(lambda: bool(collector.documents))
    assert collector.documents[0]["lost"] == {"not_encodable": 1}
    assert collector.documents[0]["events"] == []


def test_the_statistics_of_a_client_add_up(collector: ScriptedCollector) -> None:
    collector.rejects = lambda event: "n is odd" if event["n"] % 2 else ""
    with Client(collector.dsn) as client:
        for number in range(7):
            client.track(n=number)
        client.track(n=float("nan"))
    stats = client.stats()
    assert (stats.tracked, stats.waiting, stats.accepted, stats.rejected) == (8, 0, 4, 3)
    assert stats.lost == {"not_encodable": 1}


# --- retries


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_gets_the_same_bytes_again(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted], status: int
) -> None:
    collector.script.append(scripted(status))
    client.track(url="/")
    assert client.flush(30)
    first, second = collector.posts
    assert first.body == second.body
    assert len(collector.stored) == 1
    assert client.stats().lost == {}


def test_an_event_whose_answer_got_lost_counts_once(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(reset=True, stores=True))
    client.track(url="/")
    assert client.flush(30)
    assert len(collector.posts) == 2
    assert len(collector.stored) == 1
    assert client.stats().accepted == 1


def test_a_200_of_something_else_is_no_acknowledgement(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(200, body=b"<html>Please log in to the network</html>"))
    client.track(url="/")
    assert client.flush(30)
    assert len(collector.stored) == 1


def test_an_answer_without_end_is_not_read_to_its_end(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(200, body=b" " * 3_000_000 + b'{"status_code":200,"accepted":1}'))
    client.track(url="/")
    assert client.flush(30)
    assert len(collector.posts) == 2


def test_retry_after_is_honoured(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(429, {"Retry-After": "2"}))
    client.track(url="/")
    begun = time.monotonic()
    assert client.flush(30)
    assert time.monotonic() - begun >= 2


def test_a_server_that_is_away_gets_everything_in_order_when_it_comes_back(
    client: Client, collector: ScriptedCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tmon")
    client.track(n=0)
    assert client.flush()
    collector.go_away()
    for number in range(1, 6):
        client.track(n=number)
    assert not client.flush(0.1)
    collector.come_back()
    assert client.flush(30)
    assert [event["n"] for event in collector.stored] == [0, 1, 2, 3, 4, 5]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith(f"events wait, trying again: http://127.0.0.1:{collector.port}: ")
    assert said[1] == "the server answers again"


@pytest.mark.parametrize("status", [301, 401, 404, 405, 413])
def test_a_final_answer_costs_the_batch_which_is_counted_and_said_once(
    client: Client,
    collector: ScriptedCollector,
    scripted: type[Scripted],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    collector.script.extend([scripted(status), scripted(status)])
    for number in range(3):
        client.track(n=number)
        assert client.flush()
    assert len(collector.posts) == 3
    assert [event["n"] for event in collector.stored] == [2]
    assert client.stats().lost == {f"refused_{status}": 2}
    assert collector.documents[-1]["lost"] == {f"refused_{status}": 2}
    assert collector.documents[-1]["sent"] == 3
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"refused with {status}" in record.getMessage()


def test_a_batch_of_which_no_event_is_valid_is_in_the_servers_books_and_not_lost(
    client: Client, collector: ScriptedCollector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.rejects = lambda event: "url is missing"
    client.track(n=1)
    assert client.flush()
    stats = client.stats()
    assert (stats.rejected, stats.lost) == (1, {})
    assert any("url is missing" in record.getMessage() for record in caplog.records)


def test_a_400_that_no_collector_wrote_is_a_loss(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(400, body=b"<html>Bad Request</html>"))
    client.track(n=1)
    assert client.flush()
    stats = client.stats()
    assert (stats.rejected, stats.lost) == (0, {"refused_400": 1})


def test_a_batch_that_no_key_opens_is_parked_and_tried_again_each_hour(
    collector: ScriptedCollector,
    scripted: type[Scripted],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    def no_time_passes(courier: Courier, seconds: float) -> bool:
        waits.append(seconds)
        return True

    monkeypatch.setattr("tmon.client_api.courier.Courier._pause", no_time_passes)
    collector.script.extend([scripted(403), scripted(403)])
    told: list[Trouble] = []
    with Client(collector.dsn, batch_age_s=0, on_error=told.append) as client:
        client.track(n=1)
        assert client.flush(30)
    assert len({post.body for post in collector.posts[:3]}) == 1
    assert collector.stored == [{"n": 1, "ts": collector.stored[0]["ts"]}]
    assert len(waits) == 2
    assert all(3600 <= wait <= 3960 for wait in waits)
    assert client.stats().lost == {}
    assert [(one.reason, one.events) for one in told] == [("parked", 0)]
    assert "trying again each hour: the server refused with 403" in caplog.text


def test_a_batch_that_the_server_finds_too_large_is_cut_until_it_is_taken(
    collector: ScriptedCollector,
) -> None:
    collector.takes_bytes = 700
    with Client(collector.dsn, batch_events=100, batch_age_s=3600) as client:
        for number in range(100):
            client.track(n=number, text=os.urandom(8).hex())
    assert [event["n"] for event in collector.stored] == list(range(100))
    assert client.stats().lost == {}
    taken = [post.document for post in collector.posts if len(post.body) <= 700]
    assert len(taken) >= 4
    assert len({document["seq"] for document in taken}) == len(taken)
    assert {document["sent"] for document in taken} == {100}
    assert [document.get("close", False) for document in taken] == [False] * (len(taken) - 1) + [True]


def test_an_event_that_is_too_large_by_itself_is_lost_and_the_others_are_not(
    collector: ScriptedCollector,
) -> None:
    collector.takes_bytes = 700
    with Client(collector.dsn, batch_events=10, batch_age_s=3600) as client:
        for number in range(10):
            client.track(n=number, text=os.urandom(600 if number == 3 else 8).hex())
    assert [event["n"] for event in collector.stored] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert client.stats().lost == {"refused_413": 1}


# --- flushing, closing, and the end of the process


def test_flushing_sends_at_once_what_would_have_waited(collector: ScriptedCollector) -> None:
    with Client(collector.dsn, batch_age_s=3600) as client:
        client.track(url="/")
        assert client.flush()
        assert len(collector.stored) == 1


def test_flushing_gives_up_in_time_when_the_server_does_not_answer(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    held = threading.Event()
    collector.script.append(scripted(503, until=held))
    with Client(collector.dsn, batch_age_s=0) as client:
        client.track(url="/")
        assert not client.flush(0.2)
        held.set()


def test_closing_gives_up_in_time_and_counts_what_was_not_delivered(
    collector: ScriptedCollector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.go_away()
    client = Client(collector.dsn, batch_events=2)
    for number in range(5):
        client.track(n=number)
    begun = time.monotonic()
    assert not client.close(0.3)
    assert time.monotonic() - begun < 10
    assert client.stats().lost == {"undelivered": 5}
    assert client.stats().waiting == 0
    assert any("closed before everything was delivered" in record.getMessage() for record in caplog.records)
    collector.come_back()


def test_closing_tries_once_more_at_once_instead_of_waiting(
    collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(503, {"Retry-After": "3000"}))
    client = Client(collector.dsn, batch_age_s=0)
    client.track(url="/")
    collector.wait_for(lambda: len(collector.posts) == 1)
    assert client.close(30)
    assert len(collector.stored) == 1


def test_a_client_that_is_forgotten_still_delivers_and_ends_its_thread(collector: ScriptedCollector) -> None:
    client = Client(collector.dsn, batch_age_s=3600)
    client.track(url="/")
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "tmon-sender"]
    del client
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()
    assert len(collector.stored) == 1


def test_a_client_is_forgotten_without_waiting_for_a_lock(collector: ScriptedCollector) -> None:
    client = Client(collector.dsn, batch_age_s=3600)
    client.track(url="/")
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "tmon-sender"]
    sender = client._sender
    assert sender is not None
    with sender._changed:
        collecting = threading.Thread(target=sender.forgotten, args=(5.0,))
        collecting.start()
        collecting.join(30)
        assert not collecting.is_alive()
        sender._changed.notify_all()
    thread.join(30)
    assert len(collector.stored) == 1
    del client


def test_a_program_that_just_ends_still_delivers(collector: ScriptedCollector) -> None:
    code = "import tmon; tmon.track(url='/'); tmon.track(url='/2')"
    run = _python(code, collector.dsn)
    assert (run.returncode, run.stderr) == (0, "")
    assert [event["url"] for event in collector.stored] == ["/", "/2"]
    assert collector.documents[-1]["close"] is True


def test_a_program_whose_server_is_away_ends_within_the_time_it_may_take(
    collector: ScriptedCollector,
) -> None:
    collector.go_away()
    begun = time.monotonic()
    run = _python("import tmon; tmon.track(url='/')", collector.dsn)
    assert run.returncode == 0
    assert time.monotonic() - begun < 30
    collector.come_back()


def test_a_program_that_ends_with_an_error_still_delivers_it(collector: ScriptedCollector) -> None:
    run = _python("import tmon; tmon.track(url='/'); raise SystemExit(3)", collector.dsn)
    assert run.returncode == 3
    assert len(collector.stored) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_begins_a_run_of_its_own_and_sends_only_its_own_events(
    collector: ScriptedCollector,
) -> None:
    code = """
import os, tmon
client = tmon.Client(batch_age_s=3600)
client.track(who="parent", n=1)
client.flush()
client.track(who="parent", n=2)
child = os.fork()
if not child:
    client.track(who="child", n=3)
    done = client.close()
    os._exit(0 if done else 1)
_, status = os.waitpid(child, 0)
client.track(who="parent", n=4)
assert client.close()
raise SystemExit(os.waitstatus_to_exitcode(status))
"""
    run = _python(code, collector.dsn)
    assert run.returncode == 0, run.stderr
    assert sorted(event["n"] for event in collector.stored) == [1, 2, 3, 4]
    runs: dict[str, list[Any]] = {}
    for document in collector.documents:
        names = {event["who"] for event in document["events"]}
        runs.setdefault(document["run"], []).append((document["seq"], names, document["sent"]))
    assert sorted(runs.values(), key=len) == [
        [(1, {"child"}, 1)],
        [(1, {"parent"}, 1), (2, {"parent"}, 3)],
    ]


def test_the_programs_one_client_is_made_from_the_environment(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMON_DSN", collector.dsn)
    monkeypatch.setattr(default, "_default", default.Default())
    tmon.track(url="/")
    assert default._default.get().close()
    assert [event["url"] for event in collector.stored] == ["/"]


def test_making_the_programs_client_anew_closes_the_earlier_one(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "_default", default.Default())
    tmon.init(collector.dsn, source="first", batch_age_s=3600)
    tmon.track(n=1)
    second = tmon.init(collector.dsn, source="second")
    tmon.track(n=2)
    assert second.close()
    assert [(document["source"], document["close"]) for document in collector.documents] == [
        ("first", True),
        ("second", True),
    ]


# --- batches for importers


def test_a_batch_is_sent_now_and_its_answer_returned(client: Client, collector: ScriptedCollector) -> None:
    collector.rejects = lambda event: "n is odd" if event["n"] % 2 else ""
    answer = client.send_batch([{"n": 1}, {"n": 2}, {"n": 4}], stream="f00d")
    assert (answer.status, answer.accepted, answer.rejected_count) == (200, 2, 1)
    assert [(entry.index, entry.error) for entry in answer.rejected] == [(0, "n is odd")]
    assert collector.documents[0]["stream"] == "f00d"
    assert collector.stored == [{"n": 2}, {"n": 4}]


def test_batches_are_numbered_in_the_same_run_as_tracked_events(
    client: Client, collector: ScriptedCollector
) -> None:
    client.send_batch([{"n": 1}, {"n": 2}])
    client.track(n=3)
    assert client.flush()
    client.send_batch([{"n": 4}])
    assert [(document["seq"], document["sent"]) for document in collector.documents] == [
        (1, 2),
        (2, 3),
        (3, 4),
    ]


def test_a_batch_is_sent_again_until_it_is_accepted(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.extend([scripted(503), scripted(reset=True)])
    heard: list[str] = []
    assert client.send_batch([{"n": 1}], timeout=30, on_failure=heard.append).accepted == 1
    assert len({post.body for post in collector.posts}) == 1
    assert heard[0] == "the server answered 503"
    assert len(heard) == 2


def test_a_batch_that_cannot_be_delivered_in_time_is_told(
    client: Client, collector: ScriptedCollector
) -> None:
    collector.go_away()
    with pytest.raises(Undelivered, match="gave up after"):
        client.send_batch([{"n": 1}], timeout=0.1)
    assert client.stats().lost == {"undelivered": 1}
    collector.come_back()


def test_a_batch_that_is_refused_is_told_with_the_answer(
    client: Client, collector: ScriptedCollector, scripted: type[Scripted]
) -> None:
    collector.script.append(scripted(403))
    with pytest.raises(Refused) as caught:
        client.send_batch([{"n": 1}])
    assert caught.value.answer == Answer(status=403)
    assert client.stats().lost == {"refused_403": 1}


def test_a_batch_with_an_event_that_cannot_be_sent_is_refused_before_it_is_numbered(
    client: Client, collector: ScriptedCollector
) -> None:
    with pytest.raises(NotEncodable) as caught:
        client.send_batch([{"n": 1}, {"n": float("nan")}])
    assert caught.value.index == 1
    client.send_batch([{"n": 1}])
    assert collector.documents[0]["seq"] == 1


def test_a_batch_larger_than_an_envelope_may_be_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="at most 10000 events"):
        client.send_batch([{"n": 1}] * 10_001)
    with pytest.raises(ValueError, match="bytes"):
        client.send_batch([{"url": "x" * 200_000}] * 42)


def test_the_largest_batch_stays_below_what_the_server_takes(
    client: Client, collector: ScriptedCollector
) -> None:
    # Random text does not compress: the envelope is as large as it can become.
    assert client.send_batch([{"url": os.urandom(97_000).hex()} for _ in range(42)]).accepted == 42
    assert len(collector.posts[0].body) < 8 * 1024 * 1024


@pytest.mark.parametrize("stream", ["", "x" * 201, "\ud800"])
def test_a_stream_that_the_server_would_refuse_is_not_sent(
    client: Client, collector: ScriptedCollector, stream: str
) -> None:
    with pytest.raises(ValueError, match="stream"):
        client.send_batch([{"n": 1, "offset": 1}], stream=stream)
    assert collector.posts == []


def test_a_closed_client_sends_no_batch(client: Client) -> None:
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.send_batch([{"n": 1}])


# --- what never happens


def test_the_secret_is_in_no_header_log_line_representation_or_error(
    collector: ScriptedCollector, scripted: type[Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    for name in (None, "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    collector.script.extend([scripted(503), scripted(reset=True), scripted(404), scripted(403)])
    client = Client(collector.dsn, batch_age_s=0)
    client.track(url="/")
    assert client.flush(30)
    shown = [repr(client), str(client.stats())]
    with pytest.raises(Refused) as refused:
        client.send_batch([{"url": "/"}])
    collector.go_away()
    with pytest.raises(Undelivered) as undelivered:
        client.send_batch([{"url": "/"}], timeout=0)
    client.track(url="/")
    client.close(0.1)
    collector.come_back()
    shown += traceback.format_exception(refused.value) + traceback.format_exception(undelivered.value)
    shown += [record.getMessage() + str(record.args) for record in caplog.records]
    for post in collector.posts:
        shown += [post.path, json.dumps(post.headers)]
        assert bytes.fromhex(SECRET) not in post.body
        assert SECRET.encode() not in post.body
    assert len(collector.posts) >= 4
    assert len(caplog.records) > 4
    assert SECRET not in "".join(shown).lower()
    assert str(bytes.fromhex(SECRET)) not in "".join(shown)
    assert f"tmon+http://***@127.0.0.1:{collector.port}/7" in repr(client)


def test_a_client_writes_nothing_into_the_log_of_a_program_that_works(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.track(url="/")
    assert client.flush()
    assert caplog.records == []


def test_a_proxy_of_the_environment_is_not_used_for_the_machine_itself(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Client(collector.dsn) as client:
        client.track(url="/")
    assert len(collector.stored) == 1


def test_a_proxy_of_the_environment_is_used_for_other_machines(
    collector: ScriptedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{collector.port}")
    with Client(f"tmon+http://{SECRET}@stats.example.org/7") as client:
        client.track(url="/")
    assert len(collector.stored) == 1
    assert collector.posts[0].path == "http://stats.example.org/data/collect/7"
    assert collector.posts[0].headers["host"] == "stats.example.org"


def test_ipv6_addresses_are_reached() -> None:
    received: list[bytes] = []
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            received.append(connection.recv(65536))
            body = b'{"status_code":200,"accepted":1}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    thread = threading.Thread(target=answer)
    thread.start()
    client = Client(f"tmon+http://{SECRET}@[::1]:{listener.getsockname()[1]}/7")
    assert client.send_batch([{"url": "/"}]).accepted == 1
    thread.join()
    listener.close()
    client.close(0)
    assert re.match(rb"POST /data/collect/7 HTTP/1.1\r\nHost: \[::1\]:[0-9]+\r\n", received[0], re.IGNORECASE)


def test_no_dsn_is_an_error_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMON_DSN", raising=False)
    with pytest.raises(DsnError, match="set TMON_DSN"):
        Client()


@pytest.mark.parametrize(
    "settings",
    [
        {"source": "\ud800"},
        {"source": "x" * 201},
        {"batch_events": 0},
        {"timeout_s": 0},
        {"batch_age_s": -1},
    ],
)
def test_settings_that_make_no_sense_are_an_error_at_construction(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Client(f"tmon+http://{SECRET}@127.0.0.1:9/7", **settings)
