# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a CouchDB is: `couchdb://user:password@h1:5984,h2:5984/prefix`, or `couchdbs://` for TLS.

No message repeats any part of the address: where one is written wrongly, any part may hold some of the password.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import unquote

from ..base import StoreError

PORT: Final = 5984
LONGEST_PREFIX: Final = 100
"""Characters. CouchDB's names of databases may have 238."""
_SCHEMES: Final = {"couchdb": False, "couchdbs": True}
_PREFIX: Final = re.compile(r"[a-z](?:[a-z0-9_$()+/-]*[a-z0-9])?")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")
_PERCENT_ALONE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODE: Final = "in the user and the password every @ : / ? # [ ] % is to be percent-encoded (@ is %40)"


class Where(NamedTuple):
    """The host (a name, an IPv4 address, or an IPv6 address without brackets) and port of a node."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """The nodes of a CouchDB, whom T-Mon is there, and what the names of its databases begin with."""

    nodes: tuple[Where, ...]
    user: str
    password: str = field(repr=False)
    prefix: str
    secure: bool = False


def parse(url: str) -> Address:
    """The address that `url` (TMON_STORE) says. Raises StoreError, with what is wrong and without the password."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _SCHEMES:
        raise _wrong("it begins with couchdb:// or couchdbs://")
    authority, _, prefix = rest.partition("/")
    login, found, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    if not found or not colon or not user or not password:
        raise _wrong(f"it needs user:password@ before the hosts; {_ENCODE}")
    if set("@:?#[]") & set(user + password):
        raise _wrong(_ENCODE)
    nodes = tuple(_node(text, number) for number, text in enumerate(hosts.split(","), 1))
    if len(set(nodes)) < len(nodes):
        raise _wrong("it names a host twice")
    if not prefix:
        raise _wrong("it needs a /prefix after the hosts, which the names of the databases begin with")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > LONGEST_PREFIX:
        raise _wrong(
            "the prefix after the hosts begins with a lower-case letter, ends with one or a digit, has only lower-case "
            f"letters, digits and _ $ ( ) + - / and at most {LONGEST_PREFIX} characters"
            + (f"; {_ENCODE}" if "@" in prefix else "")
        )
    name = _decoded(user)
    if ":" in name:
        raise _wrong("a user of CouchDB can't log in with a name that has a colon")
    return Address(nodes, name, _decoded(password), prefix, _SCHEMES[scheme])


def _node(text: str, number: int) -> Where:
    """The host and port of the `number`th node."""
    if text.startswith("["):
        host, closed, after = text[1:].partition("]")
        try:
            known = bool(closed) and ipaddress.IPv6Address(host).scope_id is None
        except ValueError:
            known = False
        if not known or after[:1] not in {"", ":"}:
            raise _wrong(f"host {number} is no IPv6 address in brackets, followed by : and a port or nothing")
        port = after[1:] if after else str(PORT)
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            raise _wrong(
                f"host {number} has several colons: an IPv6 address is written in brackets, [::1]:{PORT}"
            )
        port = port if colon else str(PORT)
        if not _HOST_NAME.fullmatch(host):
            raise _wrong(f"host {number} is empty or has characters that no host's name has")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise _wrong(f"the port of host {number} is no number from 1 to 65535")
    return Where(host.lower(), int(port))


def _decoded(text: str) -> str:
    if _PERCENT_ALONE.search(text):
        raise _wrong(f"the user or the password has a % that no two hexadecimal digits follow; {_ENCODE}")
    try:
        return unquote(text, "utf-8", "strict")
    except UnicodeDecodeError:
        problem = "the user or the password is not UTF-8"
    raise _wrong(problem)


def _wrong(what: str) -> StoreError:
    return StoreError(f"TMON_STORE is to be couchdb://user:password@host:{PORT},…/prefix: {what}")
