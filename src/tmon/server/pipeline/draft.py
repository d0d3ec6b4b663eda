# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps pass on: a draft of an event, and the delivery that brought it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tmon.server.calendar import Calendar, Hour
from tmon.server.events import (
    NO_CAMPAIGN,
    NOWHERE,
    REQUEST,
    Agent,
    Campaign,
    Event,
    Place,
    Referrer,
    type_of_extra,
)

from .fields import NOTHING, RequestFields, SessionFields

SaltOf = Callable[[int], bytes | None]
"""The salt of the local day that begins at this UTC second, None if it is destroyed. May raise SaltMissing."""


class Draft(msgspec.Struct, gc=False):
    """An event in the making: `raw` is the sender's JSON value, the rest is filled in step by step.

    `address` is the sender's `ip` in its usual form, `ip` what is kept of it. The other names are those of Event.
    """

    raw: Any
    given: RequestFields | SessionFields = NOTHING
    kind: str = REQUEST
    address: str | None = None
    extra: dict[str, type_of_extra] = {}
    truncated: tuple[str, ...] = ()
    offset: int | None = None
    ts_ms: int = 0
    hour: Hour | None = None
    place: Place = NOWHERE
    agent: Agent | None = None
    referrer: Referrer | None = None
    path: str = ""
    query: str | None = None
    campaign: Campaign = NO_CAMPAIGN
    visitor: int | None = None
    ip: str | None = None

    def event(self) -> Event:
        """The event, once every step has been taken."""
        given = self.given
        assert self.hour is not None, "the step times is missing"
        assert self.agent is not None, "the step identify is missing"
        return Event(
            kind=self.kind,
            ts_ms=self.ts_ms,
            hour=self.hour,
            path=self.path,
            query=self.query,
            place=self.place,
            agent=self.agent,
            referrer=self.referrer,
            campaign=self.campaign,
            host=given.host,
            method=given.method,
            status=given.status,
            duration_us=None if given.duration_ms is None else round(given.duration_ms * 1000),
            bytes=given.bytes,
            username=given.username,
            ip=self.ip,
            visitor=self.visitor,
            extra=self.extra,
            truncated=self.truncated,
            offset=self.offset,
        )


class Delivery:
    """What holds for all events of one envelope, and what one event's steps leave for the next one's.

    `positioned` says that its events carry offsets of a stream.
    """

    __slots__ = (
        "calendar",
        "hour",
        "ip_policy",
        "latest_ms",
        "pads",
        "positioned",
        "received_ms",
        "salt_of",
        "visitors",
    )

    def __init__(
        self, *, calendar: Calendar, ip_policy: str, received_ms: int, positioned: bool, salt_of: SaltOf
    ) -> None:
        self.calendar = calendar
        self.ip_policy = ip_policy
        self.received_ms = received_ms
        self.positioned = positioned
        self.salt_of = salt_of
        self.hour: Hour | None = None
        self.pads: dict[int, tuple[bytes, bytes] | None] = {}
        self.visitors: dict[tuple[int, str, str | None], int] = {}


Step = Callable[[Draft, Delivery], Draft]
"""One thing that is done to every event. Raises Drop where the event cannot be taken."""
