# SPDX-License-Identifier: GPL-3.0-or-later
"""The combined format behind the name of the site, with its port or not: Debian's other_vhosts_access, nginx's $host.

Lines without the name are taken as well.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.ncsa import Line
from tmon.agents.logs.fields.request import put_host
from tmon.agents.logs.fields.text import text_of

from .format import Event, Format, Parser

_SITE: Final = re.compile(r"(\S+) (?=\S+ \S+ .{1,256}? \[[^][]{1,64}\] \")")


class _Parser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._line = Line(zone)

    def parse(self, line: bytes) -> Event | None:
        text = text_of(line)
        site = _SITE.match(text)
        if site is None or _bare(text):
            return self._line.read(text)[0]
        event = self._line.read(text[site.end() :])[0]
        if event is not None and "host" not in event:
            put_host(event, site[1])
        return event


def _bare(text: str) -> bool:
    """Whether the line has address, identity and user before its time, and no name of a site."""
    before = text.partition(" [")[0]
    return before.count(" ") < 3


def _parser(zone: tzinfo) -> Parser:
    return _Parser(zone)


FORMAT: Final = Format(
    "combined-vhost",
    "Combined with the site's name first",
    'www.example.com:443 192.0.2.7 - - [10/Oct/2025:13:55:36 +0200] "GET /shop?page=2 HTTP/1.1" 200 2326 '
    '"https://example.com/" "curl/8.5.0"',
    _parser,
    general=3,
)
