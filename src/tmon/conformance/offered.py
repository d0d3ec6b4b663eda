# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that the kit offers a client to send: number in, the same line out, always.

Each has its number in a field of its own, `conformance`, by which it is known again whatever envelope brings it. The
judge makes the event anew from that number and compares.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import lru_cache
from typing import Any, Final

MARK: Final = "conformance"
LARGE_FROM: Final = 1_000_000
"""Numbers from here on are large events, a kilobyte each."""
LARGE_EVENTS: Final = 5_000
EARLIEST: Final = 1_700_000_000
TEXTS: Final = (
    ("plain ASCII", "plain"),
    ("two bytes in UTF-8", "Zoë, naïve, Ærøskøbing"),
    ("combining marks, which are not to be composed", "e\u0301 n\u0303 a\u0308\u0323"),
    ("outside of the Basic Multilingual Plane", "\U0001f600 \U00010348 \U0001d4af"),
    ("joined emoji", "\U0001f469\u200d\U0001f52c\U0001f3fd"),
    ("from right to left", "\u05e9\u05dc\u05d5\u05dd, \u202b\u0645\u0631\u062d\u0628\u0627\u202c"),
    ("the character NUL, as an escape", "a\0b"),
    ("control characters, as escapes", "\t\x01\x1f\x7f"),
    ("line ends of JavaScript's and others", "a\u2028b\u2029c\u0085d\r\n"),
    ("quotes, slashes and backslashes", "\"'\\/</script>\\u0041"),
    ("what looks like markup and formats", "<b>&amp;%s%00{{}}$1"),
    ("characters beyond the last that most fonts have", "\ufdd0\uffff\U0010ffff\ufeff"),
    ("nothing", ""),
)
"""What strings hold, by turns; each also as escapes where JSON leaves the choice."""


def event(number: int) -> dict[str, Any]:
    """The event with that number, as the server should get it."""
    if number >= LARGE_FROM:
        return {**_base(number), "useragent": _noise(number)}
    _, text = TEXTS[number % len(TEXTS)]
    made = {**_base(number), "url": f"/{MARK}/{number}?q={text}", "username": text}
    if number % 3 == 0:
        made["ip"] = None
    if number % 4 == 0:
        made |= {"whole": -number, "fraction": number / 8 + 0.125, "yes": True, "no": False, "nothing": None}
    time = EARLIEST + number
    match number % 5:
        case 0:
            made["ts"] = time
        case 1:
            made["ts"] = time + 0.125
        case 2:
            made["ts"] = dt.datetime.fromtimestamp(time, dt.UTC).isoformat()
        case 3:
            east = dt.timezone(dt.timedelta(hours=5, minutes=45))
            made["ts"] = dt.datetime.fromtimestamp(time, east).isoformat()
    return made


@lru_cache(maxsize=4096)
def line(number: int) -> str:
    """The event as a line of JSON, without its end: non-ASCII characters as they are or as escapes, by turns."""
    escaped = (number // len(TEXTS)) % 2 == 1
    return json.dumps(event(number), ensure_ascii=escaped, separators=(",", ":") if number % 2 else None)


def number_of(received: object) -> int | None:
    """Which of the kit's events this is, None if it is not one of them."""
    number = received.get(MARK) if isinstance(received, dict) else None
    return (
        number
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2 * LARGE_FROM
        else None
    )


def _base(number: int) -> dict[str, Any]:
    return {"url": f"/{MARK}/{number}", "ip": "203.0.113.7", "useragent": "curl/8.5.0", MARK: number}


def _noise(number: int) -> str:
    """A kilobyte that no compression makes much smaller."""
    return hashlib.shake_128(number.to_bytes(8, "big")).hexdigest(500)
