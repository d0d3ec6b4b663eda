# SPDX-License-Identifier: GPL-3.0-or-later
"""The request line that a server logged: method, target and version, or whatever a stranger sent instead.

Targets are kept as they were written, but for the absolute form (RFC 9112, section 3.2.2): `http://host/path` becomes
the host and `/path`, so that a page is the same page whichever way it was asked for.
"""

from __future__ import annotations

import re
from typing import Final

from .text import unescaped
from .unparsed import NO_REQUEST, NOT_HTTP, TLS, Unparsed

_METHOD: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,31}")
_TLS: Final = re.compile(r"\x16\x03")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://([^/?#]*)(.*)", re.DOTALL)


def put_request(event: dict[str, object], text: str) -> None:
    r"""Put what a request line says into the event; it may hold the escapes of a server, or be what was sent.

    A line without version is taken for HTTP/0.9, or a server that leaves it out, if its target looks like one. Spaces
    in a target are kept. Raises Unparsed: for nothing at all, for the start of TLS (`\x16\x03`), and for no request.
    """
    if "\\" in text:
        text = unescaped(text)
    method, _, rest = text.strip(" ").partition(" ")
    if not rest.strip(" -"):
        raise _none_at_all(method)
    target, _, version = rest.rpartition(" ")
    versioned = version.startswith("HTTP/") and bool(target)
    if not versioned:
        target = rest
    target = target.strip(" ")
    if not _METHOD.fullmatch(method) or not target:
        raise _none_at_all(text)
    if not versioned and method != "CONNECT" and target[0] not in "/*" and not _ABSOLUTE.match(target):
        raise Unparsed(NOT_HTTP)
    event["method"] = method
    put_target(event, target)


def put_target(event: dict[str, object], target: str) -> None:
    """Put the target of a request into the event: its url, and the host of one in absolute form."""
    if target[:1] != "/":
        absolute = _ABSOLUTE.match(target)
        if absolute is not None:
            host, target = absolute.groups()
            put_host(event, host.rpartition("@")[2])
            if target[:1] != "/":
                target = "/" + target
    event["url"] = target


def put_host(event: dict[str, object], text: str) -> None:
    """Put the name under which the service was asked into the event: lower case, without port."""
    if text.startswith("["):
        name = text.partition("]")[0] + "]"
    else:
        name, _, port = text.rpartition(":")
        if not port.isdigit() or not name:
            name = text
    if name and name not in ("-", "_"):
        event["host"] = name.lower()


def _none_at_all(text: str) -> Unparsed:
    if text in ("", "-"):
        return Unparsed(NO_REQUEST)
    return Unparsed(TLS if _TLS.match(text) else NOT_HTTP)
