# SPDX-License-Identifier: GPL-3.0-or-later
"""Traefik's access log as text: the combined format, the request's number, router, backend's URL, and duration."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.ncsa import Line
from tmon.agents.logs.fields.numbers import duration_ms
from tmon.agents.logs.fields.text import text_of
from tmon.agents.logs.fields.unparsed import OTHER

from .format import Event, Format, Parser, Unparsed

_BEHIND: Final = re.compile(r' \d+ "[^"]*" "[^"]*" (\d+)ms$')


class _Parser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._line = Line(zone)

    def parse(self, line: bytes) -> Event | None:
        event, _, rest = self._line.read(text_of(line))
        behind = _BEHIND.match(rest)
        if event is not None:
            if behind is None:
                raise Unparsed(OTHER)
            took_ms = duration_ms(behind[1], 1)
            if took_ms is not None:
                event["duration_ms"] = took_ms
        return event


def _parser(zone: tzinfo) -> Parser:
    return _Parser(zone)


FORMAT: Final = Format(
    "traefik",
    "Traefik, text",
    '192.0.2.7 - - [10/Oct/2025:11:55:36 +0000] "GET /shop?page=2 HTTP/1.1" 200 2326 "-" "curl/8.5.0" 17 "shop@docker" '
    '"http://10.0.0.3:80" 12ms',
    _parser,
    general=6,
)
