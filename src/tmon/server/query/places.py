# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a part of the map from the four numbers of a path."""

from __future__ import annotations

import re

from tmon.server.store.base import Box

from .errors import BadQuestion, shown

MOST_PLACED = 500
"""Requests that the map shows: the latest."""
MOST_LOOKED_AT = 100_000
"""Events that are looked at for them: the newest."""
LONGEST = 32
"""Characters of a number; JavaScript writes at most 25."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


def read_box(ne_lat: str, ne_lng: str, sw_lat: str, sw_lng: str) -> Box:
    """The box with these north-eastern and south-western corners, in degrees. Raises BadQuestion."""
    box = Box(
        north=_degrees("ne_lat", ne_lat, 90),
        east=_degrees("ne_lng", ne_lng, 180),
        south=_degrees("sw_lat", sw_lat, 90),
        west=_degrees("sw_lng", sw_lng, 180),
    )
    if box.north < box.south:
        raise BadQuestion("ne_lat is below sw_lat; the path has the north-eastern corner first")
    return box


def _degrees(name: str, text: str, most: int) -> float:
    if len(text) <= LONGEST and _NUMBER.fullmatch(text):
        number = float(text)
        if -most <= number <= most:
            return number
    raise BadQuestion(f"{name} is a number of degrees from -{most} to {most}, not {shown(text)}")
