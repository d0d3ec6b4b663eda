# SPDX-License-Identifier: GPL-3.0-or-later
"""Apache's `common`: address, identity, user, [time], "request", status, size; nothing in quotes follows."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.ncsa import Line

from .format import Format, Parser


def _parser(zone: tzinfo) -> Parser:
    return Line(zone, common=True)


FORMAT: Final = Format(
    "common",
    "Common Log Format",
    '192.0.2.7 - mira [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/1.1" 200 2326',
    _parser,
    general=1,
)
