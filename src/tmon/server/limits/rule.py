# SPDX-License-Identifier: GPL-3.0-or-later
"""When a session is over its limit, and whether that is news. Pure; knows no store, no clock and no Django.

A session's counter runs from its beginning to now, but no further than half the idle time beyond its last sign of
life: who has gone is not counted on. It is over its limit once the counter is beyond the limit's minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from tmon.server.sessions import Session

LEAST_MINUTES: Final = 1
MOST_MINUTES: Final = 24 * 60
MINUTE_MS: Final = 60_000


class Told(NamedTuple):
    """An earlier warning: of which session, by which limit, and when that was exceeded (Unix milliseconds).

    `source` is who told of the session, "" where it was made of requests.
    """

    number: int
    source: str
    object: str
    minutes: int
    place: str
    user: str
    exceeded_ms: int


def counter_ms(session: Session, now_ms: int, idle_ms: int) -> int:
    """How long the session has lasted; `idle_ms` is the time without a sign of life after which sessions end."""
    until = session.ended_ms if session.over else session.ended_ms + idle_ms // 2
    return max(0, min(now_ms, until) - session.start_ms)


def exceeded_ms(session: Session, minutes: int, now_ms: int, idle_ms: int) -> int | None:
    """When the session went over a limit of so many minutes (Unix milliseconds); None if it has not."""
    if counter_ms(session, now_ms, idle_ms) <= minutes * MINUTE_MS:
        return None
    return session.start_ms + minutes * MINUTE_MS


def is_told(number: int, source: str, session: Session, minutes: int, earlier: Iterable[Told]) -> bool:
    """Whether one of these warnings is of this session and so many minutes.

    Late events may move a session's beginning and change its number, and an erasure takes its name. So it is the same
    session if either who and where, or the number is the same, and the warning's limit was exceeded since it began. A
    number alone does not decide: a store that is made anew begins to count again. Sessions that a source tells of have
    ids there, and somebody may have several at a time; they have other numbers only in a store that is made anew, and
    then the same beginning.
    """

    def same(told: Told) -> bool:
        if told.number == number:
            return True
        if (told.source, told.place, told.user) != (source, session.place, session.user):
            return False
        return not source or told.exceeded_ms == session.start_ms + minutes * MINUTE_MS

    return any(
        told.object == session.object
        and told.minutes == minutes
        and told.exceeded_ms >= session.start_ms
        and same(told)
        for told in earlier
    )
