# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's HTTP requests as Logpush writes them, JSON."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.keyed import KeyedParser

from .format import Format, Parser

KEYS: Final = {
    "ClientIP": "client",
    "ClientSrcPort": "client_port",
    "ClientRequestHost": "host",
    "ClientRequestMethod": "method",
    "ClientRequestURI": "target",
    "ClientRequestUserAgent": "useragent",
    "ClientRequestReferer": "referrer",
    "EdgeResponseStatus": "status",
    "EdgeResponseBytes": "size",
    "EdgeTimeToFirstByteMs": "milliseconds",
    "EdgeStartTimestamp": "time",
}


def _parser(zone: tzinfo) -> Parser:
    return KeyedParser(KEYS, zone, required=("ClientRequestURI", "EdgeStartTimestamp"))


FORMAT: Final = Format(
    "cloudflare",
    "Cloudflare Logpush JSON",
    '{"ClientIP":"192.0.2.7","ClientRequestHost":"www.example.com","ClientRequestMethod":"GET","ClientRequestURI":'
    '"/shop?page=2","ClientRequestUserAgent":"curl/8.5.0","EdgeResponseBytes":2326,"EdgeResponseStatus":200,'
    '"EdgeStartTimestamp":1760097336250000000}',
    _parser,
)
