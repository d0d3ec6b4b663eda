# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy's default access log: text, or the JSON that Envoy Gateway writes.

Fields by "Default format string" of Envoy's documentation. The text names no client but X-Forwarded-For, so its last
entry, whom Envoy itself saw, is the address unless the rule for proxies says otherwise.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.keyed import KeyedParser
from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted, stamped

from .format import Event, Format, Parser

LAYOUT: Final = Layout(
    stamped(),
    " ",
    quoted("request"),
    " ",
    Field("status", r"(\d+)"),
    r" \S+(?: [^\s\"]+){0,3}? \d+ ",
    Field("size", r"(\d+)"),
    " ",
    Field("milliseconds", r"(\d+|-)"),
    r" (?:\d+|-) ",
    quoted("first_forwarded"),
    " ",
    quoted("useragent"),
    r' "[^"]*" ',
    quoted("host"),
    r' "',
    REST.replace(r"\s|", ".|"),
)

KEYS: Final = {
    ":authority": "host",
    "bytes_sent": "size",
    "downstream_remote_address": "client",
    "duration": "milliseconds",
    "method": "method",
    "x-envoy-origin-path": "target",
    "response_code": "status",
    "start_time": "time",
    "user-agent": "useragent",
    "x-forwarded-for": "forwarded",
    "referer": "referrer",
}


class _EnvoyParser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._text = LayoutParser((LAYOUT,), zone)
        self._json = KeyedParser(KEYS, zone, required=("response_code", "start_time"))

    def parse(self, line: bytes) -> Event | None:
        return self._json.parse(line) if line[:1] == b"{" else self._text.parse(line)


def _parser(zone: tzinfo) -> Parser:
    return _EnvoyParser(zone)


FORMAT: Final = Format(
    "envoy",
    "Envoy default access log, text or JSON",
    '[2025-10-10T11:55:36.310Z] "GET /shop?page=2 HTTP/2" 200 - 0 154 226 100 "192.0.2.7" "curl/8.5.0" '
    '"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "www.example.com" "10.0.2.1:80"',
    _parser,
)
