# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx's and Apache's own format strings have in common: variables with text between them, made into a layout."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from .layout import Field, Layout

HAVE_URL: Final = frozenset({"request", "target", "sooner_target", "site_and_target"})
HAVE_TIME: Final = frozenset({"time", "sooner_time"})
MAX_STRING: Final = 4_096
MAX_VARIABLES: Final = 64

_IN_QUOTES: Final = r'([^"\\]*(?:\\.[^"\\]*)*)'
_IN_BRACKETS: Final = r"([^\]]*)"


class BadString(ValueError):
    """A format string that can't be read. The message says where and why."""


class Variable:
    """A variable of a format string."""

    def __init__(
        self,
        shown: str,
        meaning: str,
        pattern: str | None = None,
        rewritten: Callable[[str], str] | None = None,
    ) -> None:
        """`pattern` of its text, without groups, where what is around it does not say where it ends."""
        self.shown = shown
        self.meaning = meaning
        self.pattern = pattern
        self.rewritten = rewritten


def layout_of(pieces: Sequence[Variable | str]) -> Layout:
    """The layout that variables and text describe; spaces stand for any number of them. Raises BadString."""
    checked([piece for piece in pieces if isinstance(piece, Variable)])
    made: list[Field | str] = []
    for index, piece in enumerate(pieces):
        before = pieces[index - 1] if index else ""
        after = pieces[index + 1] if index + 1 < len(pieces) else ""
        if isinstance(piece, str):
            made.append(re.sub(r"(?:\\[ \t]|\\\t)+", r"[ \\t]++", re.escape(piece)))
        elif isinstance(before, Variable) and before.pattern is None:
            raise BadString(f"{before.shown} and {piece.shown} have nothing between them")
        else:
            pattern = f"({piece.pattern})" if piece.pattern else _pattern(before, after)
            made.append(Field(piece.meaning, pattern, piece.rewritten))
    return Layout(*made)


def checked(variables: Sequence[Variable]) -> None:
    """Raises BadString unless these say what was asked for, and when."""
    if len(variables) > MAX_VARIABLES:
        raise BadString(f"it has {len(variables)} variables; at most {MAX_VARIABLES} are read")
    meanings = {variable.meaning for variable in variables}
    if not meanings & HAVE_URL:
        raise BadString("it does not say what was asked for ($request or $request_uri, %r or %U)")
    if not meanings & HAVE_TIME and not {"date", "time_of_day"} <= meanings:
        raise BadString("it does not say when ($time_local, $time_iso8601 or $msec, %t)")


def _pattern(before: Variable | str, after: Variable | str) -> str:
    """The pattern of text that ends where what is after it begins. It gives nothing back, so a line is read once."""
    if isinstance(after, Variable):
        return "(.*)"  # is refused when its turn comes
    if after.startswith('"') and isinstance(before, str) and before.endswith('"'):
        return _IN_QUOTES
    if after.startswith("]") and isinstance(before, str) and before.endswith("["):
        return _IN_BRACKETS
    if not after:
        return "(.*)"
    return r"(\S*+)" if after[0].isspace() else f"([^{re.escape(after[0])}]*+)"


def quoted_lines(text: str) -> str:
    """A format string out of a server's configuration: the quoted parts of `log_format main '…' '…';` put together."""
    start = re.match(r"\s*(?:log_format|LogFormat)\s+", text)
    if start is None:
        return text
    rest = text[start.end() :]
    quote = min((mark for mark in "'\"" if mark in rest), key=rest.index, default="")
    if not quote:
        raise BadString("it has no text in quotes")
    return "".join(
        part.replace("\\" + quote, quote)
        for part in re.findall(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", rest)
    )
