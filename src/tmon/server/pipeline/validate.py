# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that holds an event against CONTRACT section 2: types, ranges, extra fields, names the server owns."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tmon.server.events import OWNED, REQUEST, SESSION, type_of_extra

from .addresses import ADDRESSES
from .draft import Delivery, Draft
from .errors import Drop
from .fields import (
    IN_COLUMNS,
    MAX_OFFSET,
    MAX_TEXT,
    OF_SESSIONS,
    RARE,
    WHOLE,
    PlainRequest,
    RequestFields,
    SessionFields,
    cut,
    rule,
)

MAX_EXTRAS: Final = 32
MAX_NAME: Final = 64
INT64: Final = 2**63

_FIELDS: Final[dict[type[msgspec.Struct], tuple[msgspec.structs.FieldInfo, ...]]] = {
    shape: msgspec.structs.fields(shape) for shape in (RequestFields, SessionFields)
}
"""The fields of both shapes, looked up once: msgspec reads the annotations anew each time, 0.8 ms."""


def validate(draft: Draft, delivery: Delivery) -> Draft:
    """Take over what the sender says, typed and bounded; raise Drop if it breaks a rule."""
    raw = draft.raw
    if type(raw) is PlainRequest:
        return _take_plain(draft, delivery, raw)
    if type(raw) is not dict:
        raise Drop("not an object", "an event must be a JSON object")
    kind = raw.get("kind")
    shape: type[RequestFields | SessionFields] = RequestFields
    kept = RARE
    if kind is not None and kind != REQUEST:
        if kind != SESSION:
            raise Drop("kind invalid", "kind: must be request or session")
        draft.kind = SESSION
        shape = SessionFields
        kept = RARE | OF_SESSIONS
    try:
        given = msgspec.convert(raw, shape)
    except msgspec.ValidationError:
        raw = _mended(draft, shape)
        try:
            given = msgspec.convert(raw, shape)
        except msgspec.ValidationError:
            raise _explained(raw, shape) from None
    draft.given = given
    if given.ip is not None:
        draft.address = ADDRESSES[given.ip]  # None, an unknown one, where a sender writes a host name or "-"
    if not IN_COLUMNS.issuperset(raw):
        _take_extras(draft, delivery, raw, kept)
    if delivery.positioned and draft.offset is None:
        raise _no_offset()
    if draft.kind == SESSION and "state" not in draft.extra and "duration_s" not in draft.extra:
        raise Drop("state missing", "state: missing, and so is duration_s; a session event has one of them")
    return draft


def _take_plain(draft: Draft, delivery: Delivery, given: PlainRequest) -> Draft:
    """Take over what was held against the rules while it was decoded."""
    draft.given = given
    if given.ip is not None:
        draft.address = ADDRESSES[given.ip]
    offset = given.offset
    if delivery.positioned:
        if offset is None:
            raise _no_offset()
        draft.offset = offset
    elif offset is not None:
        draft.extra["offset"] = offset
    return draft


def _no_offset() -> Drop:
    return Drop("offset missing", "offset: missing; every event of an envelope with stream has one")


def _mended(draft: Draft, shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The event with its long strings cut, and marked as such, and whole numbers written as such."""
    mended = dict(draft.raw)
    for name in shape.__struct_fields__:
        value = mended.get(name)
        if type(value) is str and len(value) > MAX_TEXT:
            mended[name] = cut(value)
            draft.truncated += (name,)
        elif type(value) is float and name in WHOLE and value.is_integer():
            mended[name] = int(value)
    return mended


def _explained(raw: dict[str, Any], shape: type[msgspec.Struct]) -> Drop:
    """Why `raw` is no `shape`."""
    for field in _FIELDS[shape]:
        if field.name not in raw:
            if field.required:
                return Drop(f"{field.name} missing", f"{field.name}: missing")
            continue
        try:
            msgspec.convert(raw[field.name], field.type)
        except msgspec.ValidationError:
            return Drop(f"{field.name} invalid", f"{field.name}: {rule(field.name)}")
    raise AssertionError("an event is refused as a whole and by none of its fields")


def _take_extras(draft: Draft, delivery: Delivery, raw: dict[str, Any], kept: frozenset[str]) -> None:
    extra = draft.extra
    count = 0
    for name, value in raw.items():
        if name in IN_COLUMNS or value is None:
            continue
        if name in kept:
            extra[name] = _kept(name, value)
        elif name == "offset" and delivery.positioned:
            draft.offset = _offset(value)
        else:
            count += 1
            extra[name] = _extra(draft, name, value)
    if count > MAX_EXTRAS:
        raise Drop("too many extra fields", f"{count} extra fields; at most {MAX_EXTRAS} are kept")


def _kept(name: str, value: Any) -> type_of_extra:
    """A typed field that is kept among the extra ones."""
    if name == "dst_ip":
        address = ADDRESSES[value]
        if address is None:
            raise Drop("dst_ip invalid", "dst_ip: not an IP address; null where it is not known")
        return address
    return _number(name, value) if type(value) is float else value


def _offset(value: Any) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_OFFSET:
        raise Drop("offset invalid", f"offset: must be a whole number from 0 to {MAX_OFFSET}")
    return value


def _extra(draft: Draft, name: str, value: Any) -> type_of_extra:
    if name in OWNED or name.startswith("utm_"):
        raise Drop(
            "name owned by the server", f"{_shown(name)}: filled in by the server; call yours something else"
        )
    if not name or len(name) > MAX_NAME:
        raise Drop(
            "extra name invalid", f"{_shown(name)}: the name of a field has 1 to {MAX_NAME} characters"
        )
    kind = type(value)
    if kind is str:
        if len(value) > MAX_TEXT:
            draft.truncated += (name,)
            return cut(value)
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return _number(name, value)
    raise Drop("extra value invalid", f"{name}: must be a string, a number, true or false")


def _shown(name: str) -> str:
    """A sender's field name as errors show it."""
    return name if 0 < len(name) <= MAX_NAME else f'"{name[:MAX_NAME]}"'


def _number(name: str, value: float) -> int | float:
    """Whole numbers that fit into 64 bits as int, all others as float. Raises Drop for what fits into neither."""
    if -INT64 <= value < INT64 and value == int(value):
        return int(value)
    try:
        return float(value)
    except OverflowError:
        raise Drop("extra value invalid", f"{name}: the number is too large") from None
