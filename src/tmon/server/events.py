# SPDX-License-Identifier: GPL-3.0-or-later
"""The event: what the pipeline makes of a sender's JSON and what a store keeps.

Values that many events share (a place, a user agent, a referrer, a campaign) are objects of their own, so that
they are worked out once per value, and stored once per value.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from .calendar import Hour

type_of_extra = str | int | float | bool

REQUEST: Final = "request"
SESSION: Final = "session"

OWNED: Final = frozenset(
    {
        *("country", "region", "city", "lat", "lon"),
        *("os", "browser", "device", "model", "bot"),
        *("visitor", "path", "referrer_site", "source", "truncated"),
    }
)
"""Names that the server fills in; an event that brings one is rejected, as is any name that starts with `utm_`."""


class Place(msgspec.Struct, frozen=True, gc=False, cache_hash=True, array_like=True):
    """Where an address is. `country` is ISO 3166-1 alpha-2; "" and None mean unknown."""

    country: str = ""
    region: str = ""
    city: str = ""
    lat: float | None = None
    lon: float | None = None


class Agent(msgspec.Struct, frozen=True, gc=False, cache_hash=True, array_like=True):
    """A user agent and what was read from it. `device` is phone, tablet, desktop, bot or other."""

    useragent: str | None = None
    os: str = ""
    browser: str = ""
    device: str = "other"
    model: str = ""
    bot: bool = False


class Referrer(msgspec.Struct, frozen=True, gc=False, cache_hash=True, array_like=True):
    """The page that a request came from, and its site (host without `www.`)."""

    referrer: str
    site: str = ""


class Campaign(msgspec.Struct, frozen=True, gc=False, cache_hash=True, array_like=True):
    """The utm parameters of a URL."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""


NOWHERE: Final = Place()
NO_CAMPAIGN: Final = Campaign()


class Event(msgspec.Struct, gc=False, array_like=True):
    """One event, validated and enriched.

    `ts_ms` is its time in Unix milliseconds and `hour` the local hour of the web service that it falls into.
    `path` is the url up to its "?", `query` what follows ("" for "/a?", None without one). `duration_us` is in
    microseconds, so that sums are exact. `visitor` is a signed 64-bit number, None where nobody may be
    recognised. `ip` is set only where the web service keeps addresses. `extra` holds every other known or unknown
    field of the event. `truncated` names the fields that were cut. `offset` is the position in a stream.
    """

    ts_ms: int
    hour: Hour
    agent: Agent
    kind: str = REQUEST
    path: str = ""
    query: str | None = None
    place: Place = NOWHERE
    referrer: Referrer | None = None
    campaign: Campaign = NO_CAMPAIGN
    host: str | None = None
    method: str | None = None
    status: int | None = None
    duration_us: int | None = None
    bytes: int | None = None
    username: str | None = None
    ip: str | None = None
    visitor: int | None = None
    extra: dict[str, type_of_extra] = {}
    truncated: tuple[str, ...] = ()
    offset: int | None = None

    @property
    def url(self) -> str:
        """The url as it was sent."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def error(self) -> bool:
        """Whether the server failed: status 500 or above."""
        return self.status is not None and self.status >= 500


class Rejected(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One event that was not taken: its place in the envelope, what is wrong, and a short reason to count by."""

    index: int
    error: str
    reason: str


def key_text(value: type_of_extra | None) -> str:
    """A value as the text of a view's key: "" for None, JSON's words for booleans, whole floats without a point."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
            return str(int(value))
        return repr(value)
    return str(value)


def field_value(event: Event, field: str, source: str) -> type_of_extra | None:
    """The value of a field of CONTRACT section 2, or of an extra field; `source` is the sender's name."""
    match field:
        case "country" | "region" | "city" | "lat" | "lon":
            return getattr(event.place, field)  # type: ignore[no-any-return]
        case "os" | "browser" | "device" | "model" | "bot" | "useragent":
            return getattr(event.agent, field)  # type: ignore[no-any-return]
        case "utm_source" | "utm_medium" | "utm_campaign" | "utm_term" | "utm_content":
            return getattr(event.campaign, field.removeprefix("utm_"))  # type: ignore[no-any-return]
        case "referrer":
            return event.referrer.referrer if event.referrer else None
        case "referrer_site":
            return event.referrer.site if event.referrer else None
        case "duration_ms":
            return None if event.duration_us is None else event.duration_us / 1000
        case "source":
            return source
        case "url" | "path" | "kind" | "host" | "method" | "status" | "bytes" | "username" | "ip":
            return getattr(event, field)  # type: ignore[no-any-return]
        case _:
            return event.extra.get(field)
