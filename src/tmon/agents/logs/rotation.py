# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the order of the files of one log that was rotated."""

from __future__ import annotations

from datetime import tzinfo
from itertools import islice

from .formats import LOOKED_AT, Format, Undetected, Unparsed, detect
from .reading import Log


def first_ts(name: str, format_: Format | None, zone: tzinfo) -> float:
    """The time of the first request in a log, in Unix seconds; endlessly late where there is none.

    Raises Unreadable.
    """
    with Log(name) as log:
        lines = [line.content for line in islice(log.lines(), LOOKED_AT)]
    try:
        parser = (format_ or detect(lines, zone)).parser(zone)
    except Undetected:
        return float("inf")
    for line in lines:
        try:
            event = parser.parse(line)
        except Unparsed:
            continue
        if event is not None and isinstance(event["ts"], int | float):
            return float(event["ts"])
    return float("inf")
