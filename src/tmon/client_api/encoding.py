# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes one event as JSON that cannot spoil the envelope it travels in.

The server refuses a whole envelope whose JSON does not decode, so what could do that (NaN and infinities,
lone surrogates, numbers beyond 64 bits, deep nesting) is found here, one event at a time.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Final

from .errors import NotEncodable

MAX_EVENT_BYTES: Final = 256 * 1024
_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**64 - 1

MAX_REMEMBERED: Final = 1_000
MAX_REMEMBERED_CHARACTERS: Final = 100

_starts: dict[str, str] = {}
_text = json.encoder.encode_basestring  # json's own, in C where there is one; it leaves what is not ASCII


def encode(event: Mapping[str, object]) -> bytes:
    """Return `event` as compact UTF-8 JSON.

    Values are strings, numbers, booleans, None, or times with a time zone, which become ISO 8601.
    Raises NotEncodable for anything else, with the reason `not_encodable`, and for events over 256 KiB with
    `too_large`. The message names the field, never its value.

    Nothing is nested, so each value is written as it is looked at: json would look at all of them once more.
    """
    pairs = []
    for name, value in event.items():
        start = _starts.get(name) or _start_of(name)
        if type(value) is str:
            pairs.append(start + _text(value))
        elif type(value) is int and _MIN_INTEGER <= value <= _MAX_INTEGER:
            pairs.append(f"{start}{value}")
        else:
            pairs.append(start + _written(name, value))
    try:
        encoded = f"{{{','.join(pairs)}}}".encode()
    except UnicodeEncodeError:
        encoded = None
    if encoded is None:
        raise NotEncodable("a name or value holds a lone surrogate, which UTF-8 cannot hold")
    if len(encoded) > MAX_EVENT_BYTES:
        raise NotEncodable(
            f"the event has {len(encoded)} bytes, allowed are {MAX_EVENT_BYTES}", reason="too_large"
        )
    return encoded


def _start_of(name: object) -> str:
    """What stands before a field's value; remembered, since programs have few names for fields."""
    if not isinstance(name, str):
        raise NotEncodable(f"the name of a field is a {type(name).__name__}, not a string")
    start = f"{_text(name)}:"
    if type(name) is str and len(_starts) < MAX_REMEMBERED and len(name) <= MAX_REMEMBERED_CHARACTERS:
        _starts[name] = start
    return start


def _written(name: str, value: object) -> str:
    """A value other than a plain string. Of derived types it is the value that counts, not how they print."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not _MIN_INTEGER <= value <= _MAX_INTEGER:
            raise NotEncodable(f"{name!a} is an integer that does not fit 64 bits")
        return int.__repr__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotEncodable(f"{name!a} is {value}, which JSON cannot hold")
        return float.__repr__(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dt.datetime):
        if value.utcoffset() is None:
            raise NotEncodable(f"{name!a} is a time without a time zone")
        return _text(value.isoformat())
    raise NotEncodable(f"{name!a} is a {type(value).__name__}; values are strings, numbers and booleans")
