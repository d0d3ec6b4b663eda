# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that reads an event's time and finds the local hour of the web service that it falls into."""

from __future__ import annotations

import datetime as dt
from typing import Final

from .draft import Delivery, Draft
from .errors import Drop
from .fields import rule

EARLIEST_MS: Final = 631_152_000_000
"""1990-01-01T00:00:00Z."""

AHEAD_MS: Final = 600_000
"""How far an event may be ahead of its receipt."""

FAR_S: Final = 1e15
"""Beyond this a number of seconds is taken for this, so that it fits into 64 bits."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MS: Final = dt.timedelta(milliseconds=1)


def times(draft: Draft, delivery: Delivery) -> Draft:
    """Fill in `ts_ms` and `hour`; raise Drop if the time is unreadable, before 1990 or over ten minutes ahead."""
    ts = draft.given.ts
    if ts is None:
        ts_ms = delivery.received_ms
    elif isinstance(ts, str):
        ts_ms = _from_iso(ts)
    else:
        ts_ms = round(ts * 1000) if -FAR_S < ts < FAR_S else int(FAR_S * 1000) * (1 if ts > 0 else -1)
    if not EARLIEST_MS <= ts_ms <= delivery.received_ms + AHEAD_MS:
        raise _out_of_range(ts_ms, delivery.received_ms, isinstance(ts, str))
    draft.ts_ms = ts_ms
    second = ts_ms // 1000
    hour = delivery.hour
    if hour is None or not hour.start <= second < hour.end:
        delivery.hour = hour = delivery.calendar.hour(second)
    draft.hour = hour
    return draft


def _out_of_range(ts_ms: int, received_ms: int, in_words: bool) -> Drop:
    if ts_ms < EARLIEST_MS:
        return Drop("ts before 1990", "ts: before 1990")
    hint = "; it is in seconds, not milliseconds" if not in_words and ts_ms > received_ms * 100 else ""
    return Drop("ts ahead", f"ts: more than ten minutes ahead of the server's clock{hint}")


def _from_iso(text: str) -> int:
    """ISO 8601 as Unix milliseconds. Raises Drop."""
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Drop("ts invalid", f"ts: {rule('ts')}") from None
    if time.tzinfo is None:
        raise Drop("ts invalid", "ts: an ISO 8601 time needs its offset, as in 2026-11-23T12:00:00+01:00")
    return round((time - _EPOCH) / _MS)
