# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session has seen: each envelope with every arrival of its bytes, and what was answered when."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from . import offered
from .received import Problem, Received
from .script import Reply, Step

Identity = int | str
"""By what an event is known again: the number of one of the kit's, else its content."""


@dataclass(slots=True)
class Arrival:
    """The bytes of an envelope, once. Times are monotonic seconds; `answered_at` is None while there was no end."""

    at: float
    reply: Reply
    answered_at: float | None = None


@dataclass(slots=True)
class Delivery:
    """An envelope, known by its id."""

    number: int
    received: Received
    wall: float
    """When it first came, in Unix seconds."""
    identities: tuple[Identity, ...]
    distinct: bool
    """Whether its events can be told from those of all envelopes before it."""
    start: int
    """How often the client had been started by then."""
    step: Step | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    outcome: tuple[int, dict[str, Any]] | None = None
    """Status and content that were decided for it, which a server keeps under its id."""
    resealed_as: Delivery | None = None

    @property
    def stored(self) -> bool:
        """Whether its events are stored."""
        return self.outcome is not None and self.outcome[0] == 200


@dataclass(slots=True)
class Record:
    """Everything that came, in order."""

    deliveries: dict[bytes, Delivery] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    gzip_asked: int = 0
    requests: int = 0
    identities: set[Identity] = field(default_factory=set)
    offered: dict[int, set[int]] = field(default_factory=dict)
    """The events that the client was offered by the kit itself before the last step, by the number of its start."""
    starts: int = 0
    ended_in_order: set[int] = field(default_factory=set)
    """The starts of the client that got to the end of their input, by number, and had time to say so."""
    refused_from: float | None = None
    """When the first 403 of the script went out."""
    requests_after_refusal: int = 0
    quiet_s: float = 0.0
    """How long the client was watched after that."""

    def taken_by(self, step: str) -> Delivery | None:
        """The envelope that a step of the script met."""
        return next((one for one in self.in_order if one.step is not None and one.step.name == step), None)

    @property
    def in_order(self) -> list[Delivery]:
        """Envelopes in the order of their first arrival."""
        return list(self.deliveries.values())


def identities_of(events: list[Any]) -> tuple[Identity, ...]:
    """By what each event is known again."""
    known: list[Identity] = []
    for event in events:
        number = offered.number_of(event)
        known.append(number if number is not None else json.dumps(event, sort_keys=True))
    return tuple(known)
