# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plaintext of an envelope says: its events, and the sender's bookkeeping about them."""

from __future__ import annotations

from typing import Any

import msgspec


class Message(msgspec.Struct, kw_only=True):
    """The plaintext of an envelope.

    `events` are JSON values as they were sent, not yet looked into; or, where all of them are plain requests, what was
    read of each (PlainRequest), and then `plaintext` is what they were read from. `bookkeeping` says that the plaintext
    was of the third form; without it the other fields are at their defaults. `sent_at` is in Unix seconds.
    """

    events: list[Any]
    plaintext: bytes | None = None
    bookkeeping: bool = False
    source: str = ""
    run: str = ""
    seq: int | None = None
    sent_at: float | None = None
    sent: int | None = None
    lost: dict[str, int] = {}
    close: bool = False
    stream: str | None = None

    def as_sent(self) -> list[Any]:
        """The events as JSON values, in the sender's words. Reads the plaintext again if they are not at hand."""
        if self.plaintext is None:
            return self.events
        top = msgspec.json.decode(self.plaintext)
        if self.bookkeeping:
            top = top["events"]
        return top if type(top) is list else [top]
