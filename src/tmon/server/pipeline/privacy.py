# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that keeps of addresses what the web service's policy allows, and the same for text in quarantine."""

from __future__ import annotations

import re
from typing import Final

from .addresses import ADDRESSES, NETWORKS
from .draft import Delivery, Draft

FULL: Final = "full"
TRUNCATED: Final = "truncated"

LONGEST: Final = 45
"""Characters of the longest address, an IPv6 one that ends in an IPv4 one."""

REMOVED: Final = "[address]"

_IPV4_LIKE: Final = re.compile(r"(?<![0-9])[0-9]{1,3}(?:\.[0-9]{1,3}){3,}(?![0-9])")
"""Four or more short numbers with dots between them: addresses, and version numbers of that form."""

_WITH_COLONS: Final = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f.]*+:[0-9A-Fa-f:.]*+")
"""What may be an IPv6 address: it is taken for one if it has "::" or five colons, as MAC addresses do, too."""


def allowed(address: str, policy: str) -> str | None:
    """What may be kept of an address in its usual form: all, its network (/24, /48), or None."""
    if policy == FULL:
        return address
    return NETWORKS[address] if policy == TRUNCATED else None


def redacted(text: str, policy: str) -> str:
    """`text` with what looks like an address replaced by what may be kept of it, else by "[address]"."""
    if policy == FULL:
        return text
    text = _WITH_COLONS.sub(lambda match: _substitute(match[0], policy, colons=True), text)
    return _IPV4_LIKE.sub(lambda match: _substitute(match[0], policy), text)


def _substitute(text: str, policy: str, colons: bool = False) -> str:
    if colons and "::" not in text and text.count(":") < 5:
        return text
    address = ADDRESSES[text] if policy == TRUNCATED and len(text) <= LONGEST else None
    return REMOVED if address is None else NETWORKS[address]


def private(draft: Draft, delivery: Delivery) -> Draft:
    """Fill in `ip` by the policy, and hold `dst_ip` to it."""
    policy = delivery.ip_policy
    if draft.address is not None:
        draft.ip = allowed(draft.address, policy)
    if draft.extra:
        destination = draft.extra.get("dst_ip")
        if type(destination) is str:
            kept = allowed(destination, policy)
            if kept is None:
                del draft.extra["dst_ip"]
            else:
                draft.extra["dst_ip"] = kept
    return draft
