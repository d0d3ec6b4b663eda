# SPDX-License-Identifier: GPL-3.0-or-later
"""Squid's native access log; `error:…` in place of a URL is a request that could not be read."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import Field, Layout, LayoutParser

from .format import Format, Parser

LAYOUT: Final = Layout(
    Field("time", r"(\d{9,10}\.\d{3})"),
    r" +",
    Field("milliseconds", r"(\d+)"),
    " ",
    Field("client"),
    r" [A-Z_]+/",
    Field("status", r"(\d{3})"),
    " ",
    Field("size", r"(\d+)"),
    " ",
    Field("method"),
    " ",
    Field("readable_target"),
    " ",
    Field("user"),
    r" [A-Z_]+/\S+",
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "squid",
    "Squid",
    "1760097336.250     12 192.0.2.7 TCP_MISS/200 2326 GET http://www.example.com/shop?page=2 - "
    "HIER_DIRECT/10.0.0.1 text/html",
    _parser,
)
