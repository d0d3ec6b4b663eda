# SPDX-License-Identifier: GPL-3.0-or-later
"""How many envelopes that do not open each address may send: a token bucket per address, in a bounded table.

An IPv6 address stands for its /64, which is what one customer of a provider has. A good envelope is never asked
about here, so nobody is refused for what others behind the same address do.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

PER_MINUTE: Final = 60
TABLE: Final = 20_000
"""Bound of the table; the address that failed longest ago makes room."""


class Failures:
    """The buckets by address. `now` is in seconds of a monotonic clock."""

    def __init__(self, per_minute: int = PER_MINUTE, table: int = TABLE) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / 60
        self._table = table
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def charge(self, address: str, now: float) -> float:
        """Count a failure of `address`. Returns 0 while its budget lasts, else after how many seconds it does again."""
        block = _block(address)
        level, then = self._levels.get(block, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._per_second)
        wait_s = 0.0
        if level >= 1:
            level -= 1
        else:
            wait_s = (1 - level) / self._per_second
        self._levels[block] = (level, now)
        self._levels.move_to_end(block)
        if len(self._levels) > self._table:
            self._levels.popitem(last=False)
        return wait_s


def _block(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
