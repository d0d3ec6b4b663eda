# SPDX-License-Identifier: GPL-3.0-or-later
"""W3C's Extended Log File Format, as IIS writes it: columns that a line #Fields names. Its times are UTC."""

from __future__ import annotations

from typing import Final

from tmon.agents.logs.fields.columns import ColumnsParser

from .format import Format

FORMAT: Final = Format(
    "w3c",
    "W3C extended, as of IIS",
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken\n"
    "2025-10-10 11:55:36 10.0.0.1 GET /shop page=2 443 - 192.0.2.7 curl/8.5.0 https://example.com/ 200 0 0 12",
    ColumnsParser,
    general=1,
)
