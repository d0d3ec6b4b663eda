# SPDX-License-Identifier: LGPL-3.0-or-later
"""A transport that keeps what is sent, for the tests of programs that report events.

transport = tmon.MemoryTransport()
tmon.init(transport=transport)
run_the_program()
tmon.flush()
assert transport.events[0]["url"] == "/cart"
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from . import envelope
from .dsn import Dsn
from .transport import Reply


class MemoryTransport:
    """Opens what a client sends and stores it like a server: an envelope counts once, however often it comes.

    It brings a DSN with a key of its own, so the client needs none. `answer_next` has it refuse.
    """

    def __init__(self) -> None:
        self.dsn = Dsn(key=os.urandom(envelope.KEY_BYTES), wsid=1, host="memory.invalid")
        self._lock = threading.Lock()
        self._documents: dict[bytes, dict[str, Any]] = {}
        self._script: list[tuple[int, str]] = []

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The content of every envelope that was stored: the bookkeeping, and `events`."""
        with self._lock:
            return list(self._documents.values())

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that was stored, in the order of arrival."""
        return [event for document in self.documents for event in document["events"]]

    def answer_next(self, *statuses: int, retry_after: str = "") -> None:
        """Answer the next envelopes with these statuses and store none of them."""
        with self._lock:
            self._script += [(status, retry_after) for status in statuses]

    def clear(self) -> None:
        """Forget what was stored."""
        with self._lock:
            self._documents.clear()

    def post(self, envelope_: bytes, *, timeout_s: float | None = None) -> Reply:
        """Answer as a collector would. `timeout_s` means nothing here."""
        del timeout_s
        document = json.loads(envelope.open_(envelope_, self.dsn.key, self.dsn.wsid))
        with self._lock:
            if self._script:
                status, retry_after = self._script.pop(0)
                return Reply(status, retry_after, b"")
            self._documents.setdefault(envelope.envelope_id(envelope_, self.dsn.wsid), document)
        accepted = len(document["events"])
        return Reply(200, "", json.dumps({"status_code": 200, "accepted": accepted}).encode())

    def close(self) -> None:
        """Keep everything: there is nothing to close."""
