# SPDX-License-Identifier: GPL-3.0-or-later
"""The combined format with the site's name where identd's answer would stand, as OVH and lighttpd write it.

A name has a dot: what has none may be identd's answer after all.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.ncsa import Line
from tmon.agents.logs.fields.request import put_host
from tmon.agents.logs.fields.text import text_of

from .format import Event, Format, Parser


class _Parser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._line = Line(zone)

    def parse(self, line: bytes) -> Event | None:
        event, site, _ = self._line.read(text_of(line))
        if event is not None and "." in site and "host" not in event:
            put_host(event, site)
        return event


def _parser(zone: tzinfo) -> Parser:
    return _Parser(zone)


FORMAT: Final = Format(
    "ovh",
    "Combined with the site's name second",
    '192.0.2.7 www.example.com - [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/1.1" 200 2326 "-" "curl/8.5.0"',
    _parser,
    general=5,
)
