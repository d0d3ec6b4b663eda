# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector's answers: JSON whose `status_code` equals the HTTP status, gzipped where that helps."""

from __future__ import annotations

import gzip
import math
import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http.client import responses
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from tmon.server.writer import Deleted, NotTaken, Outcome, OverBudget

from .refusals import Refusal

JSON: Final = "application/json"
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
WITHOUT_BODY: Final = frozenset({204, 304})
GZIP_FROM_BYTES: Final = 1024
"""Smaller answers fit into one packet as they are."""

_encode = msgspec.json.Encoder().encode
_BREAKS_A_LINE: Final = re.compile(r"[\r\n\0]")


class Answer(NamedTuple):
    """An HTTP answer: its status, its body, and the headers that not every answer has."""

    status: int
    body: bytes
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = JSON


class Response(NamedTuple):
    """An HTTP response with all of its headers but Date, Content-Length and Connection."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


def of_outcome(outcome: Outcome, *, stream: bool, debug: bool) -> Answer:
    """What became of an envelope (CONTRACT section 3); `stream` if its events have positions.

    Who sends an envelope of a stream without events asks how far the stream is stored: `highest_offset`.
    """
    content: dict[str, Any] = {"status_code": outcome.status, "accepted": outcome.accepted}
    if stream:
        content["repeated"] = outcome.repeated
        asked = not (outcome.accepted or outcome.repeated or outcome.rejected_count)
        if asked and outcome.highest_offset is not None:
            content["highest_offset"] = outcome.highest_offset
    content["rejected_count"] = outcome.rejected_count
    content["rejected"] = [{"index": index, "error": error} for index, error in outcome.rejected]
    if outcome.duplicate:
        content["duplicate"] = True
    if debug and outcome.message:
        content["message"] = outcome.message
    return Answer(outcome.status, _encode(content))


def of_not_taken(error: NotTaken, *, debug: bool) -> Answer:
    """An envelope that the writer did not store: 429 over budget, 403 if its web service is gone, else 503."""
    if isinstance(error, Deleted):
        return of_refusal(Refusal(403, str(error)), debug=debug)
    status = 429 if isinstance(error, OverBudget) else 503
    return of_refusal(Refusal(status, str(error), retry_after_s=error.retry_after_s), debug=debug)


def of_refusal(refusal: Refusal, *, debug: bool) -> Answer:
    """A request that was turned away."""
    headers = {}
    if refusal.allow is not None:
        headers["Allow"] = refusal.allow
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    return of_content(refusal.status, {"message": str(refusal)} if debug else {}, headers)


def of_content(status: int, content: dict[str, Any], headers: Mapping[str, str] = NO_HEADERS) -> Answer:
    """`content` with its status."""
    return Answer(status, _encode({"status_code": status, **content}), headers)


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether an Accept-Encoding header (RFC 9110, section 12.5.3) lets an answer be gzipped."""
    qualities: dict[str, bool] = {}
    for part in (accept_encoding or "").lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        refused = any(
            name.strip() == "q" and not value.strip(" 0.")
            for name, _, value in (parameter.partition("=") for parameter in parameters)
        )
        qualities[coding] = not refused
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", False)))


def rendered(answer: Answer, accept_encoding: str | None) -> Response:
    """The response to a request with this Accept-Encoding header."""
    body = answer.body
    headers = [
        ("Content-Type", answer.content_type),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if len(body) > GZIP_FROM_BYTES:
        headers.append(("Vary", "Accept-Encoding"))
        if accepts_gzip(accept_encoding):
            body = gzip.compress(body, 6, mtime=0)
            headers.append(("Content-Encoding", "gzip"))
    if answer.headers:
        headers += answer.headers.items()
    return Response(answer.status, responses[answer.status], headers, body)


def as_bytes(response: Response, *, connection: str | None, without_body: bool) -> bytes:
    """The response as it goes out; `connection` is what it says about the connection, `without_body` is for HEAD.

    Raises ValueError where a header would end its line.
    """
    status, body = response.status, response.body
    ended = [] if status in WITHOUT_BODY else [("Content-Length", str(len(body)))]
    if connection is not None:
        ended.append(("Connection", connection))
    head = _head(response, ended)
    return head if without_body or status in WITHOUT_BODY else head + body


def stream_head(response: Response) -> bytes:
    """The head of a response whose body ends with the connection. Raises ValueError as `as_bytes` does."""
    return _head(response, [("Connection", "close")])


def _head(response: Response, more: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {response.reason}", f"Date: {_date(int(time.time()))}"]
    lines += [f"{name}: {value}" for name, value in (*response.headers, *more)]
    if any(map(_BREAKS_A_LINE.search, lines)):
        raise ValueError("a header holds the end of a line")
    return "\r\n".join(lines).encode("latin1", "replace") + b"\r\n\r\n"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The Date header (RFC 9110, section 6.6.1)."""
    return formatdate(second, usegmt=True)
