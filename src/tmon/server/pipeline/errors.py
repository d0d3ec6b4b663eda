# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an envelope, or one of its events, is not taken.

    PipelineError
    ├── Refused         the whole envelope is wrong; sending it again will not help (400)
    ├── TooMany         the envelope holds more than one may (413)
    ├── Drop            one event is wrong; the others of its envelope are not affected
    └── SaltMissing     nothing is wrong; run the message again with salts that are fetched

The first three are the sender's doing.
"""

from __future__ import annotations

from .message import Message


class PipelineError(Exception):
    """Base of this room's errors."""


class Refused(PipelineError):
    """The envelope is not taken.

    `reason` is a short phrase to count by, `message` explains it to the sender. `known` is what could be read
    nevertheless, for the ledger: None where the plaintext is no JSON.
    """

    def __init__(self, reason: str, message: str, known: Message | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.known = known


class TooMany(PipelineError):
    """The envelope holds more events, or more values, than one may."""


class Drop(PipelineError):
    """An event is not taken. `reason` is a short phrase to count by, `error` explains it to the sender."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


class SaltMissing(PipelineError):
    """This process does not know the salt of the local day that begins at the UTC second `day`."""

    def __init__(self, day: int) -> None:
        super().__init__(f"the salt of the day {day} is not known here")
        self.day = day
