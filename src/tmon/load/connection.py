# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection with at most one HTTP request under way."""

from __future__ import annotations

import socket
from typing import Any, Final

CONNECT_WITHIN_S: Final = 1.0
"""On one machine a connection is made, or refused, at once."""


class Broken(Exception):
    """The connection has ended or its answer cannot be read; the message says which in a few words."""


class Connection:
    """A connection that can be opened again. It does not block but in `connect`."""

    __slots__ = ("_address", "_family", "_got", "_rest", "due", "ends", "idle_since", "socket")

    def __init__(self, family: int, address: Any) -> None:
        self._family, self._address = family, address
        self.socket = socket.socket(family)
        self.due = 0.0
        self.idle_since = 0.0
        self.ends = False
        """Whether the server ends it after the answer that was received."""
        self._rest: memoryview | None = None
        self._got = b""

    def connect(self) -> None:
        """Open it. Raises OSError where that is not possible."""
        self.close()
        self.socket = socket.socket(self._family)
        self.socket.settimeout(CONNECT_WITHIN_S)
        self.socket.connect(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.ends, self._rest, self._got = False, None, b""

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, request: memoryview) -> bool:
        """Send as much as goes now; False if something is left for `send_rest`. Raises Broken."""
        try:
            sent = self.socket.send(request)
        except BlockingIOError:
            sent = 0
        except OSError:
            raise Broken("the connection was closed") from None
        self._rest = request[sent:] if sent < len(request) else None
        return self._rest is None

    def send_rest(self) -> bool:
        """Go on with what `send` left; whether nothing is left now. Raises Broken."""
        return self._rest is None or self.send(self._rest)

    def receive(self) -> int:
        """The status of the answer if it is complete, else 0. Raises Broken."""
        try:
            data = self.socket.recv(65_536)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            raise Broken("the connection was closed")
        self._got = data = self._got + data if self._got else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        head = data[:end].lower()
        length = _length(head)
        if len(data) < end + 4 + length:
            return 0
        self._got = b""
        self.ends = b"\r\nconnection: close" in head
        return _status(head)


def _status(head: bytes) -> int:
    status = head[9:12]
    if not (head.startswith(b"http/1.1 ") and status.isdigit()):
        raise Broken("the answer is not HTTP/1.1")
    return int(status)


def _length(head: bytes) -> int:
    """The length of the body (RFC 9112 section 6.3); answers in chunks are not read."""
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        if b"\r\ntransfer-encoding:" in head:
            raise Broken("the answer comes in chunks")
        return 0
    value = head[at + 17 :].split(b"\r\n", 1)[0].strip()
    if not value.isdigit():
        raise Broken("the answer has no readable length")
    return int(value)
