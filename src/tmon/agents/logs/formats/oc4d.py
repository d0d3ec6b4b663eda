# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a server of learning modules: `info:`, address, [time], "request", status; usually inside the journal.

Behind the dash a user's name may stand. What follows the status and a size is not read; a rule finds names elsewhere.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted, stamped

from .format import Format, Parser

LAYOUT: Final = Layout(
    r"info:\s+",
    Field("client"),
    r" (?:- )?",
    Field("user", r"([^\s\[]*)"),
    r" ?",
    stamped(),
    " ",
    quoted("request"),
    " ",
    Field("status", r"(\d{3}|-)"),
    "(?: ",
    Field("size", r"(\d+|-)"),
    ")?",
    REST,
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "oc4d",
    "oc4d, a server of learning modules",
    'info: ::ffff:192.0.2.7 - [2025-10-10T11:55:36.202Z] "GET /modules/harbour/index.html HTTP/1.1" 200',
    _parser,
)
