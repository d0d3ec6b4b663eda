# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the events of a message through the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tmon.server.events import Event, Rejected
from tmon.server.tenants.keyring import Service

from .agent import identify, warm_up
from .campaign import campaign
from .draft import Delivery, Draft, SaltOf, Step
from .errors import Drop
from .geoip import Locator
from .locate import locate_with
from .message import Message
from .privacy import private, redacted
from .quarantine import payload
from .referrer import refer
from .times import times
from .validate import validate
from .visitor import recognise

MAX_PAYLOADS: Final = 100
"""Rejected events of one envelope that go to quarantine, the first ones; all are counted."""


class Batch(msgspec.Struct, gc=False):
    """What became of a message's events: those that are taken, in order, and those that are not.

    `payloads` is what goes to quarantine: (reason, JSON text) of the first rejected ones.
    """

    events: list[Event] = []
    rejected: list[Rejected] = []
    payloads: list[tuple[str, str]] = []


def standard_steps(locator: Locator) -> list[Step]:
    """The steps in their order: what the sender says, when, where, who, from where, and what is kept of it."""
    return [validate, times, locate_with(locator), identify, refer, campaign, recognise, private]


class Pipeline:
    """The steps, ready to run. Any thread may run messages, several at once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = list(steps)
        warm_up()

    def run(self, message: Message, service: Service, received_ms: int, salt_of: SaltOf) -> Batch:
        """Take each event of the message through all steps.

        `received_ms` is the time of receipt in Unix milliseconds. `salt_of` gives the web service's salts: with
        `known_salts` this does not block, and raises SaltMissing where one has to be fetched; then run the message
        again on a thread that may wait, with `salts.fetch` for this web service, which raises what it raises.
        """
        delivery = Delivery(
            calendar=service.calendar,
            ip_policy=service.ip_policy,
            received_ms=received_ms,
            positioned=message.stream is not None,
            salt_of=salt_of,
        )
        batch = Batch()
        keep = batch.events.append
        steps = self.steps
        sent: list[Any] | None = None
        for index, raw in enumerate(message.events):
            draft = Draft(raw)
            try:
                for step in steps:
                    draft = step(draft, delivery)
            except Drop as drop:
                if sent is None:
                    sent = message.as_sent()
                _reject(batch, index, sent[index], drop, service.ip_policy)
            else:
                keep(draft.event())
        return batch


def reject_all(message: Message, service: Service, reason: str, error: str) -> Batch:
    """The batch of a message that is refused as a whole: each event is rejected for that reason."""
    batch = Batch()
    drop = Drop(reason, error)
    for index, raw in enumerate(message.as_sent()):
        _reject(batch, index, raw, drop, service.ip_policy)
    return batch


def _reject(batch: Batch, index: int, raw: object, drop: Drop, ip_policy: str) -> None:
    batch.rejected.append(Rejected(index, redacted(drop.error, ip_policy), drop.reason))
    if len(batch.payloads) < MAX_PAYLOADS:
        batch.payloads.append((drop.reason, payload(raw, ip_policy)))
