# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer means, how long to wait for the next attempt, and that every attempt sends the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import Answer, Refused, Rejected, Undelivered, Unreachable
from tmon.client_api.delivery import Retry, deliver, judge, retry_after_s, wait_s
from tmon.client_api.transport import Reply

STORED = Reply(200, "", b'{"status_code":200,"accepted":3,"rejected_count":0,"rejected":[]}')


def test_a_collectors_200_is_final() -> None:
    reply = Reply(
        200,
        "",
        b'{"status_code":200,"accepted":3,"repeated":2,"rejected_count":1,'
        b'"rejected":[{"index":4,"error":"url is missing"}],"duplicate":true}',
    )
    assert judge(reply) == Answer(
        status=200,
        accepted=3,
        repeated=2,
        rejected_count=1,
        rejected=(Rejected(4, "url is missing"),),
        duplicate=True,
    )


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_overloaded_or_broken_server_is_tried_again(status: int) -> None:
    assert judge(Reply(status, "3", b"")) == Retry(f"the server answered {status}", 3.0)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 405, 413, 422])
def test_every_other_status_is_final(status: int) -> None:
    assert judge(Reply(status, "", b"<html>")) == Answer(status=status)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome to the hotel's network</html>",
        b"[]",
        b'{"status_code":200}',
        b'{"status_code":200,"accepted":true}',
        b'{"status_code":200,"accepted":-1}',
        b'{"accepted":1}',
        b"[" * 100_000,
        b'{"status_code":200,"accepted":1',
        b"\xff\xfe",
    ],
)
def test_a_200_that_no_collector_wrote_is_tried_again(body: bytes) -> None:
    assert isinstance(judge(Reply(200, "", body)), Retry)


@given(st.binary(max_size=50) | st.text().map(str.encode), st.integers(200, 599))
def test_no_answer_whatever_breaks_the_judgement(body: bytes, status: int) -> None:
    assert isinstance(judge(Reply(status, "", body)), Answer | Retry)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("99999999999999999999", 3600.0),
        ("-7", None),
        ("7.5", None),
        ("soon", None),
        ("\u0667", None),
        ("Sun, 25 Oct 2026 01:00:30 GMT", 30.0),
        ("Sun, 25 Oct 2026 00:59:00 GMT", 0.0),
        ("Mon, 26 Oct 2026 01:00:00 GMT", 3600.0),
        ("Sun, 25 Oct 99999 01:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, now=1_792_890_000.0) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_whatever_breaks_its_reading(header: str) -> None:
    seconds = retry_after_s(header)
    assert seconds is None or 0 <= seconds <= 3600


def test_waits_double_from_half_a_second_up_to_a_minute() -> None:
    waits = [wait_s(attempt, None, chance=lambda: 0.0) for attempt in range(1, 12)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_chance_shortens_a_wait_by_at_most_half() -> None:
    assert wait_s(3, None, chance=lambda: 1.0) == 1.0


@given(st.integers(1, 10**6), st.floats(0, 3600), st.floats(0, 1))
def test_no_wait_is_shorter_than_the_server_asked_for(attempt: int, after_s: float, chance: float) -> None:
    assert wait_s(attempt, after_s, chance=lambda: chance) >= after_s


def _scripted(*script: Reply | Unreachable) -> tuple[list[bytes], Callable[[bytes], Reply]]:
    sent: list[bytes] = []
    answers = iter(script)

    def post(envelope: bytes) -> Reply:
        sent.append(envelope)
        answer = next(answers)
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    return sent, post


def test_the_same_bytes_are_sent_until_the_answer_is_final() -> None:
    sent, post = _scripted(Unreachable("reset"), Reply(503, "0", b""), Reply(429, "", b""), STORED)
    waits: list[float] = []
    answer = deliver(post, b"sealed", pause=lambda seconds: waits.append(seconds) is None)
    assert answer.accepted == 3
    assert sent == [b"sealed"] * 4
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits))
    assert all(later > earlier * 0.9 for earlier, later in pairwise(waits))


def test_a_refusal_is_not_tried_again_and_carries_the_answer() -> None:
    sent, post = _scripted(Reply(403, "", b'{"status_code":403}'))
    with pytest.raises(Refused, match="403") as caught:
        deliver(post, b"sealed", pause=lambda _: True)
    assert caught.value.answer == Answer(status=403)
    assert sent == [b"sealed"]


def test_giving_up_says_why_the_last_attempt_failed() -> None:
    _, post = _scripted(Reply(503, "", b""), Unreachable("http://stats.example.org: connection refused"))
    pauses = iter([True, False])
    with pytest.raises(Undelivered, match=r"after 2 attempts: http://stats.example.org: connection refused"):
        deliver(post, b"sealed", pause=lambda _: next(pauses))


def test_each_failed_attempt_is_told() -> None:
    _, post = _scripted(Reply(503, "", b""), Unreachable("reset"), STORED)
    heard: list[str] = []
    deliver(post, b"sealed", pause=lambda _: True, on_failure=heard.append)
    assert heard == ["the server answered 503", "reset"]
