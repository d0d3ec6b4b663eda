# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the plaintext of an envelope: one event, several, or several with bookkeeping (CONTRACT section 1).

Whatever the bytes are, `decode` returns a Message within its bounds or raises Refused or TooMany.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from .errors import Refused, TooMany
from .fields import PlainRequest
from .message import Message

MAX_EVENTS: Final = 10_000
MAX_VALUES: Final = 600_000
"""JSON values in a plaintext: 10,000 events with every field there is and 32 extra ones, and some air."""

SENT_AHEAD_MS: Final = 24 * 3_600_000
SENT_BEHIND_MS: Final = 30 * 24 * 3_600_000

Name = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Reason = Annotated[str, Meta(min_length=1, max_length=64)]


class _Bookkeeping(msgspec.Struct, kw_only=True):
    source: Name | None = None
    run: Name | None = None
    seq: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    sent_at: float | None = None
    sent: Count | None = None
    lost: Annotated[dict[Reason, Count], Meta(max_length=32)] | None = None
    close: bool | None = None
    stream: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class _PlainBookkeeping(_Bookkeeping, kw_only=True, forbid_unknown_fields=True):
    events: list[PlainRequest]


_PLAIN: Final = msgspec.json.Decoder(PlainRequest)
_PLAIN_LIST: Final = msgspec.json.Decoder(list[PlainRequest])
_PLAIN_BOOKKEEPING: Final = msgspec.json.Decoder(_PlainBookkeeping)

_RULES: Final = {
    "source": "must be a string of at most 200 characters",
    "run": "must be a string of at most 200 characters",
    "seq": "must be a whole number from 1 to 2^53",
    "sent_at": "must be a time in Unix seconds",
    "sent": "must be a whole number from 0 to 2^53",
    "lost": "must give whole numbers from 0 to 2^53 for at most 32 reasons of 1 to 64 characters",
    "close": "must be true or false",
    "stream": "must be a string of 1 to 200 characters",
}


def decode(plaintext: bytes, received_ms: int) -> Message:
    """The message in `plaintext`, an envelope's content, which was received at `received_ms` (Unix milliseconds).

    The character NUL is replaced by U+FFFD, because the text functions of stores end at it. Unknown bookkeeping
    is passed over; null stands for nothing said. Raises Refused where this is not JSON of one of the three forms,
    the bookkeeping breaks a rule or `sent_at` is out of range, TooMany for more than 10,000 events.
    """
    if len(plaintext) > MAX_VALUES:
        _count_values(plaintext)
    message = _plain(plaintext) or _any(plaintext)
    if not message.events and not message.bookkeeping:
        raise Refused("no events", "the list of events is empty")
    if len(message.events) > MAX_EVENTS:
        raise TooMany(f"{len(message.events)} events; an envelope holds at most {MAX_EVENTS}")
    _check_sent_at(message, received_ms)
    return message


def _plain(plaintext: bytes) -> Message | None:
    """The message, if it has no fault and all of its events are plain requests; None without looking further if not.

    Typed at once such an event takes 1.0 µs, by way of JSON values 1.9. Whatever this does not take is left to `_any`,
    which says what is wrong, and where.
    """
    if _has_nul(plaintext):
        return None
    try:
        if plaintext.startswith(b"["):
            return Message(events=_PLAIN_LIST.decode(plaintext), plaintext=plaintext)
        if not plaintext.endswith(
            b"]}"
        ):  # else it is no plain request, and most bookkeeping has its events at the end
            try:
                return Message(events=[_PLAIN.decode(plaintext)], plaintext=plaintext)
            except msgspec.ValidationError:
                if b'"events"' not in plaintext:
                    return None
        read = _PLAIN_BOOKKEEPING.decode(plaintext)
        return _message(read, read.events, plaintext)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _has_nul(plaintext: bytes) -> bool:
    return b"\\" in plaintext and b"\\u0000" in plaintext  # the first alone is found ten times as fast


def _any(plaintext: bytes) -> Message:
    top = _parse(plaintext)
    if type(top) is list:
        message = Message(events=top)
    elif type(top) is not dict:
        raise Refused("neither object nor list", "the plaintext must be a JSON object or a list of events")
    elif type(top.get("events")) is list:
        message = _with_bookkeeping(top)
    elif type(top.get("events")) is dict:
        raise Refused("events invalid", "events: must be a list")
    else:
        message = Message(events=[top])
    if _has_nul(plaintext):
        _replace_nul(message)
    return message


def _parse(plaintext: bytes) -> Any:
    try:
        return msgspec.json.decode(plaintext)
    except UnicodeDecodeError as error:
        raise Refused(
            "not UTF-8", f"the plaintext is not UTF-8: {error.reason} at byte {error.start}"
        ) from None
    except msgspec.DecodeError as error:
        raise Refused("not JSON", f"the plaintext is not JSON: {error}") from None
    except RecursionError:
        raise Refused("nested too deeply", "the plaintext is nested too deeply") from None


_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SEPARATORS: Final = (b",", b"[", b"{")


def _count_values(plaintext: bytes) -> None:
    """Raise TooMany if decoding would make so many objects that their memory matters.

    16 MiB of `[[],[],[],…` become 400 MB of Python objects. Separators are counted, roughly at first, and without
    those inside of strings where that is too many.
    """
    if sum(map(plaintext.count, _SEPARATORS)) > MAX_VALUES:
        bare = _STRINGS.sub(b"", plaintext)
        if (values := sum(map(bare.count, _SEPARATORS))) > MAX_VALUES:
            raise TooMany(f"about {values} JSON values; an envelope holds at most {MAX_VALUES}")


def _with_bookkeeping(top: dict[str, Any]) -> Message:
    events = top["events"]
    try:
        read = msgspec.convert(top, _Bookkeeping)
    except msgspec.ValidationError:
        good, bad = {}, []
        for field in msgspec.structs.fields(_Bookkeeping):
            try:
                good[field.name] = msgspec.convert(top.get(field.name), field.type)
            except msgspec.ValidationError:
                bad.append(field.name)
        known = _message(_Bookkeeping(**good), events)
        raise Refused(
            f"{bad[0]} invalid", "; ".join(f"{name}: {_RULES[name]}" for name in bad), known
        ) from None
    return _message(read, events)


def _message(read: _Bookkeeping, events: list[Any], plaintext: bytes | None = None) -> Message:
    return Message(
        events=events,
        plaintext=plaintext,
        bookkeeping=True,
        source=read.source or "",
        run=read.run or "",
        seq=read.seq,
        sent_at=read.sent_at,
        sent=read.sent,
        lost=read.lost or {},
        close=read.close or False,
        stream=read.stream,
    )


def _replace_nul(message: Message) -> None:
    """Replace NUL in the message's own texts and in the names and strings of its events, in place."""
    message.source = _without_nul(message.source)
    message.run = _without_nul(message.run)
    message.stream = _without_nul(message.stream)
    message.lost = {_without_nul(reason): count for reason, count in message.lost.items()}
    message.events = [
        {_without_nul(name): _without_nul(value) for name, value in event.items()}
        if type(event) is dict
        else _without_nul(event)
        for event in message.events
    ]


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if type(value) is str else value


def _check_sent_at(message: Message, received_ms: int) -> None:
    if message.sent_at is None:
        return
    age_ms = received_ms - message.sent_at * 1000
    if not -SENT_AHEAD_MS <= age_ms <= SENT_BEHIND_MS:
        raise Refused(
            "sent_at out of range",
            "sent_at: more than 24 hours ahead of the server's clock, or 30 days behind it",
            message,
        )
