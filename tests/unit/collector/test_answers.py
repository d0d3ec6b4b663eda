# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as they go out."""

from __future__ import annotations

import gzip
import json

import pytest

from tmon.server.collector.answers import Answer, accepts_gzip, of_not_taken, of_outcome, of_refusal, rendered
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
    start, headers, body = rendered(Answer(200, b"x" * 1025), "gzip")
    assert start.code == 200
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == b"x" * 1025
    assert rendered(Answer(200, b"x" * 1024), "gzip")[2] == b"x" * 1024
    assert rendered(Answer(200, b"x" * 1025), None)[2] == b"x" * 1025
