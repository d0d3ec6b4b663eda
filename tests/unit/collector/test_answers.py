# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as they go out."""

from __future__ import annotations

import gzip
import json

import pytest

from tmon.server.collector.answers import (
    Answer,
    Response,
    accepts_gzip,
    as_bytes,
    of_not_taken,
    of_outcome,
    of_refusal,
    rendered,
)
from tmon.server.collector.refusals import Refusal
from tmon.server.writer import Busy, Deleted, NotStored, Outcome, OverBudget


def test_what_was_accepted() -> None:
    answer = of_outcome(Outcome(status=200, accepted=3), stream=False, debug=False)
    assert (answer.status, json.loads(answer.body)) == (
        200,
        {"status_code": 200, "accepted": 3, "rejected_count": 0, "rejected": []},
    )


def test_repeated_is_said_of_streams_only() -> None:
    outcome = Outcome(status=200, accepted=1, repeated=2, rejected_count=1, rejected=((2, "url: missing"),))
    assert json.loads(of_outcome(outcome, stream=True, debug=False).body) == {
        "status_code": 200,
        "accepted": 1,
        "repeated": 2,
        "rejected_count": 1,
        "rejected": [{"index": 2, "error": "url: missing"}],
    }


def test_the_highest_offset_of_a_stream_is_said_where_there_is_one() -> None:
    assert json.loads(of_outcome(Outcome(status=200, highest_offset=0), stream=True, debug=False).body) == {
        "status_code": 200,
        "accepted": 0,
        "repeated": 0,
        "highest_offset": 0,
        "rejected_count": 0,
        "rejected": [],
    }


def test_a_duplicate_says_so() -> None:
    outcome = Outcome(status=400, message="not JSON", duplicate=True)
    assert json.loads(of_outcome(outcome, stream=False, debug=True).body) == {
        "status_code": 400,
        "accepted": 0,
        "rejected_count": 0,
        "rejected": [],
        "duplicate": True,
        "message": "not JSON",
    }


def test_messages_are_for_debugging() -> None:
    outcome = Outcome(status=400, message="not JSON")
    assert "message" not in json.loads(of_outcome(outcome, stream=False, debug=False).body)
    assert json.loads(of_refusal(Refusal(400, "why"), debug=False).body) == {"status_code": 400}
    assert json.loads(of_refusal(Refusal(400, "why"), debug=True).body) == {
        "status_code": 400,
        "message": "why",
    }


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Busy("full"), 503, "1"),
        (NotStored("away", 2.0), 503, "2"),
        (OverBudget("much", 0.2), 429, "1"),
        (OverBudget("very much", 61.2), 429, "62"),
        (Deleted("gone"), 403, None),
    ],
)
def test_what_was_not_taken(error: Exception, status: int, retry_after: str | None) -> None:
    answer = of_not_taken(error, debug=False)  # type: ignore[arg-type]
    assert answer.status == status
    assert answer.headers.get("Retry-After") == retry_after


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("gzipped", False),
    ],
)
def test_whether_a_client_accepts_gzip(header: str | None, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_long_answers_are_gzipped_and_short_ones_are_not() -> None:
    response = rendered(Answer(200, b"x" * 1025), "gzip")
    assert response.status == 200
    headers = dict(response.headers)
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(response.body) == b"x" * 1025
    assert rendered(Answer(200, b"x" * 1024), "gzip").body == b"x" * 1024
    assert rendered(Answer(200, b"x" * 1025), None).body == b"x" * 1025


def test_a_response_as_it_goes_out() -> None:
    sent = as_bytes(Response(200, "OK", [("X-Own", "1")], b"body"), connection="close", without_body=False)
    head, _, body = sent.partition(b"\r\n\r\n")
    first, date, *rest = head.split(b"\r\n")
    assert (first, body) == (b"HTTP/1.1 200 OK", b"body")
    assert date.startswith(b"Date: ")
    assert rest == [b"X-Own: 1", b"Content-Length: 4", b"Connection: close"]


def test_a_response_to_head_has_a_length_and_no_body() -> None:
    sent = as_bytes(Response(200, "OK", [], b"body"), connection=None, without_body=True)
    assert sent.endswith(b"\r\nContent-Length: 4\r\n\r\n")


def test_no_content_has_no_length() -> None:
    sent = as_bytes(Response(204, "No Content", [], b""), connection=None, without_body=False)
    assert b"Content-Length" not in sent


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
def test_a_header_cannot_end_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="end of a line"):
        as_bytes(Response(200, "OK", [("X-Own", value)], b""), connection=None, without_body=False)
