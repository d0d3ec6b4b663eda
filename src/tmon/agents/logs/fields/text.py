# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a line, and of what web servers escape in it. It never holds NUL or a lone surrogate.

Bytes that are no UTF-8 become U+FFFD, as the server would want them, and so does NUL.
"""

from __future__ import annotations

import re
from typing import Final

from .unparsed import BINARY, EMPTY, OTHER, TLS, TOO_LONG, Unparsed

MAX_LINE: Final = 65_536
"""Bytes of a line. Servers take 8 to 16 KiB of a request line, and as much of each header."""

_REPLACED: Final = "\ufffd"
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_LETTERS: Final = {"n": b"\n", "t": b"\t", "r": b"\r", "b": b"\b", "v": b"\v", "f": b"\f"}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def text_of(line: bytes) -> str:
    """The line's text without its line break. Raises Unparsed for what is too long."""
    if len(line) > MAX_LINE:
        raise Unparsed(TOO_LONG)
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return text.replace("\0", _REPLACED) if "\0" in text else text


def unescaped(text: str) -> str:
    r"""What `text` stood for before a server escaped it: \" \\ \n \xE9, and \u00e9.

    nginx escapes what is not printable ASCII, ", and \ as \xHH; Apache as \xhh and by letters.
    """
    if "\\" not in text:
        return text
    return (
        _ESCAPE.sub(_meant, text.encode("utf-8", "replace").decode("latin-1"))
        .encode("latin-1")
        .decode("utf-8", "replace")
        .replace("\0", _REPLACED)
    )


def _meant(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 3:
        return chr(int(escape[1:], 16))
    if len(escape) == 5:
        return chr(int(escape[1:], 16)).encode("utf-8", "replace").decode("latin-1")
    letter = _LETTERS.get(escape)
    return escape if letter is None else letter.decode("latin-1")


def clean(text: str) -> str:
    """`text`, which JSON may have escaped, without lone surrogates and NUL."""
    return _SURROGATE.sub(_REPLACED, text).replace("\0", _REPLACED)


def unlike(text: str) -> Unparsed:
    """Why a line that does not have the form that was expected is no event."""
    if not text or text.isspace():
        return Unparsed(EMPTY)
    if text.startswith("\x16\x03"):
        return Unparsed(TLS)
    if _CONTROL.search(text, 0, 1_024):
        return Unparsed(BINARY)
    return Unparsed(OTHER)
