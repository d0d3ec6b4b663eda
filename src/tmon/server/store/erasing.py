# SPDX-License-Identifier: GPL-3.0-or-later
"""Blanking a user name in a quarantined payload, however its JSON spells it."""

from __future__ import annotations

import re

_SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
"""The characters that RFC 8259 section 7 lets follow a backslash, by what they stand for."""


def without_name(payload: str, username: str) -> str:
    """The payload with every JSON string that is `username` made empty.

    A payload is text as it arrived: it may be cut off or no JSON at all, and one JSON writer escapes what another does
    not. So each character is looked for in every spelling that RFC 8259 section 7 knows, between quotes.
    """
    if not username:
        return payload
    return re.sub('"' + "".join(map(_spellings, username)) + '"', '""', payload)


def _spellings(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
    ways = [re.escape(character), escaped]
    if character in _SHORT:
        ways.append(r"\\" + re.escape(_SHORT[character]))
    return f"(?:{'|'.join(ways)})"
