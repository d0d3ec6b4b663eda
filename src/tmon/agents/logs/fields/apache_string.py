# SPDX-License-Identifier: GPL-3.0-or-later
r"""Apache's format strings (`LogFormat`): `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`.

Directives by the documentation of mod_log_config; those that no event has a place for are skipped. Quotes may be
written as they are in a configuration, `\"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from .layout import LayoutParser
from .stamps import BadStamp, Stamp
from .strings import BadString, Variable, layout_of

DIRECTIVES: Final = {
    "h": "client",
    "a": "client",
    "u": "user",
    "t": "time",
    "r": "request",
    "m": "method",
    "U": "target",
    "q": "query",
    "s": "status",
    "b": "size",
    "B": "size",
    "O": "sooner_size",
    "D": "microseconds",
    "T": "seconds",
    "v": "sooner_host",
    "V": "host",
    "p": "server_port",
    "A": "server_ip",
    "{c}a": "nothing",
    "{ms}T": "milliseconds",
    "{us}T": "microseconds",
    "{s}T": "seconds",
    "{remote}p": "client_port",
    "{local}p": "server_port",
    "{canonical}p": "server_port",
    "{sec}t": "time",
    "{msec}t": "time",
    "{usec}t": "time",
    "{referer}i": "referrer",
    "{user-agent}i": "useragent",
    "{x-forwarded-for}i": "forwarded",
    "{host}i": "host",
}
"""What directives mean; names in braces in lower case."""

_PATTERNS: Final = {"t": r"\[[^\]]{1,64}\]", "v": r'[^/\s":]{0,255}', "V": r'[^/\s":]{0,255}'}
_LETTERS: Final = "aABbCDeEfhHiIklLmnoOpPqrRsStTuUvVX^"
_DIRECTIVE: Final = re.compile(r"%(?:!?\d{3}(?:,\d{3})*)?[<>]?(?:\{([^}]{0,200})\})?(\^t[io]|.)", re.DOTALL)


def parser_of(text: str) -> Callable[[tzinfo], LayoutParser]:
    """What makes parsers of lines that this string describes. Raises BadString."""
    text = text.replace('\\"', '"').replace("\\t", "\t").replace("\\n", "").replace("%U%q", "%U")
    pieces: list[Variable | str] = []
    literal = ""
    position = 0
    for match in _DIRECTIVE.finditer(text):
        literal += text[position : match.start()]
        position = match.end()
        if match[0] == "%%":
            literal += "%"
            continue
        if literal:
            pieces.append(literal)
        literal = ""
        pieces.append(_variable(match))
    pieces.append(literal + text[position:])
    layout = layout_of(pieces)
    return lambda zone: LayoutParser((layout,), zone)


def _variable(match: re.Match[str]) -> Variable:
    argument, letter = match.groups()
    if letter[0] not in _LETTERS:
        raise BadString(f"{match[0]} is no directive of Apache's")
    if argument is None:
        return Variable(match[0], DIRECTIVES.get(letter, "nothing"), _PATTERNS.get(letter))
    name = "{" + argument.lower() + "}" + letter
    if letter == "t" and name not in DIRECTIVES:
        return _stamp(match[0], argument)
    return Variable(match[0], DIRECTIVES.get(name, "nothing"))


def _stamp(shown: str, format_: str) -> Variable:
    format_ = format_.removeprefix("begin:").removeprefix("end:")
    if format_ in ("msec_frac", "usec_frac"):
        return Variable(shown, "nothing", r"\d{1,6}")
    if format_ in ("sec", "msec", "usec"):
        return Variable(shown, "time", r"\d{9,17}")
    try:
        stamp = Stamp(format_)
    except BadStamp as bad:
        raise BadString(f"{shown}: {bad}") from None
    rewritten = None if stamp.meaning == "nothing" else stamp.iso
    return Variable(shown, stamp.meaning, stamp.pattern, rewritten)
