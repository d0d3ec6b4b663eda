# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's `option httplog`, usually inside syslog (`wrapped+haproxy`).

Fields by section 8.2.3 of HAProxy's configuration manual. The accept time names no zone. The duration is the
last of the timers; captured request headers come first, and one that looks like a user agent is taken for it. A line
whose request could not be read is `<BADREQ>`.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser
from tmon.agents.logs.fields.meanings import Event
from tmon.agents.logs.fields.unparsed import NO_REQUEST, TLS, Unparsed

from .format import Format, Parser

LAYOUT: Final = Layout(
    Field("client", r"(\S+:\d+)"),
    r" \[",
    Field("time", r"(\d{1,2}/[A-Z][a-z]{2}/\d{4}:[0-9:.]{8,18}(?: [+-]\d{4})?)"),
    r"\] \S+ ",
    Field("nothing", r"[^\s/]+/(\S+)"),
    " ",
    Field("last_of_timers", r"([-+0-9]+(?:/[-+0-9]+){4})"),
    " ",
    Field("status", r"(-?\d+)"),
    " ",
    Field("size", r"\+?(\d+)"),
    r" \S+ \S+ \S{4} [0-9/+]+ [0-9/]+",
    Field("captured", r"( \{[^{}]*\})?"),
    r"(?: \{[^{}]*\})?",
    ' "',
    Field("request", r'([^"]*)'),
    '"',
    REST,
)
_CONNECTION: Final = re.compile(r"\S+:\d+ \[\d{1,2}/[A-Z][a-z]{2}/\d{4}:[0-9:.]+\] [^\s/]+/\S+: (.{1,500})")
_PROGRAM: Final = re.compile(r"[A-Za-z][\w.-]*/\d")


class _HaproxyParser(LayoutParser):
    def parse(self, line: bytes) -> Event | None:
        try:
            event = super().parse(line)
        except Unparsed as unparsed:
            raise _failed_connection(line) or unparsed from None
        if event is not None:
            captured = str(event.pop("?captured", "")).strip(" {}")
            for header in captured.split("|"):
                if _PROGRAM.match(header):
                    event["useragent"] = header
                    break
        return event


def _failed_connection(line: bytes) -> Unparsed | None:
    """Of a line that says why a connection came to nothing, the reason that it is counted by."""
    match = _CONNECTION.match(line.decode("utf-8", "replace"))
    if match is None:
        return None
    return Unparsed(TLS if "SSL" in match[1] or "TLS" in match[1] else NO_REQUEST)


def _parser(zone: tzinfo) -> Parser:
    return _HaproxyParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "haproxy",
    "HAProxy HTTP log",
    "192.0.2.7:51234 [10/Oct/2025:13:55:36.655] http-in shop/web-1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "
    '{www.example.com|curl/8.5.0} {} "GET /shop?page=2 HTTP/1.1"',
    _parser,
)
