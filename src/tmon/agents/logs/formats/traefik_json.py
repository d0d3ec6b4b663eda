# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's access log as JSON; durations are nanoseconds."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.keyed import KeyedParser

from .format import Format, Parser

KEYS: Final = {
    "ClientHost": "client",
    "ClientPort": "client_port",
    "ClientUsername": "user",
    "RequestMethod": "method",
    "RequestHost": "host",
    "RequestPath": "target",
    "DownstreamStatus": "status",
    "DownstreamContentSize": "size",
    "Duration": "nanoseconds",
    "request_User-Agent": "useragent",
    "request_Referer": "referrer",
    "request_X-Forwarded-For": "forwarded",
    "StartUTC": "time",
    "time": "sooner_time",
}


def _parser(zone: tzinfo) -> Parser:
    return KeyedParser(KEYS, zone, required=("RequestPath",))


FORMAT: Final = Format(
    "traefik-json",
    "Traefik JSON",
    '{"ClientHost":"192.0.2.7","ClientPort":"51234","ClientUsername":"-","DownstreamContentSize":2326,"DownstreamStatus":200,'
    '"Duration":12500000,"RequestHost":"example.com","RequestMethod":"GET","RequestPath":"/shop?page=2",'
    '"StartUTC":"2025-10-10T11:55:36.25Z","level":"info","msg":"","request_User-Agent":"curl/8.5.0","time":"2025-10-10T11:55:36Z"}',
    _parser,
)
