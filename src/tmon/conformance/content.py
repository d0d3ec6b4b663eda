# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what was sent: how it was sealed, written and gathered. A record in, findings out, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import Any, Final

from . import offered
from .events import fault_of, ts_fault
from .findings import Finding, failed, not_seen, passed
from .limits import MAX_BODY_BYTES, MAX_EVENTS
from .record import Record

FEED_IT: Final = (
    "have it send the kit's own events: run it by the kit, or pipe tmon conformance --events into it"
)
NONCES_FOR_CHANCE: Final = 5
"""From so many on a byte that is the same in all of them is no chance: one in 350 million."""
MANY: Final = 30
CLOCKS_DIFFER_S: Final = 300.0
MIB: Final = 1024 * 1024


def judge_content(record: Record) -> Iterator[Finding]:
    """The findings about envelopes, events and batches."""
    yield _endpoint(record)
    yield _secret(record)
    yield _envelope(record)
    yield from _optional(record)
    yield _nonces(record)
    yield _json(record)
    yield _events(record)
    yield from _unchanged(record)
    yield _times(record)
    yield _prompt(record)
    yield _batching(record)
    yield _limits(record)
    yield _large(record)


def _problem(record: Record, check: str) -> Finding | None:
    """The first problem of a check, and how often there was one."""
    problems = [one for one in record.problems if one.check == check]
    if not problems:
        return None
    more = f" ({len(problems)} requests)" if len(problems) > 1 else ""
    return failed(check, problems[0].seen + more, problems[0].advice)


def _endpoint(record: Record) -> Finding:
    if problem := _problem(record, "endpoint"):
        return problem
    if not record.deliveries:
        return not_seen("endpoint", "no request that could be read", "check the address: it is in TMON_DSN")
    for one in record.in_order:
        for check, remark in one.received.remarks:
            if check == "endpoint":
                return failed(
                    "endpoint",
                    remark,
                    "what stands before the wsid in the DSN's path is a prefix of every path; "
                    "a raw envelope is application/octet-stream",
                )
    ways = Counter("form" if one.received.form else "raw" for one in record.in_order)
    return passed("endpoint", ", ".join(f"{count} {way}" for way, count in ways.items()))


def _secret(record: Record) -> Finding:
    if record.leaks:
        places = ", ".join(sorted(set(record.leaks)))
        return failed(
            "secret",
            f"it is in {places}",
            "the key seals and goes nowhere; take it out of the address before an HTTP library sees that",
        )
    if not record.requests:
        return not_seen("secret", "no request")
    return passed("secret", f"in none of {record.requests} requests")


def _envelope(record: Record) -> Finding:
    if problem := _problem(record, "envelope"):
        return problem
    if not record.deliveries:
        return not_seen("envelope", "none")
    codecs = Counter(one.received.codec.value for one in record.in_order)
    return passed(
        "envelope", ", ".join(f"{count} of codec {codec}" for codec, count in sorted(codecs.items()))
    )


def _optional(record: Record) -> Iterator[Finding]:
    forms = [one.received for one in record.in_order if one.received.form]
    remark = next((text for one in forms for check, text in one.remarks if check == "base64"), "")
    yield (
        _problem(record, "base64")
        or (
            passed("base64", remark or f"in {len(forms)} forms")
            if forms
            else not_seen("base64", "it sends raw envelopes")
        )
    )
    packed = sum(one.received.codec == 1 for one in record.in_order)
    yield (
        _problem(record, "zlib")
        or (passed("zlib", f"in {packed} envelopes") if packed else not_seen("zlib", "it does not compress"))
    )
    gzipped = sum(one.received.gzipped for one in record.in_order)
    yield (
        _problem(record, "http-gzip")
        or (
            passed("http-gzip", f"{gzipped} bodies")
            if gzipped
            else not_seen("http-gzip", "it does not use it")
        )
    )


def _nonces(record: Record) -> Finding:
    advice = "draw 12 bytes from the system's random generator for each envelope; a nonce used twice breaks AES-GCM"
    nonces = [one.received.nonce for one in record.in_order]
    nonce, most = Counter(nonces).most_common(1)[0] if nonces else (b"", 0)
    if most > 1:
        return failed("nonces", f"{nonce.hex()} in {most} different envelopes", advice)
    if len(nonces) < NONCES_FOR_CHANCE:
        return not_seen("nonces", f"only {len(nonces)} envelopes", "have it send more")
    fixed = [place for place in range(12) if len({nonce[place] for nonce in nonces}) == 1]
    if fixed:
        return failed("nonces", f"byte {fixed[0] + 1} is the same in all: a counter or a time?", advice)
    return passed("nonces", f"{len(nonces)} different ones")


def _json(record: Record) -> Finding:
    if problem := _problem(record, "json"):
        return problem
    if not record.deliveries:
        return not_seen("json", "nothing opened")
    return passed("json", f"in {len(record.deliveries)} envelopes")


def _events(record: Record) -> Finding:
    faults = Counter(
        fault for one in record.in_order for event in one.received.events if (fault := fault_of(event))
    )
    count = sum(len(one.received.events) for one in record.in_order)
    if faults:
        fault, most = faults.most_common(1)[0]
        return failed(
            "events", f"{fault} ({most} of {count} events)", "docs/events.md says what an event holds"
        )
    return passed("events", f"{count:,}") if count else not_seen("events", "none")


# -- the kit's own events come as they were offered -------------------------------------------------------------------


def _unchanged(record: Record) -> Iterator[Finding]:
    """Texts and values; times are judged with the others."""
    compared = 0
    texts: list[str] = []
    values: list[str] = []
    for number, event in _own(record):
        compared += 1
        for name, given in offered.event(number).items():
            if name == "ts":
                continue
            got = event.get(name)
            if isinstance(given, str) and name in event:
                if got != given:
                    kind = (
                        offered.TEXTS[number % len(offered.TEXTS)][0]
                        if number < offered.LARGE_FROM
                        else "a kilobyte"
                    )
                    texts.append(f"{kind}: {name} is {str(got)[-40:]!a}, was {given[-40:]!a}")
            elif got != given or isinstance(got, bool) != isinstance(given, bool):
                values.append(f"{name} is {str(got)[:30]!a}, was {str(given)[:30]!a}")
    problem = _problem(record, "unicode")
    if problem is not None:
        yield problem
    elif texts:
        yield failed(
            "unicode",
            f"{texts[0]} ({len(texts)} texts)",
            "decode and write JSON as UTF-8 throughout, and change no text",
        )
    elif compared < len(offered.TEXTS):
        yield not_seen("unicode", f"{compared} of the kit's events", FEED_IT)
    else:
        yield passed("unicode", f"in {compared:,} events: beyond the BMP, combining, NUL and controls")
    if values:
        yield failed(
            "values", f"{values[0]} ({len(values)} values)", "pass numbers, booleans and null on as they are"
        )
    elif compared < len(offered.TEXTS):
        yield not_seen("values", f"{compared} of the kit's events", FEED_IT)
    else:
        yield passed("values", f"in {compared:,} events")


def _own(record: Record) -> Iterator[tuple[int, dict[str, Any]]]:
    """The kit's own events among those that came, each once per envelope."""
    for one in record.in_order:
        for identity, event in zip(one.identities, one.received.events, strict=True):
            if isinstance(identity, int):
                yield identity, event


def _times(record: Record) -> Finding:
    seen = 0
    for one in record.in_order:
        sent_at = one.received.head.get("sent_at")
        if sent_at is not None:
            if not isinstance(sent_at, int | float) or isinstance(sent_at, bool):
                return failed(
                    "times", f"sent_at is a {type(sent_at).__name__}", "sent_at is Unix seconds, a number"
                )
            if abs(sent_at - one.wall) > CLOCKS_DIFFER_S:
                hint = ": milliseconds?" if one.wall * 500 < sent_at < one.wall * 2000 else ""
                return failed(
                    "times",
                    f"sent_at is {str(sent_at)[:40]}, now is {one.wall:.0f}{hint}",
                    "sent_at is when it was sealed, in Unix seconds",
                )
        for event in one.received.events:
            ts = event.get("ts") if isinstance(event, dict) else None
            seen += ts is not None
            if fault := ts_fault(ts, one.wall):
                return failed("times", f"ts: {fault}", "ts is Unix seconds, or ISO 8601 with an offset")
    for number, event in _own(record):
        given = offered.event(number).get("ts")
        if given is not None and event.get("ts") != given:
            return failed(
                "times", f"ts is {str(event.get('ts'))[:40]}, was {given}", "leave a time that an event has"
            )
    return passed("times", f"{seen:,} of ts, plausible") if seen else not_seen("times", "no ts", FEED_IT)


# -- batches ----------------------------------------------------------------------------------------------------------


def _prompt(record: Record) -> Finding:
    took = record.first_alone_s
    if took is None:
        return not_seen("prompt", "no event was offered alone", FEED_IT)
    if took == inf:
        return not_seen(
            "prompt",
            "an event that was offered alone was not sent until others came",
            "seal a batch, too, when its first event is a second old, unless all that you send are files",
        )
    return passed("prompt", f"after {took:.1f} s")


def _batching(record: Record) -> Finding:
    sizes = [len(one.received.events) for one in record.in_order if one.received.events]
    if sum(sizes) < MANY:
        return not_seen("batching", f"{sum(sizes)} events in all", f"have it send at least {MANY} at once")
    average = sum(sizes) / len(sizes)
    seen = f"{average:,.1f} events an envelope, {max(sizes):,} at most"
    if average < 2:
        return failed(
            "batching",
            seen,
            "gather events for up to a second, or up to 500 of them: each envelope costs a request and a commit",
        )
    return passed("batching", seen)


def _limits(record: Record) -> Finding:
    if problem := _problem(record, "limits"):
        return problem
    if not record.deliveries:
        return not_seen("limits", "nothing")
    received = [one.received for one in record.in_order]
    body = max(one.body_bytes for one in received)
    events = max(len(one.events) for one in received)
    return passed(
        "limits",
        f"at most {body / MIB:.2f} of {MAX_BODY_BYTES // MIB} MiB and {events:,} of {MAX_EVENTS:,} events",
    )


def _large(record: Record) -> Finding:
    numbers = range(offered.LARGE_FROM, offered.LARGE_FROM + offered.LARGE_EVENTS)
    stored = {
        identity
        for one in record.in_order
        if one.stored
        for identity in one.identities
        if isinstance(identity, int) and identity >= offered.LARGE_FROM
    }
    if not stored:
        return not_seen("large", "none of the kit's large events", FEED_IT)
    if len(stored) < len(numbers):
        return failed(
            "large",
            f"{len(stored):,} of {len(numbers):,} events of a kilobyte arrived",
            "bound a batch by bytes, too, and read on after each",
        )
    size = sum(
        one.received.plaintext_bytes
        for one in record.in_order
        if any(type(i) is int and i >= offered.LARGE_FROM for i in one.identities)
    )
    return passed("large", f"{size / MIB:.1f} MiB, all {len(numbers):,} events")
