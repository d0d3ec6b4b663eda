# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of whoever asked, as servers write it: with a port, in brackets, an IPv4 address inside IPv6.

Where a server was told to look names up it writes a host name. That is no address, and counts as unknown: whose it was
can't be told later, and names would escape the rules that the server has for addresses.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_KEPT: Final = 16_384
_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_USUAL: Final = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}")
"""An IPv4 address and nothing else: 0.6 µs instead of 3."""


class Addresses(dict[str, str | None]):
    """Addresses by their text in a log, None where it is none; remembers what it has read, up to a bound."""

    def __missing__(self, text: str) -> str | None:
        if len(self) >= _KEPT:
            self.clear()
        address = self[text] = _read(text)
        return address


def _read(text: str) -> str | None:
    if _USUAL.fullmatch(text):
        return text
    if len(text) > 64:
        return None
    text = without_port(text.strip())
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def without_port(text: str) -> str:
    """`192.0.2.1:80` and `[2001:db8::1]:80` without what is around the address; a bare IPv6 address as it is."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        return text.partition(":")[0]
    if text.startswith("::ffff:") and text.count(":") == 4 and "." in text:
        return text.rpartition(":")[0]
    return text


def port_of(text: str) -> int | None:
    """The port in `192.0.2.1:80` or `[2001:db8::1]:80`, None where there is none."""
    if not text.startswith("[") and text.count(":") > 1 and not text.startswith("::ffff:"):
        return None
    digits = text.rpartition("]" if text.startswith("[") else ":")[2].lstrip(":")
    return (
        int(digits)
        if ":" in text and len(digits) <= 5 and digits.isascii() and digits.isdigit() and int(digits) < 65_536
        else None
    )
