# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /data/collect, row by row of CONTRACT section 3, over real sockets."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import random
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.collecting import EVENT, KEY, OTHER_KEY, SERVICE, WSID, Answer, Server, form, sealed
from tests.unit.writer.gated import GatedStore

from tmon.client_api.envelope import Codec, seal, to_data
from tmon.server.collector import accounts_away
from tmon.server.store.base import Unavailable
from tmon.server.store.sqlite import open_store
from tmon.server.tenants.keyring import ActiveKey
from tmon.server.writer import Bounds

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    """A server for tests that leave nothing behind but events."""
    with Server() as server:
        yield server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def refused(answer: Answer, status: int) -> Any:
    """Check that an answer is JSON with this status, and return it."""
    assert answer.status == status, answer.content
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["status_code"] == status
    return answer.json


def posted(envelope: bytes) -> bytes:
    """A whole request that brings an envelope."""
    head = "POST /data/collect/7 HTTP/1.1\r\nContent-Type: application/octet-stream\r\n"
    return f"{head}Content-Length: {len(envelope)}\r\n\r\n".encode() + envelope


# -- 200 --------------------------------------------------------------------------------------------------------------


def test_an_event_in_a_form_is_stored(server: Server) -> None:
    answer = server.post(form(sealed(EVENT)))
    assert answer.status == 200
    assert answer.json == {"status_code": 200, "accepted": 1, "rejected_count": 0, "rejected": []}
    assert [event.fields["url"] for event in server.store.events(WSID, 10)] == ["/"]


def test_an_envelope_as_it_is_is_stored(server: Server) -> None:
    assert server.send([EVENT, EVENT], codec=Codec.ZLIB).json["accepted"] == 2
    assert server.stored() == 2


def test_the_published_vector_is_accepted(server: Server) -> None:
    data = (
        "AQCgoaKjpKWmp6ipqqudOhVdZ/EgiFBLtOEpSPPvXpR7PLDCMQnub0HjEd9XO/AV"
        "Mo3DDWsTarI06iVY9osrOXxqTfJn2eFjSroy7xRQTztbfg2sJg=="
    )
    assert server.post(f"data={quote(data, safe='')}&wsid=7".encode()).json["accepted"] == 1


def test_base64_whose_plus_signs_were_not_encoded_is_read_nevertheless(server: Server) -> None:
    envelope = next(one for one in (sealed(EVENT) for _ in range(1000)) if b"+" in base64.b64encode(one))
    assert server.post(b"data=" + base64.b64encode(envelope) + b"&wsid=7").status == 200
    assert server.post(form(envelope)).json["duplicate"] is True


def test_bookkeeping_without_events_is_accepted(shared: Server) -> None:
    answer = shared.send({"source": "web-1", "run": "a", "seq": 1, "events": []})
    assert answer.json == {"status_code": 200, "accepted": 0, "rejected_count": 0, "rejected": []}


def test_rejected_events_are_named_and_the_others_are_stored(server: Server) -> None:
    answer = server.send([EVENT, {"url": 5, "ip": None, "useragent": None}, EVENT])
    assert (answer.status, answer.json["accepted"], answer.json["rejected_count"]) == (200, 2, 1)
    (rejected,) = answer.json["rejected"]
    assert rejected["index"] == 1
    assert "url" in rejected["error"]


def test_the_first_hundred_rejections_are_listed(server: Server) -> None:
    answer = server.send([EVENT] + [{}] * 150)
    assert answer.json["rejected_count"] == 150
    assert [one["index"] for one in answer.json["rejected"]] == list(range(1, 101))


def test_of_a_stream_only_what_is_new_is_stored_and_the_rest_is_repeated(server: Server) -> None:
    def stretch(first: int, last: int) -> Any:
        return {"stream": "s", "events": [{**EVENT, "offset": offset} for offset in range(first, last + 1)]}

    assert server.send(stretch(1, 5)).json["accepted"] == 5
    answer = server.send(stretch(3, 8))
    assert (answer.json["accepted"], answer.json["repeated"]) == (3, 3)
    assert "highest_offset" not in answer.json
    assert server.send({"stream": "s", "events": []}).json["highest_offset"] == 8
    assert server.stored() == 8


def test_an_answer_comes_after_the_commit() -> None:
    store = GatedStore()
    store.gate.clear()
    with Server(store) as server, server.connection() as connection:
        connection.sendall(posted(sealed(EVENT)))
        assert store.reached.wait(30)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(30)
        store.gate.set()
        assert server.hear(connection).status == 200


def test_several_requests_on_one_connection(shared: Server) -> None:
    envelopes = [sealed(EVENT) for _ in range(5)]
    with shared.connection() as connection:
        for envelope in envelopes:
            connection.sendall(posted(envelope))
        assert [shared.hear(connection).status for _ in envelopes] == [200] * 5


def test_a_body_in_chunks_is_taken(shared: Server) -> None:
    envelope = sealed([EVENT] * 50)
    parts = (envelope[at : at + 100] for at in range(0, len(envelope), 100))
    answer = shared.request(
        "POST",
        "/data/collect/7",
        parts,
        Content_Type="application/octet-stream",
        Transfer_Encoding="chunked",
    )
    assert answer.json["accepted"] == 50


# -- gzip, both ways --------------------------------------------------------------------------------------------------


def test_a_gzipped_body_is_taken(shared: Server) -> None:
    assert shared.post(gzip.compress(form(sealed(EVENT))), Content_Encoding="gzip").status == 200
    assert shared.post_raw(gzip.compress(sealed(EVENT)), Content_Encoding="GZIP").status == 200


def test_a_large_gzipped_body_is_taken(shared: Server) -> None:
    noise = random.Random(1).randbytes(300_000).hex()
    envelope = sealed({**EVENT, "note": noise})
    assert shared.post_raw(gzip.compress(envelope), Content_Encoding="gzip").json["accepted"] == 1


def test_a_long_answer_is_gzipped_for_who_accepts_it(server: Server) -> None:
    envelope = sealed([EVENT] + [{}] * 100)
    plain = server.post_raw(envelope)
    assert "content-encoding" not in plain.headers
    packed = server.post_raw(envelope, Accept_Encoding="deflate, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.content)) == {**plain.json, "duplicate": True}


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "identity, gzip"])
def test_other_content_codings_are_refused(shared: Server, coding: str) -> None:
    refused(shared.post_raw(sealed(EVENT), Content_Encoding=coding), 400)


@pytest.mark.parametrize("body", [b"", b"plain", gzip.compress(form(sealed(EVENT)))[:-4]])
def test_a_body_that_is_not_gzip_although_it_says_so_is_refused(shared: Server, body: bytes) -> None:
    refused(shared.post(body, Content_Encoding="gzip"), 400)


# -- duplicates -------------------------------------------------------------------------------------------------------


def test_the_same_envelope_again_gets_the_stored_answer(server: Server) -> None:
    envelope = sealed([EVENT, {}])
    first = server.post_raw(envelope)
    for again in (server.post_raw(envelope), server.post(form(envelope))):
        assert again.status == 200
        assert again.json == {**first.json, "duplicate": True}
    assert server.stored() == 1


def test_a_refused_envelope_again_gets_the_stored_answer(server: Server) -> None:
    envelope = sealed(b"not json")
    first = refused(server.post_raw(envelope), 400)
    assert refused(server.post_raw(envelope), 400) == {**first, "duplicate": True}


def test_the_same_envelope_three_times_at_once_is_counted_once(server: Server) -> None:
    with ThreadPoolExecutor(3) as senders:
        for number in range(1, 11):
            answers = list(senders.map(server.post_raw, [sealed([EVENT, EVENT])] * 3))
            assert sorted(answer.json.get("duplicate", False) for answer in answers) == [False, True, True]
            assert {(answer.status, answer.json["accepted"]) for answer in answers} == {(200, 2)}
            assert server.stored() == 2 * number


def test_an_envelope_that_was_accepted_is_a_duplicate_also_when_its_time_has_run_out() -> None:
    now = [1_700_000_000.0]
    with Server(clock=lambda: now[0]) as server:
        envelope = sealed({"sent_at": now[0], "events": [{**EVENT, "ts": now[0]}]})
        assert server.post_raw(envelope).status == 200
        now[0] += 31 * 86_400
        answer = server.post_raw(envelope)
        assert (answer.status, answer.json["accepted"], answer.json["duplicate"]) == (200, 1, True)
        refused(server.send({"sent_at": now[0] - 31 * 86_400, "events": [EVENT]}), 400)


def test_the_same_envelope_after_a_restart_is_a_duplicate(tmp_path: Path) -> None:
    envelope = sealed([EVENT] * 3)
    for duplicate in (False, True, True):
        store = open_store(tmp_path)
        with Server(store) as server:
            answer = server.post_raw(envelope)
            assert (answer.json["accepted"], answer.json.get("duplicate", False)) == (3, duplicate)
            assert server.stored() == 3
        store.close()


# -- 400 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wsid",
    [
        "007",
        "+7",
        "7.0",
        "\uff17",
        "",
        " 7",
        "7 ",
        "-7",
        "0",
        "7e0",
        "0x7",
        "\u0667",
        "1" * 20,
        "7\0",
        "\xb2",
        "7\n",
    ],
)
def test_a_wsid_in_any_other_spelling_is_refused(shared: Server, wsid: str) -> None:
    refused(shared.post(form(sealed(EVENT), wsid)), 400)
    refused(shared.post_raw(sealed(EVENT), quote(wsid)), 400)


def test_the_largest_wsid_is_unknown_and_not_malformed(shared: Server) -> None:
    refused(shared.post_raw(sealed(EVENT), "9" * 19), 403)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"wsid=7",
        b"data=QUJD",
        b"data=&wsid=7",
        b"data=%00&wsid=7",
        b"data=QUJ&wsid=7",
        b"data=QUJ%0A&wsid=7",
        b"data=QU-_&wsid=7",
        b"data=QUJD&wsid=7",
        b"data=QUJD&data=QUJD&wsid=7",
        b"data=" + quote(to_data(b"\x02\x00" + bytes(60))).encode() + b"&wsid=7",
        b"data=" + quote(to_data(b"\x01\x02" + bytes(60))).encode() + b"&wsid=7",
        b"\xff\xfe=\x00&&&=;",
        b'{"data": "QUJD", "wsid": 7}',
    ],
)
def test_a_form_that_holds_no_envelope_is_refused(shared: Server, body: bytes) -> None:
    assert refused(shared.post(body), 400)["message"]
    assert shared.value("tmon_failed_opens_total") is not None


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/form-data; boundary=x"]
)
def test_another_content_type_is_refused(shared: Server, content_type: str) -> None:
    refused(shared.post(form(sealed(EVENT)), Content_Type=content_type), 400)
    refused(shared.post_raw(sealed(EVENT), Content_Type=content_type), 400)


def test_the_two_forms_have_their_own_paths(shared: Server) -> None:
    refused(shared.post_raw(form(sealed(EVENT)), Content_Type="application/x-www-form-urlencoded"), 400)
    refused(shared.post(sealed(EVENT), Content_Type="application/octet-stream"), 400)


def test_a_content_type_may_have_parameters_and_capitals(shared: Server) -> None:
    content_type = "Application/X-WWW-Form-URLencoded; charset=UTF-8"
    assert shared.post(form(sealed(EVENT)), Content_Type=content_type).status == 200


def test_a_query_is_of_no_interest(shared: Server) -> None:
    answer = shared.request(
        "POST",
        "/data/collect?wsid=8&data=x",
        form(sealed(EVENT)),
        Content_Type="application/x-www-form-urlencoded",
    )
    assert answer.status == 200


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"not json",
        b"5",
        b'"text"',
        b"[]",
        b"{}",
        b"[{}]",
        b'{"events": 5}',
        b'{"events": {}}',
        b'{"url": "/\xff", "ip": null, "useragent": null}',
        b'{"url": "\\ud800", "ip": null, "useragent": null}',
        b'[{"url": "/", "ip": null, "useragent": null, "status": NaN}]',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"sent_at": 0, "events": []}',
        b'{"sent_at": 1e308, "events": []}',
        b'{"seq": 0, "events": []}',
        b'{"url": 1e999, "ip": null, "useragent": null}',
        b"\x00",
        b"\xef\xbb\xbf{}",
        b"1" * 5_000,
    ],
)
def test_content_that_is_not_ours_is_refused_and_ledgered(server: Server, plaintext: bytes) -> None:
    content = refused(server.send(plaintext), 400)
    assert content["accepted"] == 0
    assert content["message"]
    assert [run.refused for run in server.runs()] == [1]
    assert refused(server.send(plaintext, codec=Codec.ZLIB), 400)["message"]


def test_compressed_content_that_is_damaged_is_refused_and_ledgered(server: Server) -> None:
    damaged = seal(b"", KEY, WSID, codec=Codec.ZLIB)
    refused(server.post_raw(damaged), 400)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = bytes(12)
    for payload in (b"junk", zlib.compress(b"{}")[:-3], zlib.compress(b"[]") + b"more"):
        envelope = b"\x01\x01" + nonce + AESGCM(KEY).encrypt(nonce, payload, b"\x01\x017")
        assert refused(server.post_raw(envelope), 400)["message"]
    assert server.runs()[0].refused == 4


def test_nothing_valid_among_the_events_is_400_with_the_reasons(server: Server) -> None:
    content = refused(server.send([{}, {"url": "/"}]), 400)
    assert content["rejected_count"] == 2
    assert [one["index"] for one in content["rejected"]] == [0, 1]
    (run,) = server.runs()
    assert run.rejected == 2


def test_messages_are_for_debugging_and_reasons_are_always_there() -> None:
    with Server(debug=False) as server:
        assert server.post(b"").json == {"status_code": 400}
        assert server.send(b"no json", key=OTHER_KEY).json == {"status_code": 403}
        content = server.send([{}]).json
        assert "message" not in content
        assert len(content["rejected"]) == 1


# -- 403 and 429 for failures ----------------------------------------------------------------------------------------


def test_an_unknown_web_service_and_a_wrong_key_get_the_same_answer(server: Server) -> None:
    unknown = server.post_raw(sealed(EVENT, wsid=8), 8)
    wrong = server.send(EVENT, key=OTHER_KEY)
    assert refused(unknown, 403) == refused(wrong, 403)
    assert {name: value for name, value in unknown.headers.items() if name != "date"} == {
        name: value for name, value in wrong.headers.items() if name != "date"
    }
    assert server.value("tmon_failed_opens_total") == 2


def test_an_envelope_for_another_web_service_is_not_opened(server: Server) -> None:
    server.keyring.known[8] = replace(SERVICE, wsid=8)
    refused(server.post_raw(sealed(EVENT, wsid=8), 7), 403)
    assert server.post_raw(sealed(EVENT, wsid=8), 8).status == 200


def test_a_changed_bit_anywhere_is_noticed(shared: Server) -> None:
    envelope = bytearray(sealed(EVENT))
    for at in (3, 20, len(envelope) - 1):
        changed = bytearray(envelope)
        changed[at] ^= 1
        refused(shared.post_raw(bytes(changed)), 403)


def test_a_large_envelope_with_a_wrong_key_is_403_too(shared: Server) -> None:
    refused(shared.send(bytes(300_000), key=OTHER_KEY), 403)


def test_both_keys_of_a_rotation_open_and_a_revoked_one_does_not(server: Server) -> None:
    server.keyring.change(keys=(ActiveKey(2, OTHER_KEY, 1), ActiveKey(1, KEY, 0)))
    assert server.send(EVENT, key=KEY).status == 200
    assert server.send(EVENT, key=OTHER_KEY).status == 200
    server.keyring.change(keys=(ActiveKey(2, OTHER_KEY, 1),))
    refused(server.send(EVENT, key=KEY), 403)
    server.keyring.change(keys=())
    refused(server.send(EVENT, key=OTHER_KEY), 403)


@pytest.mark.parametrize("events", [1, 2_000])
def test_a_web_service_that_is_younger_than_the_last_look_is_found(server: Server, events: int) -> None:
    server.keyring.arriving[9] = replace(SERVICE, wsid=9, keys=(ActiveKey(5, OTHER_KEY, 0),))
    answer = server.post_raw(sealed([{**EVENT, "note": "x" * 200}] * events, key=OTHER_KEY, wsid=9), 9)
    assert (answer.status, answer.json["accepted"]) == (200, events)


def test_accounts_that_do_not_answer_are_no_reason_for_a_final_answer(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.keyring.broken = True
    with caplog.at_level(logging.CRITICAL):
        answer = server.send(EVENT, key=OTHER_KEY)
    refused(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert server.send(EVENT).status == 200


def test_many_failures_at_once_refresh_the_keyring_a_few_times(server: Server) -> None:
    started = time.monotonic()
    threads = [
        threading.Thread(target=server.send, args=(EVENT,), kwargs={"key": OTHER_KEY}) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.keyring.refreshes <= 2 + (time.monotonic() - started) / 0.2


def test_a_peer_that_fails_too_often_gets_429_and_good_envelopes_behind_its_address_do_not() -> None:
    with Server(failures_per_minute=3) as server:
        assert [server.send(EVENT, key=OTHER_KEY).status for _ in range(3)] == [403] * 3
        answer = server.send(EVENT, key=OTHER_KEY)
        refused(answer, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 20
        assert server.send(EVENT).status == 200


def test_behind_a_trusted_proxy_each_client_has_a_budget_of_its_own() -> None:
    with Server(failures_per_minute=1, trusted_proxies="127.0.0.1") as server:

        def fail(client: str) -> int:
            return server.post_raw(sealed(EVENT, key=OTHER_KEY), X_Forwarded_For=client).status

        assert [fail("192.0.2.1"), fail("192.0.2.1")] == [403, 429]
        assert fail("192.0.2.2") == 403
        assert [fail("10.9.9.9, 192.0.2.3"), fail("10.8.8.8, 192.0.2.3")] == [403, 429]


def test_who_is_no_trusted_proxy_cannot_speak_for_others() -> None:
    with Server(failures_per_minute=1) as server:
        statuses = [
            server.post_raw(sealed(EVENT, key=OTHER_KEY), X_Forwarded_For=f"192.0.2.{number}").status
            for number in range(2)
        ]
        assert statuses == [403, 429]


# -- 405 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO", "post"]
)
@pytest.mark.parametrize("path", ["/data/collect", "/data/collect/7", "/data/collect/x"])
def test_other_methods_are_refused_in_json(shared: Server, method: str, path: str) -> None:
    answer = shared.request(method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b"" if method == "HEAD" else answer.json["status_code"] == 405


# -- 413 --------------------------------------------------------------------------------------------------------------


def test_a_body_of_eight_mebibytes_is_read_and_one_byte_more_is_not(shared: Server) -> None:
    refused(shared.post_raw(b"\x01\x00" + bytes(8 * MIB - 2)), 403)
    refused(shared.post_raw(b"\x01\x00" + bytes(8 * MIB - 1)), 413)
    refused(shared.post(b"data=" + bytes(8 * MIB)), 413)


def test_a_client_that_sends_everything_before_it_reads_gets_its_413(shared: Server) -> None:
    with shared.connection() as connection:
        connection.sendall(
            b"POST /data/collect HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n" % (20 * MIB)
        )
        for _ in range(20):
            connection.sendall(bytes(MIB))
        refused(shared.hear(connection), 413)


@pytest.mark.parametrize("length", [8 * MIB + 1, 10**12, 10**18, 10**30])
def test_a_length_that_is_too_large_is_answered_before_the_body(shared: Server, length: int) -> None:
    head = f"POST /data/collect HTTP/1.1\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    refused(shared.talk(head.encode()), 413)


def test_a_body_in_chunks_that_never_end_is_cut(shared: Server) -> None:
    with shared.connection() as connection:
        connection.sendall(
            b"POST /data/collect HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(9):
            connection.sendall(b"100000\r\n" + bytes(MIB) + b"\r\n")
        refused(shared.hear(connection), 413)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(100) == b""


def test_a_body_that_inflates_to_more_than_eight_mebibytes_is_refused(shared: Server) -> None:
    refused(shared.post(gzip.compress(bytes(8 * MIB + 1)), Content_Encoding="gzip"), 413)
    refused(shared.post(gzip.compress(bytes(200 * MIB)), Content_Encoding="gzip"), 413)


def test_content_that_inflates_to_more_than_sixteen_mebibytes_is_refused_and_not_stored(
    server: Server,
) -> None:
    envelope = sealed(b" " * (16 * MIB + 1), codec=Codec.ZLIB)
    refused(server.post_raw(envelope), 413)
    refused(server.post_raw(envelope), 413)
    assert server.runs() == []
    padded = sealed(b" " * (16 * MIB - 100) + json.dumps(EVENT).encode(), codec=Codec.ZLIB)
    assert server.post_raw(padded).status == 200


def test_more_than_ten_thousand_events_are_refused_and_not_stored(server: Server) -> None:
    small = {"url": "/", "ip": None, "useragent": None}
    assert server.send([small] * 10_000).json["accepted"] == 10_000
    refused(server.send([small] * 10_001), 413)
    assert server.stored() == 10_000
    assert len(server.runs()) == 1


# -- 429 for budgets --------------------------------------------------------------------------------------------------


def test_a_web_service_over_its_budget_gets_429_and_another_one_does_not(server: Server) -> None:
    server.keyring.change(events_per_second=10)
    server.keyring.known[8] = replace(SERVICE, wsid=8)
    assert server.send([EVENT] * 10).status == 200
    answer = server.send([EVENT] * 10)
    refused(answer, 429)
    assert answer.headers["retry-after"] == "1"
    assert server.post_raw(sealed([EVENT] * 10, wsid=8), 8).status == 200
    assert server.stored() == 10


# -- 503 --------------------------------------------------------------------------------------------------------------


def test_a_full_queue_is_503_at_once_and_what_was_accepted_is_stored() -> None:
    store = GatedStore()
    store.gate.clear()
    with Server(store, bounds=Bounds(envelopes=2)) as server:
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(server.send(EVENT))) for _ in range(2)]
        for thread in threads:
            thread.start()
        while server.value("tmon_writer_queue_envelopes") != 2:
            time.sleep(0.002)
        answer = server.send(EVENT)
        refused(answer, 503)
        assert answer.headers["retry-after"] == "1"
        store.gate.set()
        for thread in threads:
            thread.join()
        assert [one.status for one in answers] == [200, 200]
        assert server.stored() == 2


def test_a_store_that_is_away_is_503_and_a_retry_of_the_same_bytes_counts_once() -> None:
    store = GatedStore()

    def away(envelopes: Any) -> None:
        raise Unavailable("the disk is full")

    with Server(store) as server:
        envelope = sealed(EVENT)
        store.before = away
        answer = server.post_raw(envelope)
        refused(answer, 503)
        assert answer.headers["retry-after"] == "2"
        store.before = lambda envelopes: None
        assert server.post_raw(envelope).json["accepted"] == 1
        assert server.post_raw(envelope).json["duplicate"] is True


def test_a_bug_is_503_and_never_500(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a secret detail")

    works, server.pipeline.run = server.pipeline.run, broken  # type: ignore[method-assign]
    with caplog.at_level(logging.CRITICAL):
        small, large = server.send(EVENT), server.send([{**EVENT, "note": "x" * 200}] * 2_000)
    for answer in (small, large):
        assert "secret" not in answer.content.decode()
        refused(answer, 503)
    server.pipeline.run = works  # type: ignore[method-assign]
    assert server.send(EVENT).status == 200
    assert server.front.held == 0


def test_salts_that_cannot_be_had_are_503(server: Server) -> None:
    server.salts.away = accounts_away
    refused(server.send(EVENT), 503)
    server.salts.away = None
    assert server.send(EVENT).status == 200


def test_the_salts_of_several_days_are_fetched_in_one_go(server: Server) -> None:
    days = [{**EVENT, "ts": 1_432_000_000 + number * 86_400} for number in range(30)]
    assert server.send(days).json["accepted"] == 30
    assert server.salts.fetched == 30


def test_too_many_large_bodies_at_once_are_503_and_small_ones_are_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.collector import front

    monkeypatch.setattr(front, "HELD_BYTES", 3 * MIB)
    with server.connection() as slow:
        slow.sendall(
            b"POST /data/collect/7 HTTP/1.1\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\n\r\n" % (4 * MIB) + bytes(2 * MIB)
        )
        while server.front.held < 2 * MIB:
            time.sleep(0.002)
        answer = server.post_raw(b"\x01\x00" + bytes(2 * MIB))
        refused(answer, 503)
        assert answer.headers["retry-after"] == "1"
        assert server.send(EVENT).status == 200
    while server.front.held:
        time.sleep(0.002)


# -- HTTP that is not HTTP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: x\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: 1e3\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: 5\r\nContent-Length: 7\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
    ],
)
def test_a_head_that_does_not_say_where_the_body_ends_is_refused_in_json(shared: Server, head: bytes) -> None:
    content_type = b"Content-Type: application/x-www-form-urlencoded\r\n"
    answer = shared.talk(b"POST /data/collect HTTP/1.1\r\nHost: x\r\n" + content_type + head + b"\r\nbody")
    refused(answer, 400)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /data/collect\r\n\r\n",
        b"POST /data/collect HTTP/9.9\r\n\r\n",
        b"POST /data/collect HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /data/collect HTTP/1.1\r\nX: \x00\r\n\r\n",
        b"POST /data/collect HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_never_gets_a_5xx_and_the_server_goes_on(shared: Server, data: bytes) -> None:
    with shared.connection() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(1)
            heard = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError:  # the server has closed the connection already
            heard = b""
    assert heard == b"" or heard.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))
    assert shared.send(EVENT).status == 200


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server: Server) -> None:
    for body in (b"", b"half"):
        with server.connection() as connection:
            connection.sendall(
                b"POST /data/collect/7 HTTP/1.1\r\nContent-Type: application/octet-stream\r\n"
                b"Content-Length: 100\r\n\r\n" + body
            )
    while server.value("tmon_requests_under_way") or server.front.held:
        time.sleep(0.002)
    assert server.send(EVENT).status == 200


def test_a_client_that_does_not_wait_for_its_answer_is_counted_nevertheless() -> None:
    store = GatedStore()
    store.gate.clear()
    with Server(store) as server:
        envelope = sealed(EVENT)
        with server.connection() as connection:
            connection.sendall(posted(envelope))
            assert store.reached.wait(30)
        store.gate.set()
        assert server.post_raw(envelope).json["duplicate"] is True
        assert server.stored() == 1


def test_a_refused_head_is_answered_before_the_body_for_who_waits_for_leave(shared: Server) -> None:
    head = b"POST /data/collect HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n"
    refused(shared.talk(head + b"Expect: 100-continue\r\n\r\n"), 400)


def test_who_waits_for_leave_to_send_gets_it(shared: Server) -> None:
    envelope = sealed(EVENT)
    with shared.connection() as connection:
        connection.sendall(
            b"POST /data/collect/7 HTTP/1.1\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(envelope)
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(envelope)
        assert shared.hear(connection).status == 200


def test_many_user_agents_that_are_new_do_not_hold_up_the_loop(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    works = server.pipeline.run

    def noted(*given: Any) -> Any:
        threads.append(threading.current_thread().name)
        return works(*given)

    monkeypatch.setattr(server.pipeline, "run", noted)
    server.send(EVENT)
    threads.clear()
    events = [{**EVENT, "useragent": f"agent never seen before/{number}"} for number in range(40)]
    assert server.send(events).status == 200
    assert threads
    assert server._thread.name not in threads
    threads.clear()
    assert server.send(events).status == 200
    assert threads == [server._thread.name]


def test_a_user_agent_of_any_type_is_the_events_own_fault(server: Server) -> None:
    events = [{**EVENT, "useragent": [number]} for number in range(40)]
    assert server.send(events).json["rejected_count"] == 40
