# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions as a store keeps them: those that senders tell of, and what one adds to views; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ..catalogue import View
from ..sessions import Session
from .base import Filter, Grain, Measures, Timed

Hour = TypeVar("Hour")


class Sign(NamedTuple):
    """What one event of kind session says; `place` is its source, `ended_ms` the later end of what it tells."""

    at_ms: int
    object: str
    subject: str
    ended_ms: int
    over: bool
    place: str

    def alone(self) -> Session:
        """The session that it would be by itself."""
        return Session(self.place, self.subject, self.object, self.at_ms, self.ended_ms, 1, self.over)


def sign_of(ts_ms: int, extra: Mapping[str, Any], source: str) -> tuple[str, Sign]:
    """The id of a session event, and what it says of the session."""
    length_s = extra.get("duration_s")
    told = isinstance(length_s, (int, float)) and length_s >= 0
    return str(extra.get("session", "")), Sign(
        ts_ms,
        str(extra.get("object", "")),
        str(extra.get("subject", "")),
        ts_ms + round(float(length_s) * 1000) if told else ts_ms,  # type: ignore[arg-type]
        bool(told or extra.get("state") == "end"),
        source,
    )


def joined(session: Session, sign: Sign) -> tuple[Session, bool]:
    """The session with one sign more, and whether that is its earliest now.

    The earliest one says who uses what; of the same moment it is the first by object and subject, so that the order of
    arrival decides nothing.
    """
    earliest = (sign.at_ms, sign.object, sign.subject) < (session.start_ms, session.object, session.user)
    first = sign.alone() if earliest else session
    return first._replace(
        ended_ms=max(session.ended_ms, sign.ended_ms),
        points=session.points + 1,
        over=session.over or sign.over,
    ), earliest


def key_of(view: View, session: Session, source: str) -> str:
    """The key under which a view of sessions counts one."""
    match view.field:
        case "object":
            return view.text(session.object)
        case "subject":
            return view.text(session.user if source else session.subject)
        case "source":
            return view.text(source)
        case "length_s":
            return view.text(session.length_ms / 1000)
        case other:
            raise ValueError(f"no session has the field {other}")


def measures_of(session: Session) -> Measures:
    """What a session adds to a view of sessions."""
    return Measures(
        requests=1,
        errors=int(session.length_ms == 0),
        duration_us=session.length_ms * 1000,
        timed=1,
        bytes=session.points,
    )


def less(measures: Measures) -> Measures:
    """What takes these away when it is added."""
    return Measures(*(-one for one in measures))


def steps(
    view: View, source: str, old: tuple[Hour, Session] | None, new: tuple[Hour, Session] | None
) -> Iterator[tuple[Hour, str, Measures]]:
    """What a view of sessions has to add, by hour and key, when `old` has become `new`; None is no session."""
    was = None if old is None else (old[0], key_of(view, old[1], source))
    now = None if new is None else (new[0], key_of(view, new[1], source))
    if was is not None and was == now and old is not None and new is not None:
        difference = measures_of(new[1]).plus(less(measures_of(old[1])))
        if any(difference):
            yield *was, difference
        return
    if was is not None and old is not None:
        yield *was, less(measures_of(old[1]))
    if now is not None and new is not None:
        yield *now, measures_of(new[1])


def paired(old: Iterable[Session], new: Iterable[Session]) -> Iterator[tuple[Session | None, Session | None]]:
    """Former and present sessions of a place, each beside what it has become; those that are unchanged are left out."""
    known = {(one.user, one.object, one.start_ms): one for one in old}
    for one in new:
        before = known.pop((one.user, one.object, one.start_ms), None)
        if before != one:
            yield before, one
    for before in known.values():
        yield before, None


class Begun(NamedTuple):
    """A session, and the starts (Unix seconds) of the hour, day and month in which it begins."""

    source: str
    session: Session
    hour: int
    day: int
    month: int

    def bucket(self, grain: Grain) -> int:
        """The start of the bucket that counts it."""
        return {"hour": self.hour, "day": self.day, "month": self.month}[grain]


def passes(session: Session, source: str, filters: Sequence[Filter]) -> bool:
    """Whether a session passes every filter; filters are on views of sessions."""
    return all(_passes(session, source, one) for one in filters)


def _passes(session: Session, source: str, one: Filter) -> bool:
    pattern = ".*".join(re.escape(text) for text in one.literals)
    return bool(re.fullmatch(pattern, key_of(one.view, session, source), re.DOTALL)) != one.negated


Group = TypeVar("Group")


def summed(found: Iterable[Begun], group: Callable[[Begun], Group]) -> dict[Group, Measures]:
    """What sessions add up to, by group."""
    sums: dict[Group, Measures] = {}
    for one in found:
        sums[group(one)] = sums.get(group(one), Measures()).plus(measures_of(one.session))
    return sums


def lengths(found: Iterable[Begun], view: View, grain: Grain) -> dict[int, dict[str | None, Timed]]:
    """The lengths of sessions by bucket and key."""
    sums: dict[int, dict[str | None, Timed]] = {}
    for one in found:
        keys, key = sums.setdefault(one.bucket(grain), {}), key_of(view, one.session, one.source)
        keys[key] = keys.get(key, Timed()).plus(Timed(1, one.session.length_ms * 1000))
    return sums
