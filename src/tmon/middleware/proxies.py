# SPDX-License-Identifier: LGPL-3.0-or-later
"""Tells who asked, where proxies stand between: text in, an address out.

Each proxy adds to a header the address that it was asked from, at the right. So the header is read from there, for as
long as what stood before is trusted: what a stranger wrote into it is to the left of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

UNIX: Final = "unix"
"""In place of a network: whoever asks by a Unix socket, and so has no address."""
NOBODY: Final = "-"
MOST_HOPS: Final = 50
LONGEST: Final = 100
"""Characters of an entry that are looked at. An address with brackets, a port and spaces around it has fewer."""
_ADDRESSES_KEPT: Final = 4096

# RFC 7239, section 4: elements between commas, pairs between semicolons, a value bare or quoted.
_FORWARDED_FOR = re.compile(r'(?:^|[;,])\s*for\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))', re.IGNORECASE)


class Proxies:
    """The proxies in front of an application. Raises ValueError for what is no network."""

    def __init__(self, trusted: Iterable[str] = (), header: str = "X-Forwarded-For") -> None:
        if isinstance(trusted, str):
            raise ValueError("trusted_proxies is a list of networks, such as ['10.0.0.0/8', 'unix']")
        given = list(trusted)
        self.header = header.lower()
        self.wsgi_name = f"HTTP_{header.upper().replace('-', '_')}"
        self.asgi_name = self.header.encode("latin-1", "replace")
        self._networks = [ip_network(one) for one in given if one != UNIX]
        self._unix = UNIX in given
        self._any = bool(given)
        self._read = lru_cache(maxsize=_ADDRESSES_KEPT)(self._reading)

    def client(self, peer: str | None, forwarded: str) -> str | None:
        """The address that asked: `peer` is at the other end of the connection, `forwarded` is the header's value.

        None where it is not known: a trusted proxy says something that is no address.
        """
        if not self._any:
            return peer or None
        if not self._read((peer or "")[:LONGEST])[1]:
            return peer or None
        known = peer or None
        for entry in reversed(self._entries(forwarded)):
            known, is_trusted = self._read(entry[:LONGEST] or NOBODY)
            if not is_trusted:
                break
        return known

    def _entries(self, forwarded: str) -> list[str]:
        if not forwarded.strip():
            return []
        if self.header == "forwarded":
            return [quoted or bare for quoted, bare in _FORWARDED_FOR.findall(forwarded)][-MOST_HOPS:]
        return forwarded.rsplit(",", MOST_HOPS)[-MOST_HOPS:]

    def _reading(self, entry: str) -> tuple[str | None, bool]:
        """The address that an entry means, None for none, and whether that is trusted."""
        if not entry:
            return None, self._unix
        address = _address(entry)
        if address is None:
            return None, False
        return str(address), any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry, which may have a port, brackets and quotes around it."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
