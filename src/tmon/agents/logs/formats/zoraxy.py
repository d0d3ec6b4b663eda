# SPDX-License-Identifier: GPL-3.0-or-later
"""Zoraxy's log of requests. The first of its two times is cut to the second; neither names a zone."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser

from .format import Format, Parser

LAYOUT: Final = Layout(
    r"(?:\S+ \S+ )?\[",
    Field("time", r"(\d{4}-\d\d-\d\d [0-9:.]{8,18})"),
    r"\] \[router:[^\]]{0,300}\] \[origin:",
    Field("host", r"([^\]]*)"),
    r"\] \[client: ",
    Field("client", r"([^\]\s]*)"),
    r"\] \[useragent: ?",
    Field("useragent", r"([^\]]*)"),
    r"\] ",
    Field("method"),
    " ",
    Field("target"),
    " ",
    Field("status", r"(\d{3})"),
    REST,
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "zoraxy",
    "Zoraxy",
    "2025/10/10 11:55:36 [2025-10-10 11:55:36.150624] [router:host-http] [origin:www.example.com] [client: 192.0.2.7] "
    "[useragent: curl/8.5.0] GET /shop?page=2 200",
    _parser,
)
