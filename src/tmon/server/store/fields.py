# SPDX-License-Identifier: GPL-3.0-or-later
"""An event's fields by name, as the reading API shows them; the same for every store."""

from __future__ import annotations

import datetime as dt
from typing import Any

from ..events import Event, field_value

OPTIONAL = (
    *(
        "referrer",
        "username",
        "method",
        "status",
        "duration_ms",
        "bytes",
        "host",
        "ip",
        "region",
        "city",
        "os",
    ),
    *("browser", "model", "referrer_site", "lat", "lon"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
)


def fields_of(event: Event, source: str) -> dict[str, Any]:
    """The fields of an event; optional ones that are absent or empty are left out."""
    fields: dict[str, Any] = {
        "kind": event.kind,
        "ts": iso(event.ts_ms),
        "url": event.url,
        "path": event.path,
        "useragent": event.agent.useragent,
        "country": event.place.country,
        "device": event.agent.device,
        "bot": event.agent.bot,
        "visitor": None if event.visitor is None else f"{event.visitor & (2**64 - 1):016x}",
        "source": source,
    }
    for name in OPTIONAL:
        value = field_value(event, name, source)
        if value is not None and value != "":
            fields[name] = value
    if event.truncated:
        fields["truncated"] = list(event.truncated)
    return {**event.extra, **fields}


def iso(ts_ms: int) -> str:
    """Unix milliseconds as ISO 8601 in UTC."""
    moment = dt.datetime.fromtimestamp(ts_ms // 1000, dt.UTC).replace(microsecond=ts_ms % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
