# SPDX-License-Identifier: GPL-3.0-or-later
"""The web service that a question is about, and what every answer about it says of its times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from tmon.server.calendar import Calendar
from tmon.server.store.base import Period

from .answers import Answer
from .series import stamps

Settle = Callable[[float], object]
"""Has the views brought to the log's end; returns then, or after so many seconds."""
SETTLE_S = 0.9


@dataclass(frozen=True, slots=True)
class Subject:
    """The web service that a question is about.

    `newest_key` is the number of the key that its senders are to use, None if it has none.
    """

    wsid: int
    calendar: Calendar
    newest_key: int | None = None


def last_of(starts: Iterable[int | None]) -> int | None:
    """The last of these moments, None without any."""
    return max((start for start in starts if start is not None), default=None)


def answer_about(
    subject: Subject,
    results: Any,
    periods: Sequence[Period],
    complete_from: int | None,
    as_of_ms: int,
    shape: type[Answer] = Answer,
) -> Answer:
    """An answer about the first of the periods, which is compared with the second one if there is one."""
    ends = [stamps([one.start, one.end], subject.calendar) for one in periods]
    since, until = ends[0]
    previous_from, previous_to = ends[1] if len(ends) > 1 else (UNSET, UNSET)
    return shape(
        results=results,
        since=since,
        until=until,
        previous_from=previous_from,
        previous_to=previous_to,
        complete_from=date_of(subject, complete_from),
        as_of=stamp(subject, as_of_ms),
    )


def date_of(subject: Subject, start: int | None) -> str | None:
    """The date of the local day that starts then."""
    return None if start is None else subject.calendar.day(start).date.isoformat()


def utc(ms: int) -> str:
    """Unix milliseconds as ISO 8601 in UTC."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC) + dt.timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(subject: Subject, ms: int) -> str:
    """Unix milliseconds as ISO 8601 with the web service's offset."""
    moment = subject.calendar.local(ms // 1000) + dt.timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds")
