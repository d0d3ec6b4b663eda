# SPDX-License-Identifier: GPL-3.0-or-later
"""How a request to CouchDB is written: its path, parameters and JSON. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

_JSON: Final = frozenset({"key", "keys", "start_key", "startkey", "end_key", "endkey"})
"""Parameters that CouchDB reads as JSON, so that "7" and 7 are two keys."""


class Request(NamedTuple):
    """A request as every node may be asked it."""

    method: str
    target: str
    """Path and parameters, in ASCII."""
    content: bytes | None
    timeout_s: float
    largest_bytes: int

    @property
    def what(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {self.target.partition('?')[0][:200]}"


def target(path: tuple[str, ...], params: Mapping[str, Any]) -> str:
    """The path of these parts, each of which may have any character, with these parameters.

    Raises ValueError for a part that is empty, `.` or `..`: what lies before a node may take it away.
    """
    for part in path:
        if part in {"", ".", ".."}:
            raise ValueError(f"{part!r} can't be a part of a path")
    written = "&".join(f"{quote(name, safe='')}={_value(name, value)}" for name, value in params.items())
    parts = "/".join(quote(part, safe="") for part in path)
    return f"/{parts}{f'?{written}' if written else ''}"


def _value(name: str, value: Any) -> str:
    if isinstance(value, str) and name not in _JSON:
        return quote(value, safe="")
    return quote(msgspec.json.encode(value), safe="")
