# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that strangers give for webhooks: which are understood, and which of their machines may be reached.

A server that POSTs to whatever it is told can be made to speak to its own neighbours. So a host's name is resolved
once, every address of it is judged, and the connection goes to one that was.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
PORTS: Final = {"http": 80, "https": 443}
EXAMPLE: Final = "write one such as https://example.org/warnings"
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*\.?")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_SITE_LOCAL: Final = ipaddress.IPv6Network("fec0::/10")


class NotAnAddress(ValueError):
    """A text is no address of a webhook; the message says why, and repeats nothing of it."""


class Unreachable(Exception):
    """A host can't be reached, or may not be; the message says why."""


class Target(NamedTuple):
    """A webhook's address in its parts; `host` is as DNS has it, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int
    path: str


def parsed(url: str) -> Target:
    """The parts of http:// or https://. Raises NotAnAddress."""
    if any(one.isspace() or not one.isprintable() for one in url):
        raise NotAnAddress(f"an address has no blanks; {EXAMPLE}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise NotAnAddress(f"this is no address; {EXAMPLE}") from None
    if parts.scheme not in PORTS or not host or port == 0:
        raise NotAnAddress(f"only http:// and https:// are understood; {EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        raise NotAnAddress("an address has no user and no password in it; what is sent is signed instead")
    if parts.fragment:
        raise NotAnAddress("an address ends before its #")
    try:
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    except UnicodeError:
        raise NotAnAddress(f"this is no address; {EXAMPLE}") from None
    return Target(
        parts.scheme, _host(host), port or PORTS[parts.scheme], path + (f"?{query}" if query else "")
    )


def _host(host: str) -> str:
    """A host's name in the letters of DNS, or an address in its shortest form."""
    try:
        return ipaddress.ip_address(host).compressed
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise NotAnAddress(f"its host is no name; {EXAMPLE}")
    return name


def is_public(text: str) -> bool:
    """Whether an IP address is one of the internet's at large, and none that leads to one that is not."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in _COMPATIBLE or address in _SITE_LOCAL or address in _NAT64_LOCAL:
            return False
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo is not None:
            return False
        if within is not None:
            address = within
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def allowed(target: Target, *, private: bool, resolve: Resolve = resolved) -> list[str]:
    """The addresses of a target that may be connected to: all, or those that are public. Raises Unreachable."""
    try:
        found = resolve(target.host, target.port)
    except (OSError, UnicodeError):
        raise Unreachable("the name of its host is not known") from None
    good = [one for one in found if private or is_public(one)]
    if not good:
        raise Unreachable(
            "its host has no public address, and this server sends to others only if it is set to"
        )
    return good
