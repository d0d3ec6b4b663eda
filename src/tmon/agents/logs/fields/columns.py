# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs whose columns a line `#Fields:` names: W3C's Extended Log File Format (WD-logfile-960323) and its relatives.

So a line means what the latest #Fields before it says; it may change in the middle of a file. `#Date:` gives the day of
a log that has only times of day. Columns are parted by tabs where there is one, else by spaces; values in quotes are
as the IIS Advanced Logging module writes them.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from .meanings import Event, Meanings, Put
from .text import text_of, unlike

COLUMNS: Final = {
    "c-ip": "client",
    "c-port": "client_port",
    "x-forwarded-for": "forwarded",
    "cs(x-forwarded-for)": "forwarded",
    "s-xff": "forwarded",
    "cs-username": "user",
    "date": "date",
    "time": "time_of_day",
    "date-local": "date",
    "time-local": "time_of_day",
    "cs-method": "method",
    "cs-uri": "site_and_target",
    "cs-uri-stem": "target",
    "cs-uri-query": "query",
    "sc-status": "status",
    "c-status": "status",
    "sc-bytes": "size",
    "time-taken": "time_taken",
    "timetakenms": "milliseconds",
    "x-duration": "seconds",
    "cs(referer)": "referrer",
    "cs(referrer)": "referrer",
    "cs(user-agent)": "useragent_with_plus",
    "cs(host)": "host",
    "cs-host": "host",
    "x-host-header": "host",
    "s-computername": "server",
    "s-ip": "server_ip",
    "s-port": "server_port",
}
"""What the columns mean that a request has a place for."""

_QUOTED: Final = re.compile(r'"([^"]*(?:""[^"]*)*)"|(\S+)')
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)")


class ColumnsParser:
    """Reads such logs. `columns` stand until a #Fields; `required` is part of a column's name, or nothing is read."""

    stateful = True

    def __init__(
        self, zone: tzinfo, *, columns: str = "", meanings: dict[str, str] | None = None, required: str = ""
    ) -> None:
        self._meanings = Meanings(zone)
        self._names = COLUMNS | (meanings or {})
        self._required = required
        self._puts: list[Put | None] = []
        self._date: str | None = None
        self._use(columns)

    def parse(self, line: bytes) -> Event | None:
        """The event of one line; None for a directive. Raises Unparsed."""
        text = text_of(line)
        if text.startswith("#"):
            self._direct(text)
            return None
        values = self._values(text)
        if not self._puts or len(values) != len(self._puts):
            raise unlike(text)
        event: Event = {}
        if self._date is not None:
            event["?date"] = self._date
        for put, value in zip(self._puts, values, strict=True):
            if put is not None:
                put(event, value)
        return self._meanings.finish(event)

    def _direct(self, text: str) -> None:
        name, _, rest = text[1:].partition(":")
        name = name.strip().lower()
        if name == "fields":
            self._use(rest)
        elif name == "date":
            date = _DATE.search(rest)
            self._date = None if date is None else date[1]

    def _use(self, columns: str) -> None:
        names = columns.lower().split()[:256]
        if self._required not in columns.lower():
            names = []
        meanings = [self._names.get(name) for name in names]
        self._puts = [None if meaning is None else self._meanings.named(meaning) for meaning in meanings]

    def _values(self, text: str) -> list[str]:
        if "\t" in text:
            return text.split("\t")
        if '"' in text:
            return [value or bare for value, bare in _QUOTED.findall(text)]
        return text.split()
