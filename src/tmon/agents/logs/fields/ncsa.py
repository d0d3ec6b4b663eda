# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that most web servers write: address, user, [time], "request", status, size, "referrer", "user agent".

It comes from NCSA httpd; Apache calls the first seven fields `common` and all of them `combined`. A line is read in
up to three ways, the fastest first: as nearly all are; with escapes and what is unusual, by the rules; and with quotes
inside quotes, which servers that don't escape write, by looking for the status in between. Each takes time in
proportion to the line's length, whatever is in it.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Final

from .addresses import Addresses
from .numbers import size, status
from .request import put_request
from .text import text_of, unescaped, unlike
from .times import Times
from .unparsed import OTHER, Unparsed

QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
"""Text in quotes; those inside it are escaped."""

_USUAL: Final = re.compile(
    r'(\S+) (\S+) (\S+) \[([^]]{20,40})\] "([A-Z]+) (/[^\s"\\]*) HTTP/[0-9.]+" ([1-9][0-9][0-9]) ([0-9]{1,12}|-) '
    r'"([^"\\]*)" "([^"\\]*)"(?= |$)'
)
_START: Final = re.compile(
    r"(\S+) (\S+) (.{1,256}?) (?:\[([^][]{1,64})\]|([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,Z+-]{5,28})) (?=\")"
)
_REQUEST: Final = re.compile(QUOTED + r"\s+([0-9]{3}|-)\s+([0-9]+|-)(?=\s|$)", re.DOTALL)
_AFTER_REQUEST: Final = re.compile(r'"\s+([0-9]{3}|-)\s+([0-9]+|-)(?=\s|$)')
_TEXT: Final = re.compile(r"\s+" + QUOTED + r"(?=\s|$)", re.DOTALL)


class Line:
    """Reads lines of this form. Has a parser's `parse`, and `read` for formats with something before or behind."""

    stateful = False

    def __init__(self, zone: tzinfo, *, common: bool = False) -> None:
        """`common`: lines that go on with text in quotes are of another format."""
        self._times = Times(zone)
        self._known = self._times.known
        self._addresses = Addresses()
        self._common = common

    def parse(self, line: bytes) -> dict[str, object] | None:
        """The event of one line; None for a comment. Raises Unparsed."""
        return self.read(text_of(line))[0]

    def read(self, text: str) -> tuple[dict[str, object] | None, str, str]:
        """The event, what stands where identd's answer would, and what follows. Raises Unparsed."""
        match = None if self._common else _USUAL.match(text)
        if match is None:
            return self._read_unusual(text)
        client, ident, user, stamp, method, url, state, sent, referrer, useragent = match.groups()
        ts = self._known.get(stamp)
        event: dict[str, object] = {
            "url": url,
            "ip": self._addresses[client],
            "useragent": useragent if useragent != "-" and useragent else None,
            "ts": self._times.clf(stamp) if ts is None else ts,
            "status": int(state),
            "method": method,
            "bytes": 0 if sent == "-" else int(sent),
        }
        if referrer != "-" and referrer:
            event["referrer"] = referrer
        if user != "-":
            put_user(event, user)
        return event, ident, text[match.end() :]

    def _read_unusual(self, text: str) -> tuple[dict[str, object] | None, str, str]:
        start = _START.match(text)
        if start is None:
            if text.startswith("#"):
                return None, "-", ""
            raise unlike(text)
        client, ident, user, stamp, iso = start.groups()
        if " " in user and self._addresses[client] is None:
            raise Unparsed(OTHER)  # something else stands before the address
        request, state, sent, end = _request(text, start.end())
        rest = text[end:]
        if self._common and rest[:2] == ' "':
            raise Unparsed(OTHER)
        event: dict[str, object] = {
            "url": "",
            "ip": self._addresses[client],
            "useragent": None,
            "ts": self._times.clf(stamp) if iso is None else self._times.iso(iso),
        }
        number = status(state)
        if number is not None:
            event["status"] = number
        put_request(event, request)
        amount = 0 if sent == "-" else size(sent)
        if amount is not None:
            event["bytes"] = amount
        put_user(event, user)
        return event, ident, rest if self._common else _put_texts(event, rest)


def put_user(event: dict[str, object], user: str) -> None:
    """Put a user's name into the event unless there was none; `""` is what an empty name is written as."""
    if user not in ("-", '""', '"-"', ""):
        event["username"] = unescaped(user)


def _request(text: str, at: int) -> tuple[str, str, str, int]:
    match = _REQUEST.match(text, at)
    if match is not None:
        request, state, sent = match.groups()
        return request, state, sent, match.end()
    after = _AFTER_REQUEST.search(text, at + 1)
    if after is None:
        raise unlike(text)
    state, sent = after.groups()
    return text[at + 1 : after.start()], state, sent, after.end()


def _put_texts(event: dict[str, object], rest: str) -> str:
    """Put referrer and user agent, if they are there, into the event. Returns what follows."""
    first = _TEXT.match(rest)
    second = None if first is None else _TEXT.match(rest, first.end())
    if first is not None and second is not None:
        referrer, useragent, rest = first[1], second[1], rest[second.end() :]
    else:
        referrer, useragent, rest = _texts_with_quotes(rest)
    useragent = unescaped(useragent)
    event["useragent"] = useragent if useragent not in ("-", "") else None
    referrer = unescaped(referrer)
    if referrer not in ("-", ""):
        event["referrer"] = referrer
    return rest


def _texts_with_quotes(rest: str) -> tuple[str, str, str]:
    r"""Two texts with quotes inside, or cut off: what is between the first ones and the last, parted by `" "`."""
    opened = rest.lstrip()
    if not opened.startswith('"'):
        return "-", "-", rest
    referrer, parted, useragent = opened[1:].partition('" "')
    if not parted:
        return referrer.removesuffix('"'), "-", ""
    return referrer, useragent.removesuffix('"'), ""
