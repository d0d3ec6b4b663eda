# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks one event for what a server insists on: JSON in, a fault out, no I/O. (docs/events.md has all rules.)"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from .limits import MAX_EXTRAS

KNOWN: Final = frozenset(
    {
        *(
            "kind",
            "ts",
            "url",
            "ip",
            "useragent",
            "username",
            "method",
            "status",
            "duration_ms",
            "bytes",
            "referrer",
        ),
        *("host", "server", "location", "src_port", "dst_ip", "dst_port", "offset"),
        *("session", "subject", "object", "state", "duration_s"),
    }
)

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def fault_of(event: Any) -> str:
    """What is wrong with an event, "" if nothing is."""
    if not isinstance(event, dict):
        return f"not an object but {type(event).__name__}"
    kind = event.get("kind") or "request"
    if kind == "request":
        faults = [fault for name in ("url", "ip", "useragent") if (fault := _request_field(event, name))]
    elif kind == "session":
        faults = [
            f"{name}: required text"
            for name in ("session", "subject", "object")
            if not isinstance(event.get(name), str)
        ]
        if event.get("state") not in ("start", "alive", "end") and event.get("duration_s") is None:
            faults.append("state or duration_s: required")
    else:
        return f"kind: {str(kind)[:20]!a}, known are request and session"
    extras = [name for name, value in event.items() if name not in KNOWN and value is not None]
    if len(extras) > MAX_EXTRAS:
        faults.append(f"{len(extras)} fields of its own, at most {MAX_EXTRAS} are taken")
    faults += [f"{name[:40]}: nested" for name, value in event.items() if isinstance(value, list | dict)]
    return faults[0] if faults else ""


def ts_fault(ts: object, wall: float) -> str:
    """What is wrong with a time, "" if nothing is; `wall` is now, in Unix seconds."""
    if ts is None:
        return ""
    if isinstance(ts, str):
        try:
            moment = dt.datetime.fromisoformat(ts)
        except ValueError:
            return f"{ts[:40]!a} is not ISO 8601"
        if moment.utcoffset() is None:
            return f"{ts[:40]!a} has no offset from UTC"
        seconds = (moment - _EPOCH).total_seconds()
    elif isinstance(ts, int | float) and not isinstance(ts, bool):
        seconds = ts
    else:
        return f"it is a {type(ts).__name__}"
    if seconds > wall + 600:
        hint = ": milliseconds?" if wall * 500 < seconds < wall * 2000 else ""
        return f"{str(ts)[:40]} is more than ten minutes ahead{hint}"
    return f"{str(ts)[:40]} is before 1990" if seconds < 631_152_000 else ""


def _request_field(event: dict[str, Any], name: str) -> str:
    if name not in event:
        return f"{name}: missing"
    value = event[name]
    if isinstance(value, str) or (value is None and name != "url"):
        return ""
    return f"{name}: {type(value).__name__}, not text" + ("" if name == "url" else " or null")
