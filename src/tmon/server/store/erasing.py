# SPDX-License-Identifier: GPL-3.0-or-later
"""Blanking a user name in a quarantined payload, however its JSON spells it."""

from __future__ import annotations

import json
import re

_SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
"""The characters that RFC 8259 section 7 lets follow a backslash, by what they stand for."""


def without_name(payload: str, username: str) -> str:
    """The payload with every JSON string that is `username` made empty.

    A payload is JSON of an event, or where an envelope was no JSON one JSON string that holds its text, which then is
    looked through as well. That text may be cut off, and one JSON writer escapes what another does not. So each
    character is looked for in every spelling that RFC 8259 section 7 knows, between quotes or up to the end.
    """
    if not username:
        return payload
    name = re.compile('"' + "".join(map(_spellings, username)) + '(?:"|\\Z)')
    inner = _text_in(payload)
    if inner is not None and (blanked := name.sub('""', inner)) != inner:
        return json.dumps(blanked)
    return name.sub('""', payload)


def _text_in(payload: str) -> str | None:
    """The text of a payload that is one JSON string."""
    if not payload.startswith('"'):
        return None
    try:
        text = json.loads(payload, strict=False)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def _spellings(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
    ways = [re.escape(character), escaped]
    if character in _SHORT:
        ways.append(r"\\" + re.escape(_SHORT[character]))
    return f"(?:{'|'.join(ways)})"
