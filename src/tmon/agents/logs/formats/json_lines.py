# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON objects, one a line, with the names that nginx's variables and the usual loggers have.

Of several keys with one meaning the last in this table that a line has is taken. Durations are in seconds unless their
name says otherwise.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.keyed import KeyedParser

from .format import Format, Parser

KEYS: Final = {
    "client": "client",
    "clientip": "client",
    "client_ip": "client",
    "client.ip": "client",
    "remote_ip": "client",
    "remoteip": "client",
    "remote_host": "client",
    "ip": "client",
    "remote_addr": "client",
    "remote_port": "client_port",
    "http_x_forwarded_for": "forwarded",
    "x_forwarded_for": "forwarded",
    "forwarded_for": "forwarded",
    "user": "user",
    "username": "user",
    "remote_user": "user",
    "timestamp": "time",
    "@timestamp": "time",
    "time": "time",
    "ts": "time",
    "time_local": "time",
    "time_iso8601": "time",
    "msec": "time",
    "request": "request",
    "method": "method",
    "http.request.method": "method",
    "request_method": "method",
    "path": "target",
    "uri": "target",
    "url": "target",
    "url.path": "target",
    "url.original": "target",
    "request_uri": "target",
    "query": "query",
    "query_string": "query",
    "args": "query",
    "status_code": "status",
    "response_code": "status",
    "http.response.status_code": "status",
    "status": "status",
    "bytes": "size",
    "size": "size",
    "bytes_sent": "size",
    "response_size": "size",
    "http.response.body.bytes": "size",
    "body_bytes_sent": "size",
    "request_time": "seconds",
    "response_time": "seconds",
    "duration": "seconds",
    "duration_us": "microseconds",
    "response_time_ms": "milliseconds",
    "duration_ms": "milliseconds",
    "upstream_response_time": "seconds_in_parts",
    "referer": "referrer",
    "referrer": "referrer",
    "http_referer": "referrer",
    "user_agent": "useragent",
    "useragent": "useragent",
    "user-agent": "useragent",
    "agent": "useragent",
    "user_agent.original": "useragent",
    "http_user_agent": "useragent",
    "host": "host",
    "vhost": "host",
    "server_name": "host",
    "http_host": "host",
    "hostname": "server",
}


def _parser(zone: tzinfo) -> Parser:
    return KeyedParser(KEYS, zone)


FORMAT: Final = Format(
    "json-lines",
    "JSON lines, as of nginx",
    '{"time_iso8601":"2025-10-10T13:55:36+02:00","remote_addr":"192.0.2.7","remote_user":"","request":"GET '
    '/shop?page=2 HTTP/1.1","status":"200","body_bytes_sent":"2326","request_time":"0.012","http_referrer":"",'
    '"http_user_agent":"curl/8.5.0"}',
    _parser,
    general=5,
)
