# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes parcels: sealed envelopes that know how many events they hold. Sealed once, sent as often as needed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from . import envelope
from .dsn import Dsn
from .run import plaintext, to_json

# Below this zlib saves nothing worth its time.
COMPRESS_FROM_BYTES: Final = 512
LEVEL: Final = 3
"""Of zlib. Events of a log take 1.1 µs each and become a tenth of their size; at level 6, zlib's own choice, they take
3.4 µs and become a twelfth."""


class Parcel(NamedTuple):
    """A sealed envelope, how many events it holds, and when it was sealed (Unix seconds)."""

    envelope: bytes
    events: int
    sealed_at: float


class Sealer:
    """Seals and opens parcels for one web service. May be used from any thread."""

    def __init__(self, dsn: Dsn, *, compress: bool = True) -> None:
        """Without `compress` nothing is made smaller, whatever its size."""
        self._compress_from = COMPRESS_FROM_BYTES if compress else sys.maxsize
        self._cipher = envelope.cipher(dsn.key)
        self._wsid = dsn.wsid

    def seal(self, head: dict[str, object], events: Sequence[bytes]) -> Parcel:
        """Seal encoded `events` under the books that `head` holds."""
        content = plaintext(head, events)
        codec = envelope.Codec.ZLIB if len(content) >= self._compress_from else envelope.Codec.PLAIN
        return Parcel(
            envelope.seal(content, self._cipher, self._wsid, codec=codec, level=LEVEL),
            len(events),
            time.time(),
        )

    def open(self, parcel: Parcel) -> tuple[dict[str, Any], list[bytes]]:
        """Return the head and the encoded events of a parcel. Raises EnvelopeError if another key sealed it."""
        head: dict[str, Any] = json.loads(envelope.open_(parcel.envelope, self._cipher, self._wsid))
        return head, [to_json(event) for event in head.pop("events")]

    def halve(self, parcel: Parcel, number: Callable[[], int] | None = None) -> list[Parcel]:
        """Return two parcels with the events of one that the server found too large.

        They keep the books of the whole, which no server has seen; `number` gives each a number of its own.
        Raises EnvelopeError like `open`.
        """
        head, events = self.open(parcel)
        closes = head.pop("close", False)
        middle = len(events) // 2
        halves = []
        for part, last in ((events[:middle], False), (events[middle:], True)):
            books = {**head, "seq": number()} if number is not None else dict(head)
            if closes and last:
                books["close"] = True
            halves.append(self.seal(books, part))
        return halves
