# SPDX-License-Identifier: GPL-3.0-or-later
"""Envelopes and events as rows of the log. Shared values are looked up many at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from ...calendar import Hour
from ...events import SESSION, Agent, Event, Place
from ..base import Envelope, Outcome
from .dictionary import Dictionary, Value
from .driver import Connection
from .inserting import Inserts, parts
from .shared import Profile, Shared

ENVELOPE = 0

ENTRY_COLUMNS = (
    "seq, kind, wsid, received, envelope, status, accepted, repeated, rejected, errors, reasons, message, source, "
    "run, run_seq, sent, lost, closing"
)
USUAL_COLUMNS = (
    "wsid, seq, ts, hour, visitor, place, agent, profile, path, query, referrer, duration, bytes, flags"
)
RARE_COLUMNS = "ip, extra"
WIDTH, PLACE, AGENT, PROFILE, PATH, REFERRER = 14, 5, 6, 7, 8, 10
"""How many the usual columns are, and where some of them are."""

Rare = tuple[str | None, str | None]

MAX_INTEGER = 2**63 - 1

BucketOf = Callable[[int, Hour, int], tuple[int, bool]]
"""By web service, hour and time of receipt (Unix ms): the bucket of the hour, and whether its day is closed."""


class Appended(NamedTuple):
    """An envelope that gets the number `seq`, and those of its events that are taken."""

    envelope: Envelope
    outcome: Outcome
    seq: int
    events: list[Event]


class Rows:
    """Writes envelopes and their events into the log. Used within the writer's transaction."""

    def __init__(self, log: Connection, shared: Shared, bucket_of: BucketOf) -> None:
        self._log = log
        self._shared = shared
        self._bucket_of = bucket_of
        self._entries = Inserts("entries", ENTRY_COLUMNS)
        self._usual_events = Inserts("events", USUAL_COLUMNS)
        self._full_events = Inserts("events", f"{USUAL_COLUMNS}, {RARE_COLUMNS}")

    def insert(self, appended: Sequence[Appended]) -> None:
        """Insert them and their events."""
        texts = self._shared.texts
        texts.learn(text for one in appended for text in (one.envelope.source, one.envelope.run))
        self._entries.insert_all(self._log, [self._entry(*one) for one in appended])
        values, rare = self._events(appended)
        for part in parts(len(values) // WIDTH):
            usual = values[part.start * WIDTH : part.stop * WIDTH]
            if rare and any(row in rare for row in range(part.start, part.stop)):
                rows = zip(*[iter(usual)] * WIDTH, strict=True)
                full = [(*row, *rare.get(part.start + n, (None, None))) for n, row in enumerate(rows)]
                self._full_events.insert(self._log, len(full), list(chain.from_iterable(full)))
            else:  # a fifth less to bind and to store
                self._usual_events.insert(self._log, part.stop - part.start, usual)

    def _entry(self, envelope: Envelope, outcome: Outcome, seq: int, events: list[Event]) -> tuple[Any, ...]:
        reasons: dict[str, int] = {}
        if envelope.rejected:
            reasons = Counter(one.reason for one in envelope.rejected)
        elif envelope.refused is not None:
            reasons = {envelope.refused: 0}
        return (
            seq,
            ENVELOPE,
            envelope.wsid,
            envelope.received_ms,
            envelope.id,
            outcome.status,
            outcome.accepted,
            outcome.repeated,
            outcome.rejected_count,
            msgspec.json.encode(outcome.rejected).decode() if outcome.rejected else None,
            msgspec.json.encode(reasons).decode() if reasons else None,
            outcome.message or None,
            self._shared.texts.numbers[envelope.source],
            self._shared.texts.numbers[envelope.run],
            envelope.seq,
            None if envelope.sent is None else min(envelope.sent, MAX_INTEGER),
            msgspec.json.encode(envelope.lost).decode() if envelope.lost else None,
            1 if envelope.close else 0,
        )

    def _events(self, appended: Sequence[Appended]) -> tuple[list[Any], dict[int, Rare]]:
        """What USUAL_COLUMNS have, one event after the other; and RARE_COLUMNS by row, where they have anything.

        Each event is looked at once. Where a value has no number yet there is a gap, and all gaps are filled together.
        """
        shared = self._shared
        text, place_of = shared.texts.numbers.get, shared.places.numbers.get
        agent_of, profile_of = shared.agents.numbers.get, shared.profiles.numbers.get
        texts: list[tuple[int, str]] = []
        places: list[tuple[int, Place]] = []
        agents: list[tuple[int, Agent]] = []
        profiles: list[tuple[int, Profile]] = []
        values: list[Any] = []
        rare: dict[int, Rare] = {}
        at = 0
        for envelope, _, number, taken in appended:
            wsid, source, received_ms = envelope.wsid, envelope.source, envelope.received_ms
            hour: Hour | None = None
            for seq, event in enumerate(taken, number + 1):
                if event.hour is not hour:
                    hour = event.hour
                    bucket, closed = self._bucket_of(wsid, hour, received_ms)
                place, agent, path, page = event.place, event.agent, event.path, event.referrer
                site, referrer = ("", "") if page is None else (page.site, page.referrer)
                status = event.status
                profile = (
                    wsid,
                    source,
                    event.host,
                    event.method,
                    status,
                    event.username,
                    site,
                    event.campaign,
                )
                place_number, agent_number, profile_number = (
                    place_of(place),
                    agent_of(agent),
                    profile_of(profile),
                )
                path_number = text(path) if path else None
                referrer_number = text(referrer) if referrer else None
                values += (
                    wsid,
                    seq,
                    event.ts_ms,
                    bucket,
                    None if closed else event.visitor,
                    place_number,
                    agent_number,
                    profile_number,
                    path_number,
                    event.query,
                    referrer_number,
                    event.duration_us,
                    event.bytes,
                    (event.kind == SESSION) + 2 * agent.bot + 4 * event.error,
                )
                if place_number is None:
                    places.append((at + PLACE, place))
                if agent_number is None:
                    agents.append((at + AGENT, agent))
                if profile_number is None:
                    profiles.append((at + PROFILE, profile))
                if path_number is None and path:
                    texts.append((at + PATH, path))
                if referrer_number is None and referrer:
                    texts.append((at + REFERRER, referrer))
                if event.ip is not None or event.extra or event.truncated:
                    rare[at // WIDTH] = (event.ip, _extra(event))
                at += WIDTH
        _fill(values, places, shared.places)
        _fill(values, agents, shared.agents)
        if profiles:
            shared.learn_parts_of(profile for _, profile in profiles)
            _fill(values, profiles, shared.profiles)
        _fill(values, texts, shared.texts)
        return values, rare


def _fill(values: list[Any], gaps: list[tuple[int, Value]], dictionary: Dictionary[Value]) -> None:
    """Put numbers into the gaps."""
    if not gaps:
        return
    dictionary.learn(value for _, value in gaps)
    numbers = dictionary.numbers
    for at, value in gaps:
        values[at] = numbers[value]


def _extra(event: Event) -> str | None:
    extra: dict[str, Any] = event.extra
    if event.truncated:
        extra = {**extra, "truncated": event.truncated}
    return msgspec.json.encode(extra).decode() if extra else None
