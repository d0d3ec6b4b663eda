# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose word about a client's address is taken: the reverse proxies that the operator named.

Pure, so that the collector's loop and the pages decide alike. `X-Forwarded-For` (RFC 7239 §7.4 describes it) is
read from its right end, where each proxy adds the address that it saw: the first address that is not a trusted
proxy's is the client's, and whatever stands left of it was written by the client.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[(?P<six>[^\]]*)\](?::[0-9]{1,5})?|(?P<four>[0-9.]+):[0-9]{1,5}")
HOPS = 32
"""How many addresses of one header are looked at; more are nobody's honest chain of proxies."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks whose forwarding headers are believed; none by default."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """From addresses and networks separated by commas. Raises ValueError naming the part that is neither."""
        networks = []
        for part in text.split(","):
            if not (part := part.strip()):
                continue
            try:
                networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                raise ValueError(
                    f"{part!r} is neither an address nor a network; write for instance 127.0.0.1, 10.0.0.0/8"
                ) from None
        return cls(tuple(networks))

    def __contains__(self, address: object) -> bool:
        """Whether `address`, text or parsed, is one of the proxies."""
        parsed = _address(address) if isinstance(address, str) else address
        if not isinstance(parsed, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
            return False
        return any(parsed.version == network.version and parsed in network for network in self.networks)

    def __bool__(self) -> bool:
        return bool(self.networks)


def client_address(peer: str, headers: Mapping[str, str], trusted: TrustedProxies) -> str:
    """The address of whoever made this request, as text without port or zone.

    `peer` is the other end of the connection. `headers`, which has names in lower case or takes them in any, is asked
    for X-Forwarded-For only if the peer is a trusted proxy. Where the header is garbage, the last proxy that can be
    named is the answer. A peer that is not an address (a Unix socket) is answered as it is.
    """
    nearest = _address(peer)
    if nearest is None:
        return peer
    if nearest not in trusted:
        return str(nearest)
    hops = (headers.get("x-forwarded-for") or "").rsplit(",", HOPS)[-HOPS:]
    for hop in reversed(hops):
        address = _address(hop)
        if address is None:
            break
        nearest = address
        if address not in trusted:
            break
    return str(nearest)


def came_by_https(peer: str, headers: Mapping[str, str], trusted: TrustedProxies) -> bool:
    """Whether a trusted proxy says that the client's own connection was encrypted."""
    return (
        peer in trusted
        and (headers.get("x-forwarded-proto") or "").rsplit(",", 1)[-1].strip().lower() == "https"
    )


def _address(text: str) -> Address | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match["six"] or match["four"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
