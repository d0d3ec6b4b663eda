# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy's access log, JSON. Lines that Caddy logs of itself are not of this format."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.keyed import KeyedParser

from .format import Format, Parser

KEYS: Final = {
    "request.remote_ip": "client",
    "request.remote_addr": "client",
    "request.client_ip": "client",
    "request.remote_port": "client_port",
    "request.method": "method",
    "request.host": "host",
    "request.uri": "target",
    "request.headers.User-Agent": "useragent",
    "request.headers.Referer": "referrer",
    "request.headers.X-Forwarded-For": "forwarded",
    "user_id": "user",
    "duration": "seconds",
    "size": "size",
    "status": "status",
    "ts": "time",
}


def _parser(zone: tzinfo) -> Parser:
    return KeyedParser(KEYS, zone, required=("request.uri", "ts"))


FORMAT: Final = Format(
    "caddy",
    "Caddy JSON",
    '{"level":"info","ts":1760097336.25,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":'
    '"192.0.2.7","remote_port":"51234","client_ip":"192.0.2.7","proto":"HTTP/2.0","method":"GET","host":"example.com",'
    '"uri":"/shop?page=2","headers":{"User-Agent":["curl/8.5.0"]}},"user_id":"","duration":0.0125,"size":2326,"status":200}',
    _parser,
)
