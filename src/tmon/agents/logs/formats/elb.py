# SPDX-License-Identifier: GPL-3.0-or-later
"""Access logs of AWS's Classic Load Balancer; lines of TCP listeners hold no request."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted

from .format import Format, Parser

LAYOUT: Final = Layout(
    Field("time", r"(\d{4}-\S+Z)"),
    r" \S+ ",
    Field("client"),
    r" \S+ ",
    Field("sum_of_seconds", r"(\S+ \S+ \S+)"),
    " ",
    Field("status", r"(\d{3}|-)"),
    r" (?:\d{3}|-) \d+ ",
    Field("size", r"(\d+)"),
    " ",
    quoted("request"),
    "(?: ",
    quoted("useragent"),
    ")?",
    REST,
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "elb",
    "AWS Classic Load Balancer",
    "2025-10-10T11:55:36.945958Z shop 192.0.2.7:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "
    '"GET http://www.example.com:80/shop?page=2 HTTP/1.1" "curl/8.5.0" - -',
    _parser,
)
