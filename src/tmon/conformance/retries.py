# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what a client did when the endpoint misbehaved. A record in, findings out, no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from .content import FEED_IT
from .findings import Finding, failed, not_seen, passed
from .record import Arrival, Delivery, Record
from .script import MAIN, Kind, Step

EARLY_S: Final = 0.05
"""Clocks and schedulers are no more exact than that."""
HOT_S: Final = 0.1
CALM_REQUESTS: Final = 2
AGAIN: Final = (
    "keep the sealed bytes and send them again, after a pause that doubles: an envelope counts once, "
    "events that are sealed anew count twice"
)
LATER: Final = "have it send more events: each step of the script takes an envelope"


def judge_retries(record: Record) -> Iterator[Finding]:
    """The findings about each step of the script."""
    for step in MAIN:
        delivery = record.taken_by(step.name)
        if delivery is None:
            if step.kind is not Kind.LARGE:
                yield _not_met(step, record)
        elif step.kind is Kind.AGAIN:
            yield _again(step, delivery, record.patience_s)
        elif step.kind is Kind.ONCE:
            yield _once(step, delivery)
        elif step.kind is Kind.NEVER:
            yield _never(step, delivery, record)
        elif step.kind is Kind.SPLIT:
            yield _split(step, delivery, record)
    yield _retry_after(record)
    yield _calm(record)


def _not_met(step: Step, record: Record) -> Finding:
    if step.gzip_only and not record.gzip_asked:
        return not_seen(step.name, "it asks for none (Accept-Encoding)")
    return not_seen(step.name, "no envelope came for it", LATER)


def _again(step: Step, delivery: Delivery, patience_s: float) -> Finding:
    came = len(delivery.arrivals)
    said = _said(delivery.arrivals[min(came, len(step.replies)) - 1])
    if delivery.resealed_as is not None:
        return failed(step.name, f"after {said} the same events came in another envelope", AGAIN)
    if came <= len(step.replies):
        return failed(step.name, f"after {said} the bytes did not come again within {patience_s:g} s", AGAIN)
    pauses = [_pause_s(one, two) for one, two in pairwise(delivery.arrivals[: len(step.replies) + 1])]
    if step.name == "backoff" and min(pauses) < HOT_S:
        return failed(
            step.name,
            f"the same bytes again after {_seconds(pauses)}",
            "begin with about half a second and double it, up to a minute, less a random part",
        )
    if came > len(step.replies) + 1:
        return failed(
            step.name,
            f"it came again {came - len(step.replies) - 1} times after the 200 that took it",
            'an answer with "duplicate": true is a 200 like any other: the envelope is done with',
        )
    return passed(step.name, f"the same bytes again, {_seconds(pauses)} after {said}")


def _once(step: Step, delivery: Delivery) -> Finding:
    came = len(delivery.arrivals)
    if came == 1:
        return passed(step.name, "understood: the bytes came once")
    advice = (
        "wait at least ten seconds for an answer"
        if step.name == "slow-answer"
        else "undo Content-Encoding: gzip before reading the JSON, or do not ask for it"
    )
    return failed(step.name, f"the bytes came {came} times, although the first answer was a 200", advice)


def _never(step: Step, delivery: Delivery, record: Record) -> Finding:
    advice = "400 is final: the same bytes get the same answer, and what is wrong stays wrong; count it, say so, go on"
    if len(delivery.arrivals) > 1:
        return failed(step.name, f"the bytes came {len(delivery.arrivals)} times", advice)
    again = _others_with(delivery, record)
    if again:
        return failed(step.name, f"its events came again in {len(again)} other envelopes", advice)
    return passed(step.name, "the bytes came once, their events in no other envelope")


def _split(step: Step, delivery: Delivery, record: Record) -> Finding:
    advice = "send each half of its events in an envelope of its own; a single one is lost: count it"
    if len(delivery.arrivals) > 1:
        return failed(step.name, f"the same {len(delivery.received.envelope):,} bytes came again", advice)
    if not delivery.distinct:
        return not_seen(step.name, "its events can't be told from earlier ones", FEED_IT)
    others = _others_with(delivery, record)
    decided = {identity for one in others if one.outcome is not None for identity in one.identities}
    missing = len(set(delivery.identities) - decided)
    if missing:
        return failed(
            step.name, f"{missing} of its {len(delivery.identities)} events never came again", advice
        )
    if any(len(one.identities) >= len(delivery.identities) for one in others):
        return failed(step.name, "all of its events came again in one envelope", advice)
    parts = ", ".join(str(len(one.identities)) for one in others[:6])
    return passed(step.name, f"{len(delivery.identities)} events came again in parts of {parts}")


def _retry_after(record: Record) -> Finding:
    """Whether what says Retry-After was obeyed, over all steps that say it."""
    pauses = [
        (reply_s, _pause_s(one, two))
        for delivery in record.in_order
        for one, two in pairwise(delivery.arrivals)
        if (reply_s := one.reply.retry_after_s) is not None
    ]
    early = [(asked, took) for asked, took in pauses if took < asked - EARLY_S]
    if early:
        asked, took = early[0]
        return failed(
            "retry-after",
            f"again after {took:.2f} s, asked for were {asked} s",
            "wait so many seconds at least; whoever comes back earlier keeps an overloaded server down",
        )
    if not pauses:
        return not_seen("retry-after", "nothing came again after a Retry-After", AGAIN)
    return passed("retry-after", ", ".join(f"{took:.1f} s for {asked} s" for asked, took in pauses))


def _calm(record: Record) -> Finding:
    check = "calm-403"
    if record.refused_from is None:
        return not_seen(check, "no envelope came for it", LATER)
    more, watched = record.requests_after_refusal, record.quiet_s
    if more > CALM_REQUESTS:
        return failed(
            check,
            f"{more} more requests within {watched:.1f} s",
            "403 is about the key, not the envelope: stop with a message, or keep everything and try each hour",
        )
    return passed(check, f"{more or 'no'} more request{'s' if more != 1 else ''} in {watched:.1f} s")


def _others_with(delivery: Delivery, record: Record) -> list[Delivery]:
    """Later envelopes that bring events of this one, where those can be told apart."""
    if not delivery.distinct:
        return []
    known = set(delivery.identities)
    return [
        one
        for one in record.in_order
        if one.number > delivery.number and not known.isdisjoint(one.identities)
    ]


def _pause_s(one: Arrival, two: Arrival) -> float:
    # The next request may be noted before the end of the answer that it follows.
    return max(two.at - (one.answered_at if one.answered_at is not None else one.at), 0.0)


def _seconds(pauses: list[float]) -> str:
    return " and ".join(f"{pause:.2f}" for pause in pauses) + " s"


def _said(arrival: Arrival) -> str:
    reply = arrival.reply
    if reply.noise:
        return "what was not HTTP"
    if reply.cut is not None:
        return "an answer that broke off" if reply.cut else "no answer"
    return f"{reply.status}" + (f" of {reply.content_type}" if reply.body is not None else "")
