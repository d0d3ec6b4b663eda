# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server answers to an envelope, as far as the kit plays one: content in, status and JSON out, no I/O."""

from __future__ import annotations

from typing import Any, Final

from .events import fault_of
from .received import Received

LISTED: Final = 100
"""Rejected events that an answer names; it counts all."""
ON_PURPOSE: Final = "refused on purpose by the conformance kit"


def decided(received: Received, *, refused: bool) -> tuple[int, dict[str, Any]]:
    """The outcome of an envelope that opened: its status, and what is in the answer beside it.

    Events without their required keys are rejected; all of them if the envelope is `refused`.
    """
    faults = [ON_PURPOSE if refused else fault_of(event) for event in received.events]
    rejected = [{"index": index, "error": fault} for index, fault in enumerate(faults) if fault]
    accepted = len(faults) - len(rejected)
    content: dict[str, Any] = {"accepted": accepted}
    if "stream" in received.head:
        content["repeated"] = 0
    content |= {"rejected_count": len(rejected), "rejected": rejected[:LISTED]}
    return (400 if rejected and not accepted else 200), content
