# SPDX-License-Identifier: GPL-3.0-or-later
"""What destinations are told of a warning, as JSON and as a mail. Names in it were written by strangers."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from typing import Any

from tmon.server.calendar import Calendar
from tmon.server.tenants.models import UNREADABLE, WebService

from .models import Violation

SHOWN = 100
"""Characters of a name in a mail."""
LISTED = 50
"""Warnings in a mail."""
SUBJECT = "T-Mon: a time limit is exceeded"
SUBJECT_OF_TEST = "T-Mon: a test"


def body(webservice: WebService, violation: Violation | None, base_url: str, now: dt.datetime) -> bytes:
    """The JSON of a warning, or of a test. Standard Webhooks says what it begins with."""
    data: dict[str, Any] = {
        "webservice": webservice.wsid,
        "webservice_name": webservice.name,
        "dashboard": f"{base_url}/view/dashboard/{webservice.wsid}",
    }
    if violation is None:
        return _json("test", now, data)
    calendar = webservice.calendar()
    data |= {
        "id": violation.pk,
        "object": violation.object,
        "minutes": violation.minutes,
        "name": violation.name,
        "subject": violation.subject,
        "session": violation.number,
        "source": violation.source,
        "started": _stamp(violation.started, calendar),
        "exceeded": _stamp(violation.exceeded, calendar),
        "noticed": _stamp(violation.noticed, calendar),
    }
    return _json("limit.exceeded", violation.noticed, data)


def _json(kind: str, at: dt.datetime, data: dict[str, Any]) -> bytes:
    stamp = at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": stamp, "data": data}).encode()


def lines(webservice: WebService, violations: list[Violation]) -> list[str]:
    """A line for each warning, as a mail has them."""
    calendar = webservice.calendar()
    return [_line(one, webservice.name, calendar) for one in violations[:LISTED]]


def _line(one: Violation, webservice: str, calendar: Calendar) -> str:
    """`<name> (<address or source>) has exceeded N minutes on "<object>"`, and when."""
    name = readable(one.name)
    where = one.source or one.address
    if where and where != one.subject:
        name += f" ({readable(where)})"
    minutes = "1 minute" if one.minutes == 1 else f"{one.minutes} minutes"
    what = readable(one.object or webservice)
    exceeded, started = (calendar.local(at.timestamp()) for at in (one.exceeded, one.started))
    return f'{name} has exceeded {minutes} on "{what}" at {exceeded:%H:%M:%S}, begun at {started:%H:%M:%S}'


def readable(text: str) -> str:
    """A stranger's text in one line that can be read as it stands, cut where it is long."""
    line = "".join(" " if unicodedata.category(one) in UNREADABLE else one for one in text)
    line = " ".join(line.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _stamp(at: dt.datetime, calendar: Calendar) -> str:
    return calendar.local(at.timestamp()).isoformat(timespec="milliseconds")
