# SPDX-License-Identifier: LGPL-3.0-or-later
"""Sends the same sealed bytes until the server has decided about them.

An envelope counts once however often it arrives, so after a lost answer the right thing is always to send it
again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .answer import Answer, read
from .errors import Refused, Undelivered, Unreachable
from .transport import Reply

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 60.0
LONGEST_RETRY_AFTER_S: Final = 3600.0
PARKED_S: Final = 3600.0
"""How long an envelope waits that no key of the web service opens: a key may come back, or be entered late."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A failed attempt: why, and how many seconds the server asked for (None if it did not)."""

    reason: str
    after_s: float | None = None
    parked: bool = False


def judge(reply: Reply, *, now: float | None = None) -> Answer | Retry:
    """Decide what an HTTP answer means: final, or worth another attempt (408, 429, 5xx, an alien 200).

    `now` is the time against which a Retry-After date is held, in Unix seconds.
    """
    if reply.status in {408, 429} or reply.status >= 500:
        return Retry(f"the server answered {reply.status}", retry_after_s(reply.retry_after, now))
    answer = read(reply.status, reply.body)
    if answer is None:
        return Retry("something answered 200 that is no T-Mon collector")
    return answer


def retry_after_s(header: str, now: float | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most an hour; None if it cannot be read.

    Both forms of RFC 9110 §10.2.3 are known, seconds and a date.
    """
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:10]), LONGEST_RETRY_AFTER_S)
    if not header:
        return None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(moment - (time.time() if now is None else now), 0.0), LONGEST_RETRY_AFTER_S)


def wait_s(attempt: int, after_s: float | None, chance: Callable[[], float] = random.random) -> float:
    """Return how long to wait after the failed attempt number `attempt` (from 1), in seconds.

    Doubles from half a second to a minute, less up to half of it by `chance` (0 to 1), so that senders which
    lost the server together do not come back together. What the server asked for is the least it gets.
    """
    backoff = min(FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16), LONGEST_WAIT_S) * (1 - chance() / 2)
    return backoff if after_s is None else max(backoff, after_s * (1 + chance() / 10))


def deliver(
    post: Callable[[bytes], Reply],
    envelope: bytes,
    *,
    pause: Callable[[float], bool],
    on_failure: Callable[[str], None] | None = None,
    on_parked: Callable[[str], None] | None = None,
) -> Answer:
    """Post `envelope` until the server's answer is final and return it.

    `pause(seconds)` waits before the next attempt and returns False if there shall be none; `on_failure`
    hears why an attempt failed. Whoever gives `on_parked` is told of a 403 there and has the envelope tried
    again each hour; else a 403 is final. Raises Refused for a final answer other than 200, Undelivered when
    `pause` ended it.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            outcome = judge(post(envelope))
        except Unreachable as error:
            outcome = Retry(str(error))
        if isinstance(outcome, Answer) and outcome.status == 403 and on_parked is not None:
            outcome = Retry(_refusal(outcome), PARKED_S, parked=True)
        if isinstance(outcome, Answer):
            if not outcome.ok:
                raise Refused(_refusal(outcome), outcome)
            return outcome
        heard = on_parked if outcome.parked else on_failure
        if heard is not None:
            heard(outcome.reason)
        if not pause(wait_s(attempt, outcome.after_s)):
            raise Undelivered(f"gave up after {attempt} attempts: {outcome.reason}", outcome.reason)


def until(deadline: float | None) -> Callable[[float], bool]:
    """Return a `pause` that sleeps, but allows no attempt that would begin after `deadline` (monotonic)."""

    def pause(seconds: float) -> bool:
        if deadline is not None and time.monotonic() + seconds > deadline:
            return False
        time.sleep(seconds)
        return True

    return pause


_HINTS: Final = {
    400: "it does not understand the envelope, or no event of it is valid",
    403: "the web service is unknown or the secret of the DSN is not (or no longer) its key",
    404: "there is no collector at this address, check the path of the DSN",
    405: "there is no collector at this address, check the path of the DSN",
    413: "the batch is too large",
}


def _refusal(answer: Answer) -> str:
    hint = answer.message or _HINTS.get(answer.status, "")
    if not hint and 300 <= answer.status < 400:
        hint = "it redirects elsewhere, put the final address into the DSN"
    return f"the server refused with {answer.status}" + (f": {hint}" if hint else "")
