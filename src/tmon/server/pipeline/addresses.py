# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads IP addresses as senders write them, and shortens them to their network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from .recent import Recent


def _read(text: str) -> str | None:
    return text if _is_usual(text) else _parse(text)


def _is_usual(text: str) -> bool:
    """Whether the system reads this as an address and writes it the same: 1 µs, and it is most of them.

    Those that begin with "::" may stand for IPv4 addresses, and systems differ in how they write them.
    """
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    if text.startswith("::"):
        return False
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text)) == text
    except (OSError, ValueError):
        return False


def _parse(text: str) -> str | None:
    """The usual form of an address in any form: 4 to 12 µs."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        text = text.partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _network(address: str) -> str:
    prefix = 48 if ":" in address else 24
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False).network_address)


ADDRESSES: Final = Recent[str, str | None](_read, room=3_000_000, each=150)
"""The usual form of an address by its text; None where it is none.

IPv6 in lower case with its longest run of zeros left out (RFC 5952), without brackets and zone; an IPv4 address that
is mapped into IPv6 (::ffff:192.0.2.1) as IPv4. So one address has one form, and one visitor.
"""

NETWORKS: Final = Recent[str, str](_network, room=2_000_000, each=150)
"""An address in its usual form with what identifies a subscriber cut off: IPv4 to /24, IPv6 to /48."""
