# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipeline: from an opened envelope's plaintext to events that can be stored.

    plaintext   from bytes to a message
    message     what a plaintext says
    pipeline    the steps, in order, over all events of a message
    draft       what the steps pass on
    validate, times, locate, agent, referrer, campaign, visitor, privacy
                the steps
    fields      the fields of an event, their types and ranges
    geoip       places of addresses, from MMDB files
    bots        which user agents are bots
    addresses   IP addresses as text
    quarantine  rejected events as they are put away
    recent      a bounded memory of what was worked out

Whatever a sender's bytes are, this room raises nothing but its own errors, and what it lets through is within the
bounds that it names.
"""

from __future__ import annotations

from .agent import unread
from .draft import Delivery, Draft, SaltOf, Step
from .errors import Drop, PipelineError, Refused, SaltMissing, TooMany
from .geoip import Locator
from .message import Message
from .pipeline import Batch, Pipeline, reject_all, standard_steps
from .plaintext import MAX_EVENTS, decode
from .visitor import known_salts

__all__ = [
    "MAX_EVENTS",
    "Batch",
    "Delivery",
    "Draft",
    "Drop",
    "Locator",
    "Message",
    "Pipeline",
    "PipelineError",
    "Refused",
    "SaltMissing",
    "SaltOf",
    "Step",
    "TooMany",
    "decode",
    "known_salts",
    "reject_all",
    "standard_steps",
    "unread",
]
