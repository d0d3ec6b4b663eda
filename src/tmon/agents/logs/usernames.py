# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that finds the user's name in another field, by a pattern. The log itself has one only of HTTP's own login.

Whoever asks can write any name into a URL, so the names are worth what the application makes sure of.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from .rules import BadRule, Event, Rule

FIELDS: Final = ("url", "referrer", "useragent", "host")
"""Fields to look into; the first two are percent-encoded, and what is found there is decoded."""

_LOOKED_AT: Final = 4_096
_LONGEST: Final = 256


def username_from(field: str, pattern: str) -> Rule:
    r"""A rule that searches the field for the pattern, as in `username_from("url", r"[?&]user=([^&]+)")`.

    Its group `user`, else its first, is the name, unless the line has one. Raises BadRule.
    """
    if field not in FIELDS:
        raise BadRule(f"user name: {field!r} is no field to look into; there are {', '.join(FIELDS)}")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadRule(f"user name: {pattern!r} is no pattern: {error}") from None
    if not compiled.groups:
        raise BadRule(f"user name: {pattern!r} has no group in parentheses around the name")
    group: int | str = "user" if "user" in compiled.groupindex else 1
    encoded = field in ("url", "referrer")

    def rule(event: Event) -> Event:
        text = event.get(field)
        if "username" in event or not isinstance(text, str):
            return event
        match = compiled.search(text[:_LOOKED_AT])
        name = None if match is None else match[group]
        if name and encoded:
            name = unquote(name, errors="replace").replace("\0", "\ufffd")
        if name and name != "-":
            event["username"] = name[:_LONGEST]
        return event

    return rule
