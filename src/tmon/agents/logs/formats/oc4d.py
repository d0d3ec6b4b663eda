# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a server of learning modules: `info:`, address, [time], "request", status; usually inside the journal.

Behind the dash a user's name may stand. What follows the status and a size may name one as well, and goes before it: a
JSON object, else a token `user=`. Headers that a line repeats are not read: whoever asks writes what he likes there.
"""

from __future__ import annotations

import json
import re
from datetime import tzinfo
from typing import Final

from tmon.agents.logs.fields.layout import Field, Layout, LayoutParser, quoted, stamped
from tmon.agents.logs.fields.text import clean

from .format import Format, Parser

NAMES: Final = (
    *("user", "username", "login", "email", "sub", "remote_user", "preferred_username", "upn"),
    *("user_email", "mail", "nameid"),
)
"""Members of the JSON object that name a user, the first that is there."""
TOKEN: Final = re.compile(r"\suser=([^\s,;]{1,256})")
LOOKED_AT: Final = 4_096


def name_in(rest: str) -> str:
    """The user's name in what follows a line's status and size; "" where there is none."""
    begin = rest.find("{", 0, LOOKED_AT)
    if begin >= 0:
        try:
            given = json.loads(rest[begin:])
        except (ValueError, RecursionError):
            given = None
        if isinstance(given, dict):
            for name in NAMES:
                found = given.get(name)
                if isinstance(found, str) and found.strip():
                    return clean(found.strip()[:256])
    token = TOKEN.search(rest[:LOOKED_AT])
    return token[1] if token else ""


LAYOUT: Final = Layout(
    r"info:\s+",
    Field("client"),
    r" (?:- )?",
    Field("user", r"([^\s\[]*)"),
    r" ?",
    stamped(),
    " ",
    quoted("request"),
    " ",
    Field("status", r"(\d{3}|-)"),
    "(?: ",
    Field("size", r"(\d+|-)"),
    ")?",
    r"(?=\s|$)",
    Field("plain_user", r"(.*)", name_in),
)


def _parser(zone: tzinfo) -> Parser:
    return LayoutParser((LAYOUT,), zone)


FORMAT: Final = Format(
    "oc4d",
    "oc4d, a server of learning modules",
    'info: ::ffff:192.0.2.7 - [2025-10-10T11:55:36.202Z] "GET /modules/harbour/index.html HTTP/1.1" 200',
    _parser,
)
