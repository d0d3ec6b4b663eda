# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a rejected event down for the people who run the web service: JSON, bounded, without forbidden addresses."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .addresses import ADDRESSES
from .fields import cut
from .privacy import FULL, REMOVED, allowed, redacted

MAX_BYTES: Final = 8_192

_ADDRESS_FIELDS: Final = ("ip", "dst_ip")
_SHORTER: Final = ((1_024, 64), (256, 64), (64, 48), (16, 32))
"""(longest string, most fields) of ever shorter forms; the last one always fits."""

_LEFT_OUT: Final = "…"


def payload(raw: Any, policy: str) -> str:
    """The rejected JSON value as JSON text of at most 8 KiB.

    Address fields are held to the IP policy, and so is whatever looks like an address anywhere else. What makes it
    too long is left out, first strings and nested values, then fields, and an ellipsis stands in its place. Strings
    are kept, cut as everywhere, or left out whole, so that a user name that is to be erased is found or not there.
    """
    if type(raw) is dict:
        raw = {name: _without_address(name, value, policy) for name, value in raw.items()}
    text = _write(raw, policy)
    for longest, fields in _SHORTER:
        if text is not None and len(text.encode()) <= MAX_BYTES:
            return text
        text = _write(_shortened(raw, longest, fields), policy)
    assert text is not None
    return text


def _without_address(name: str, value: Any, policy: str) -> Any:
    if name not in _ADDRESS_FIELDS or policy == FULL or value is None:
        return value
    address = ADDRESSES[value] if type(value) is str and len(value) <= 64 else None
    return REMOVED if address is None else allowed(address, policy) or REMOVED


def _write(value: Any, policy: str) -> str | None:
    """JSON text, None where it would be far too long or is nested too deeply to be written."""
    try:
        encoded = msgspec.json.encode(value)
    except RecursionError:
        return None
    return redacted(encoded.decode(), policy) if len(encoded) <= 16 * MAX_BYTES else None


def _shortened(raw: Any, longest: int, fields: int) -> Any:
    if type(raw) is not dict:
        return _shortened_value(raw, longest)
    shorter = {
        _shortened_value(name, longest): _shortened_value(value, longest)
        for name, value in list(raw.items())[:fields]
    }
    if len(raw) > fields:
        shorter[_LEFT_OUT] = _LEFT_OUT
    return shorter


def _shortened_value(value: Any, longest: int) -> Any:
    if type(value) is str:
        value = cut(value)
        return value if len(value) <= longest else _LEFT_OUT
    if isinstance(value, (dict, list)) or (type(value) is int and abs(value) >= 2**64):
        return _LEFT_OUT
    return value
