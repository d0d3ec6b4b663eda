# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that tells who asked, where proxies stand in front of the server that wrote the log.

Each proxy adds to X-Forwarded-For the address that it was asked from, at the right. So it is read from there, for as
long as what stood before is trusted: what a stranger wrote into it is to the left of that. Where a trusted proxy names
something that is no address, the client is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from .fields.addresses import Addresses
from .rules import BadRule, Event, Rule

_MOST_HOPS: Final = 50
_KEPT: Final = 16_384


def clients(trusted: Iterable[str] = ()) -> Rule:
    """A rule that believes these networks (`10.0.0.0/8`, `192.0.2.7`), and takes `forwarded_for` out of every event.

    Raises BadRule for what is no network.
    """
    try:
        networks = [ip_network(text.strip(), strict=False) for text in trusted]
    except ValueError as error:
        raise BadRule(f"trusted proxies: {error}") from None
    addresses = Addresses()
    known: dict[str, bool] = {}

    def is_trusted(address: str) -> bool:
        answer = known.get(address)
        if answer is None:
            if len(known) >= _KEPT:
                known.clear()
            ip = ip_address(address)
            answer = known[address] = any(ip.version == one.version and ip in one for one in networks)
        return answer

    def rule(event: Event) -> Event:
        forwarded = event.pop("forwarded_for", None)
        client = event["ip"]
        if (
            not isinstance(forwarded, str)
            or not isinstance(client, str)
            or not networks
            or not is_trusted(client)
        ):
            return event
        for entry in reversed(forwarded.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            event.pop("src_port", None)
            event["ip"] = address = addresses[entry.strip()]
            if address is None or not is_trusted(address):
                break
        return event

    return rule
