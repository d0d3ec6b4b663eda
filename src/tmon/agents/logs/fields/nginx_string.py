# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx's format strings (`log_format`): `$remote_addr - $remote_user [$time_local] "$request" …`.

Variables that no event has a place for are skipped. A string that is a JSON object is read as one, by its keys. What
`escape=` says need not be known: escapes of all three kinds are told by their looks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from .keyed import KeyedParser
from .layout import LayoutParser
from .strings import BadString, Variable, checked, layout_of

VARIABLES: Final = {
    "remote_addr": "client",
    "remote_port": "client_port",
    "http_x_forwarded_for": "forwarded",
    "proxy_add_x_forwarded_for": "forwarded",
    "remote_user": "user",
    "time_local": "time",
    "time_iso8601": "time",
    "msec": "time",
    "request": "request",
    "request_method": "method",
    "request_uri": "target",
    "uri": "sooner_target",
    "document_uri": "sooner_target",
    "args": "query",
    "query_string": "query",
    "status": "status",
    "body_bytes_sent": "size",
    "bytes_sent": "sooner_size",
    "request_time": "seconds",
    "upstream_response_time": "seconds_in_parts",
    "http_referer": "referrer",
    "http_user_agent": "useragent",
    "host": "host",
    "http_host": "host",
    "server_name": "sooner_host",
    "hostname": "server",
    "server_addr": "server_ip",
    "server_port": "server_port",
}
"""What variables mean."""

_PATTERNS: Final = {
    "time_local": r"\d{1,2}/[A-Za-z]{3}/\d{4}:[0-9:.]{8,18}(?: [+-]\d{4})?",
    "host": r'[^/\s"]{0,255}',
    "http_host": r'[^/\s"]{0,255}',
    "server_name": r'[^/\s":]{0,255}',
    "scheme": "[a-z]{0,16}",
    "upstream_response_time": r"[0-9.,: -]{1,400}?(?=[^0-9.,: -]|\s|$)",
}
_VARIABLE: Final = re.compile(r"\$(?:\{(\w{1,64})\}|(\w{1,64}))")
_BARE: Final = re.compile(r":\s*(\$\w{1,64}|\$\{\w{1,64}\})(?=\s*[,}\]])")


def parser_of(text: str) -> Callable[[tzinfo], LayoutParser | KeyedParser]:
    """What makes parsers of lines that this string describes. Raises BadString."""
    if text.lstrip().startswith("{") and not text.lstrip().startswith("{$"):
        return _keyed(text)
    text = re.sub(r"\$(uri|document_uri)(\$is_args\$|\?\$)(args|query_string)\b", "$request_uri", text)
    pieces: list[Variable | str] = []
    position = 0
    for match in _VARIABLE.finditer(text):
        if match.start() > position:
            pieces.append(text[position : match.start()])
        pieces.append(_variable(match))
        position = match.end()
    pieces.append(text[position:])
    layout = layout_of(pieces)
    return lambda zone: LayoutParser((layout,), zone)


def _variable(match: re.Match[str]) -> Variable:
    name = match[1] or match[2]
    return Variable(match[0], VARIABLES.get(name, "nothing"), _PATTERNS.get(name))


def _keyed(text: str) -> Callable[[tzinfo], KeyedParser]:
    try:
        given = json.loads(_BARE.sub(r':"\1"', text))
    except (ValueError, RecursionError):
        raise BadString("it begins like a JSON object and is none") from None
    table: dict[str, str] = {}
    _walk(given, "", table)
    checked([Variable(key, meaning) for key, meaning in table.items()])
    return lambda zone: KeyedParser(table, zone)


def _walk(value: object, path: str, table: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(inner, f"{path}.{key}" if path else key, table)
    elif isinstance(value, str):
        match = _VARIABLE.fullmatch(value)
        if match is not None:
            table[path] = VARIABLES.get(match[1] or match[2], "nothing")
