# SPDX-License-Identifier: GPL-3.0-or-later
"""Nginx Proxy Manager's logs of its proxy hosts; of its other logs, lines in the combined format."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import REST, Field, Layout, LayoutParser, quoted, stamped
from tmon.agents.logs.fields.ncsa import Line

from .format import Event, Format, Parser

LAYOUT: Final = Layout(
    stamped(),
    r" (?:(?:-|[A-Z]+) )?(?:(?:\d{3}|-) )?",
    Field("status", r"(\d{3})"),
    " - ",
    Field("method"),
    r" \S+ ",
    Field("host"),
    " ",
    quoted("target"),
    r" \[Client ",
    Field("client", r"([^\]\s]+)"),
    r"\] \[Length ",
    Field("size", r"(\d+|-)"),
    r"\](?: \[[^\]]{0,300}\]){1,3} ",
    quoted("useragent"),
    " ",
    quoted("referrer"),
    REST,
)

TIMED: Final = Layout(
    stamped(),
    " ",
    Field("host"),
    " ",
    Field("client"),
    " ",
    Field("seconds", r"([0-9.]+|-)"),
    " ",
    quoted("request"),
    " ",
    Field("status", r"(\d{3})"),
    " ",
    Field("size", r"(\d+)"),
    r" \d+ ",
    Field("referrer"),
    " ",
    Field("useragent", r"(.*)"),
)


class _Parser:
    stateful = False

    def __init__(self, zone: tzinfo) -> None:
        self._layouts = LayoutParser((LAYOUT, TIMED), zone)
        self._line = Line(zone)

    def parse(self, line: bytes) -> Event | None:
        return self._layouts.parse(line) if line[:1] == b"[" else self._line.parse(line)


def _parser(zone: tzinfo) -> Parser:
    return _Parser(zone)


FORMAT: Final = Format(
    "proxy-manager",
    "Nginx Proxy Manager",
    '[10/Oct/2025:11:55:36 +0000] - 200 200 - GET https www.example.com "/shop?page=2" [Client 192.0.2.7] '
    '[Length 2326] [Gzip -] [Sent-to 10.0.0.15] "curl/8.5.0" "https://example.com/"',
    _parser,
    general=6,
)
