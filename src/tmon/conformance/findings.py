# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kit checks, by name, and what it says about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Verdict(StrEnum):
    """What is said of a check."""

    PASS = "pass"  # noqa: S105 (a verdict)
    FAIL = "fail"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of a check, what was seen, and what to do where it is not a pass."""

    check: str
    verdict: Verdict
    seen: str
    advice: str = ""


class Check(NamedTuple):
    """What a check asks for, and whether a client may do without what it is about."""

    asks: str
    required: bool = True


CHECKS: Final = {
    "endpoint": Check("POST to the address, path and prefix of the DSN, with the right Content-Type"),
    "secret": Check("the secret is in no header, address, body or output"),
    "envelope": Check("every envelope opens: version, codec, nonce, associated data, tag"),
    "base64": Check("the form's data is standard Base64 with padding", required=False),
    "zlib": Check("codec 1 holds one zlib stream", required=False),
    "http-gzip": Check("a body with Content-Encoding: gzip is gzip", required=False),
    "nonces": Check("nonces are random, and none is used twice"),
    "json": Check("the content is UTF-8 JSON of one of the three forms"),
    "events": Check("events have their required keys, and no nested values"),
    "unicode": Check("text arrives as it was given"),
    "values": Check("numbers, booleans and null arrive as they were given"),
    "times": Check("ts and sent_at are times that a server takes, and ts is not changed"),
    "batching": Check("where many events wait, an envelope holds several"),
    "limits": Check("no envelope is larger than a server takes"),
    "large": Check("megabytes of events arrive"),
    "retry-503": Check("after 503 the same bytes come again"),
    "retry-429": Check("after 429 the same bytes come again"),
    "retry-after": Check("not before Retry-After is over"),
    "backoff": Check("after 500 and 408, too, and after a pause that is not tiny"),
    "no-answer": Check("a connection that closes without an answer: the same bytes, answered as a duplicate"),
    "cut-answer": Check("an answer that breaks off: the same"),
    "not-http": Check("an answer that is not HTTP: the same bytes"),
    "foreign-200": Check("a 200 that no T-Mon wrote: the same bytes"),
    "slow-answer": Check("an answer that takes a second is waited for"),
    "gzip-answer": Check("a gzipped answer is understood by whoever asks for it", required=False),
    "final-400": Check("after 400 neither the bytes nor their events come again"),
    "split-413": Check("after 413 the events come in several smaller envelopes"),
    "calm-403": Check("after 403 the client stops, or tries rarely"),
    "counts": Check("each event arrives once, or is reported as lost"),
    "bookkeeping": Check("source, run, seq, sent and lost agree with what came", required=False),
    "close": Check("a run that ends on purpose says so", required=False),
    "stream": Check("events of a stream have offsets that grow", required=False),
}
"""In the order of the table."""


def passed(check: str, seen: str) -> Finding:
    """A check that is met."""
    return Finding(check, Verdict.PASS, seen)


def failed(check: str, seen: str, advice: str) -> Finding:
    """A check that is not met."""
    return Finding(check, Verdict.FAIL, seen, advice)


def not_seen(check: str, seen: str, advice: str = "") -> Finding:
    """A check of which nothing was seen."""
    return Finding(check, Verdict.NOT_SEEN, seen, advice)


def conforms(findings: list[Finding]) -> bool:
    """Whether nothing failed and everything that is required was seen."""
    return all(
        one.verdict is Verdict.PASS or (one.verdict is Verdict.NOT_SEEN and not CHECKS[one.check].required)
        for one in findings
    )
