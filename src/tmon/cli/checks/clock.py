# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the clock is right: after what was received, and synchronised; and whether time zones are known."""

from __future__ import annotations

import ctypes
import datetime as dt
import zoneinfo
from collections.abc import Iterator
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

TOLERATED_S: Final = 5.0
ZONE: Final = "Europe/Vienna"
UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC of <sys/timex.h>."""


class Timex(ctypes.Structure):
    """The head of Linux's struct timex; the rest is room for what the kernel writes behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def check(deployment: Deployment) -> Iterator[Finding]:
    """The clock against the log and the kernel's word, and the zone data."""
    now = dt.datetime.fromtimestamp(deployment.now, dt.UTC)
    newest_ms = deployment.stats.newest_ms if deployment.stats is not None else None
    ahead_s = 0.0 if newest_ms is None else newest_ms / 1000 - deployment.now
    synchronised = kernel_synchronised()
    if ahead_s > TOLERATED_S:
        yield problem(
            f"it says {now:%Y-%m-%d %H:%M:%S} UTC, {dt.timedelta(seconds=round(ahead_s))} before the newest receipt in "
            "the log",
            "set the clock: events are dated, days closed and sessions ended by it",
        )
    elif synchronised is False:
        yield warning(
            f"it says {now:%Y-%m-%d %H:%M:%S} UTC, and the kernel says that nothing keeps it synchronised",
            "run a time service (systemd-timesyncd, chrony); envelopes that seem too old or too new are refused",
        )
    else:
        known = "synchronised" if synchronised else "whether it is synchronised is not known here"
        yield ok(f"{now:%Y-%m-%d %H:%M:%S} UTC, {known}")
    try:
        zoneinfo.ZoneInfo(ZONE)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        yield problem("there is no time zone data", "install the Python package tzdata, or the system's")


def kernel_synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised (adjtimex(2)); None where it does not say."""
    timex = Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError, TypeError):
        return None
    return None if state < 0 else not timex.status & UNSYNCHRONISED
