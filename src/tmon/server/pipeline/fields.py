# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of an event that the server knows: their types and ranges (CONTRACT section 2)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

MAX_TEXT: Final = 1_024
"""Characters of a string; longer ones are cut and marked."""

MAX_DURATION_MS: Final = 2_592_000_000
"""30 days."""

MAX_DURATION_S: Final = 315_360_000
"""Ten years of 365 days."""

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Port = Annotated[int, Meta(ge=0, le=65_535)]


MAX_OFFSET: Final = 2**62


class ColumnFields(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What an event of either kind may say and has a field of its own for. None is the same as nothing said."""

    kind: Text | None = None
    ts: int | float | Text | None = None
    username: Text | None = None
    method: Text | None = None
    status: Annotated[int, Meta(ge=0, le=999)] | None = None
    duration_ms: Annotated[float, Meta(ge=0, le=MAX_DURATION_MS)] | None = None
    bytes: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    referrer: Text | None = None
    host: Text | None = None


class CommonFields(ColumnFields, kw_only=True, frozen=True, gc=False):
    """What an event of either kind may say."""

    server: Text | None = None
    location: Text | None = None
    src_port: Port | None = None
    dst_ip: Text | None = None
    dst_port: Port | None = None


class RequestFields(CommonFields, kw_only=True, frozen=True, gc=False):
    """What a request says."""

    url: Text
    ip: Text | None
    useragent: Text | None


class SessionFields(CommonFields, kw_only=True, frozen=True, gc=False):
    """What a session says."""

    session: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    subject: Text
    object: Text
    state: Literal["start", "alive", "end"] | None = None
    duration_s: Annotated[float, Meta(ge=0, le=MAX_DURATION_S)] | None = None
    url: Text | None = None
    ip: Text | None = None
    useragent: Text | None = None


class PlainRequest(ColumnFields, kw_only=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """A request that says nothing beyond what has a field of its own, and its place in a stream.

    By the same rules as RequestFields, but read from JSON text without making objects in between.
    """

    kind: Literal["request"] | None = None
    url: Text
    ip: Text | None
    useragent: Text | None
    offset: Annotated[int, Meta(ge=0, le=MAX_OFFSET)] | None = None


NOTHING: Final = RequestFields(url="", ip=None, useragent=None)

WHOLE: Final = frozenset({"status", "bytes", "src_port", "dst_port"})
"""Whole numbers; also taken as 200.0."""

RARE: Final = frozenset({"server", "location", "src_port", "dst_ip", "dst_port"})
"""Typed, but kept among an event's extra fields."""

OF_SESSIONS: Final = frozenset({"session", "subject", "object", "state", "duration_s"})
"""Of an event of kind session, kept among its extra fields; in a request these are names like any other."""

IN_COLUMNS: Final = frozenset(RequestFields.__struct_fields__) - RARE
"""What an event of either kind has fields of its own for."""

_TEXT: Final = "must be a string"
_TEXT_OR_NULL: Final = "must be a string or null"
_PORT: Final = "must be a whole number from 0 to 65535"

RULES: Final = {
    "ts": "must be Unix seconds or an ISO 8601 time with an offset",
    "ip": _TEXT_OR_NULL,
    "useragent": _TEXT_OR_NULL,
    "status": "must be a whole number from 0 to 999",
    "duration_ms": "must be a number from 0 to 2592000000",
    "bytes": "must be a whole number from 0 to 1000000000000",
    "src_port": _PORT,
    "dst_port": _PORT,
    "session": "must be a string of at least one character",
    "state": "must be start, alive or end",
    "duration_s": "must be a number from 0 to 315360000",
}
"""What a field must be, in words for the sender; of every other one it is that it must be a string."""


def cut(text: str) -> str:
    """`text` with as much of its end as goes beyond the bound replaced by an ellipsis."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def rule(field: str) -> str:
    """What the field must be, in words for the sender."""
    return RULES.get(field, _TEXT)
