# SPDX-License-Identifier: GPL-3.0-or-later
"""The combined format with X-Forwarded-For behind it, in quotes: `main` of nginx's packages."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.ncsa import Line
from tmon.agents.logs.fields.text import text_of, unescaped

from .format import Event, Format, Parser


class _Parser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._line = Line(zone)

    def parse(self, line: bytes) -> Event | None:
        event, _, rest = self._line.read(text_of(line))
        if event is not None and rest[:2] == ' "':
            forwarded = unescaped(rest[2:].partition('"')[0])
            if forwarded not in ("-", ""):
                event["forwarded_for"] = forwarded
        return event


def _parser(zone: tzinfo) -> Parser:
    return _Parser(zone)


FORMAT: Final = Format(
    "combined-forwarded",
    "Combined with X-Forwarded-For last, nginx's main",
    '10.0.0.9 - - [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/1.1" 200 2326 "https://example.com/" '
    '"curl/8.5.0" "192.0.2.7"',
    _parser,
    general=4,
)
