# SPDX-License-Identifier: GPL-3.0-or-later
"""A front between a client and a real server, which does what servers, proxies and networks do on bad days.

with Misbehaving(server.port) as front:
    front.script.extend([hang, pass_on])
    Client(front.dsn(server.dsn(shop)))
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

Act = Callable[["Misbehaving", socket.socket, bytes, str], bool]
"""What to do with a request (connection, body, path); whether the connection goes on."""


class Misbehaving:
    """Listens on a free port and does one thing of its script per request; without a script it passes them on."""

    def __init__(self, upstream: int) -> None:
        self.script: deque[Act] = deque()
        self.always: Act | None = None
        self.asked = 0
        self.passed = 0
        self.port = 0
        self._upstream = upstream
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._ended = threading.Event()
        self.listen()

    def dsn(self, dsn: str) -> str:
        """The DSN that leads through here."""
        return re.sub(r":\d+/", f":{self.port}/", dsn)

    def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Take none, and break those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def forward(self, body: bytes, path: str) -> bytes:
        """Have the real server answer; its answer as it would go over the line."""
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=60)
        with contextlib.closing(upstream):
            upstream.request("POST", path, body, {"Content-Type": "application/octet-stream"})
            response = upstream.getresponse()
            content = response.read()
        self.passed += 1
        head = f"HTTP/1.1 {response.status} .\r\nContent-Length: {len(content)}\r\n"
        if (after := response.getheader("Retry-After")) is not None:
            head += f"Retry-After: {after}\r\n"
        return head.encode() + b"\r\n" + content

    def wait_for_the_end(self) -> None:
        """Wait until the test is over."""
        self._ended.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, http.client.HTTPException):
            received = b""
            goes_on = True
            while goes_on:
                while b"\r\n\r\n" not in received:
                    received += _more(connection)
                head, _, body = received.partition(b"\r\n\r\n")
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
                while len(body) < length:
                    body += _more(connection)
                received = body[length:]
                self.asked += 1
                act = self.script.popleft() if self.script else self.always or pass_on
                goes_on = act(self, connection, body[:length], head.split()[1].decode())
        self._connections.discard(connection)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionResetError
    return received


def pass_on(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    connection.sendall(front.forward(body, path))
    return True


def slow(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """The answer comes in small pieces."""
    answer = front.forward(body, path)
    for at in range(0, len(answer), 16):
        connection.sendall(answer[at : at + 16])
        time.sleep(0.01)
    return True


def hang(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """No answer ever comes."""
    front.wait_for_the_end()
    return False


def reset(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def garbage(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """What comes is not HTTP."""
    connection.sendall(b"\x16\x03\x01\x00\xfa\xff" * 50 + b"\r\n\r\n")
    return False


def endless_garbage(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """A 200 whose body does not end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b" " * 65_536)
    return False


def login_page(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """Somebody else answers 200."""
    page = b"<html>Welcome to the hotel's network</html>"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))
    return True


def cut_body(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """The server stores, and the connection closes in the middle of its answer's body."""
    connection.sendall(front.forward(body, path)[:-8])
    return False


def cut_head(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
    """The server stores, and the connection closes in the middle of its answer's head."""
    connection.sendall(front.forward(body, path)[:12])
    return False


def answers(status: int, retry_after: str = "") -> Act:
    """Answer with a status, and pass nothing on."""

    def act(front: Misbehaving, connection: socket.socket, body: bytes, path: str) -> bool:
        after = f"Retry-After: {retry_after}\r\n" if retry_after else ""
        connection.sendall(f"HTTP/1.1 {status} .\r\n{after}Content-Length: 0\r\n\r\n".encode())
        return True

    act.__name__ = f"answers_{status}"
    return act
