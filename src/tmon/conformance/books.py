# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what a client says about itself against what came from it. A record in, findings out, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from .content import FEED_IT
from .findings import Finding, failed, not_seen, passed
from .limits import MAX_NAME, MAX_REASON, MAX_REASONS
from .record import Delivery, Record
from .script import Kind

MOST: Final = 2**53
BOOKS: Final = ("source", "run", "seq", "sent", "lost", "close")


def judge_books(record: Record) -> Iterator[Finding]:
    """The findings about counts and bookkeeping."""
    yield _counts(record)
    yield _bookkeeping(record)
    yield _close(record)
    yield _stream(record)


def _runs(record: Record) -> dict[tuple[str, str], list[Delivery]]:
    runs: dict[tuple[str, str], list[Delivery]] = {}
    for one in record.in_order:
        head = one.received.head
        if head.get("run"):
            runs.setdefault((str(head.get("source", "")), str(head["run"])), []).append(one)
    return runs


def _kept(record: Record) -> bool:
    return any(name in one.received.head for one in record.in_order for name in BOOKS)


# -- counts -----------------------------------------------------------------------------------------------------------


def _counts(record: Record) -> Finding:
    """Whether each of the kit's events, before the last step, was decided about once or is reported as lost."""
    decided: dict[int, int] = {}
    for one in record.in_order:
        if one.outcome is not None:
            for identity in one.identities:
                if isinstance(identity, int):
                    decided[identity] = decided.get(identity, 0) + 1
    if not decided:
        return not_seen("counts", "none of the kit's events", FEED_IT)
    twice = [number for number, times in decided.items() if times > 1]
    if twice:
        return failed(
            "counts",
            f"{len(twice)} events were stored more than once, the first is number {min(twice)}",
            "whatever is uncertain is sent as the same bytes: a server tells by them that it has it",
        )
    # Whoever stopped before the end of its input, after a 400 perhaps, had read more than it sent.
    offered = {
        number for start, some in record.offered.items() if start in record.ended_in_order for number in some
    }
    missing = len(offered.difference(decided))
    if not offered:
        return passed("counts", f"{len(decided):,} events, none twice")
    lost = sum(sum(_lost(ones[-1]).values()) for ones in _runs(record).values())
    if missing > lost:
        return failed(
            "counts",
            f"{missing:,} of {len(offered):,} events never came, {lost} are reported as lost",
            "keep what is not yet taken until the end, and report what is dropped in lost",
        )
    return passed("counts", f"{len(decided):,} events once, {missing} reported as lost")


# -- bookkeeping ------------------------------------------------------------------------------------------------------


def _bookkeeping(record: Record) -> Finding:
    if not _kept(record):
        return not_seen(
            "bookkeeping", "it keeps no books", "with them a loss is seen: docs/sending.md, Bookkeeping"
        )
    for one in record.in_order:
        if fault := _fault(one.received.head):
            return failed("bookkeeping", fault, "docs/sending.md, Bookkeeping")
    runs = _runs(record)
    if not runs:
        return failed("bookkeeping", "no run", "a random run per process keeps the books of two apart")
    for ones in runs.values():
        if found := _run_fault(ones, complete=not record.problems):
            return failed("bookkeeping", *found)
    envelopes = sum(map(len, runs.values()))
    return passed(
        "bookkeeping", f"{len(runs)} run{'s' if len(runs) > 1 else ''}, {envelopes} envelopes, all agree"
    )


def _fault(head: dict[str, Any]) -> str:
    """What is wrong with the types of bookkeeping, for which a server refuses the envelope."""
    for name in ("source", "run", "stream"):
        value = head.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= MAX_NAME):
            return f"{name} is no text of at most {MAX_NAME} characters"
    for name, least in (("seq", 1), ("sent", 0)):
        if name in head and head[name] is not None and not _is_count(head[name], least):
            return f"{name} is no whole number from {least} on"
    lost = head.get("lost")
    if lost is not None and not (
        isinstance(lost, dict) and all(_is_count(count, 0) for count in lost.values())
    ):
        return "lost is no object of counts by reason"
    if lost and (len(lost) > MAX_REASONS or not all(1 <= len(reason) <= MAX_REASON for reason in lost)):
        return f"lost has more than {MAX_REASONS} reasons, or one of no or more than {MAX_REASON} characters"
    if not isinstance(head.get("close", False), bool | None):
        return "close is neither true nor false"
    return ""


def _run_fault(ones: list[Delivery], *, complete: bool) -> tuple[str, str] | None:
    """What does not agree in the books of a run, and what to do; `complete` if all that came could be read."""
    # Of what was too large a server knows nothing: its parts may have its number, or new ones.
    known = [one for one in ones if one.step is None or one.step.kind is not Kind.SPLIT]
    numbers = sorted(one.received.head["seq"] for one in known if "seq" in one.received.head)
    advice = "seq counts the envelopes of a run from 1; a retry is the same envelope, a new process a new run"
    twice = [one for one, two in pairwise(numbers) if one == two]
    if twice:
        return f"seq {twice[0]} is that of two envelopes", advice
    if numbers and complete:
        all_numbers = {one.received.head["seq"] for one in ones if "seq" in one.received.head}
        if min(all_numbers) != 1:
            return f"the first seq is {min(all_numbers)}", advice
        closed = any(one.received.head.get("close") for one in ones)
        missing = max(all_numbers) - len(all_numbers)
        if closed and missing:
            return f"{missing} numbers of seq are missing", advice
    known.sort(key=lambda one: one.received.head.get("seq", 0))
    return _sums_fault(known, complete=complete)


def _sums_fault(ones: list[Delivery], *, complete: bool) -> tuple[str, str] | None:
    """What does not add up, in envelopes in the order of their numbers."""
    closed = any(one.received.head.get("close") and one.outcome is not None for one in ones)
    if not any("sent" in one.received.head for one in ones):
        return None
    advice = "sent counts all events of the run so far, sealed or lost, with this envelope's"
    so_far: set[int | str] = set()
    sent = 0
    lost: dict[str, int] = {}
    for one in ones:
        so_far.update(one.identities)
        now = one.received.head.get("sent")
        if now is None:
            continue
        if now < sent:
            return f"sent falls from {sent} to {now}", advice
        if now < len(so_far):
            return f"sent is {now} when {len(so_far)} events had come", advice
        for reason, count in lost.items():
            if _lost(one).get(reason, 0) < count:
                return (
                    f"lost falls below {count} for {reason[:40]}",
                    "lost counts all of the run so far, like sent",
                )
        sent, lost = now, _lost(one)
    if not (closed and complete):
        return None
    events = [identity for one in ones for identity in one.identities]
    if len(set(events)) < len(events) and not all(isinstance(identity, int) for identity in events):
        return None
    taken = {identity for one in ones if one.outcome is not None for identity in one.identities}
    accounted = len(taken) + sum(lost.values())
    if sent > accounted:
        return (
            f"sent is {sent} at the end, but {len(taken)} events came and {sum(lost.values())} are lost",
            advice,
        )
    if sent < accounted:
        return (
            f"sent is {sent} at the end, fewer than the {len(taken)} events that came and {sum(lost.values())} lost",
            "an event that the server has decided about, also one that it rejected, is not lost",
        )
    return None


def _close(record: Record) -> Finding:
    if not _kept(record):
        return not_seen("close", "it keeps no books")
    closed = {
        one.start for one in record.in_order if one.received.head.get("close") and one.outcome is not None
    }
    missing = record.ended_in_order - closed
    if missing:
        return failed(
            "close",
            "it ended without an envelope that says close",
            "the last envelope of a run has close: true, also without events; else the run is shown as unconfirmed",
        )
    return passed("close", f"{len(closed)} times") if closed else not_seen("close", "no run ended in order")


def _stream(record: Record) -> Finding:
    highest: dict[str, int] = {}
    for one in record.in_order:
        stream = one.received.head.get("stream")
        if not isinstance(stream, str):
            continue
        for event in one.received.events:
            offset = event.get("offset") if isinstance(event, dict) else None
            if not isinstance(offset, int) or not _is_count(offset, 0):
                return failed(
                    "stream", "an event of a stream without an offset", "each has the place where it was read"
                )
            if offset <= highest.get(stream, -1) and one.distinct:
                return failed(
                    "stream",
                    f"offset {offset} after {highest[stream]}",
                    "send a stream in its order, one envelope after the other",
                )
            highest[stream] = max(offset, highest.get(stream, -1))
    if not highest:
        return not_seen("stream", "it sends none")
    return passed("stream", f"up to offset {max(highest.values())}")


def _lost(one: Delivery) -> dict[str, int]:
    lost = one.received.head.get("lost")
    return lost if isinstance(lost, dict) else {}


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST
