# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy that is a network and a node with faults: refuses, hangs, breaks off, answers 500 or what is no JSON."""

from __future__ import annotations

import contextlib
import enum
import re
import select
import socket
import ssl
import struct
import threading
from collections import Counter
from types import TracebackType
from typing import Final, Self

PATIENCE_S: Final = 30.0
_RESET: Final = struct.pack("ii", 1, 0)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Fault(enum.Enum):
    """What becomes of requests."""

    NONE = "they are passed on"
    REFUSE = "nobody listens, and connections are broken"
    HANG = "they are taken and not answered"
    RESET = "the connection is reset before they are passed on"
    LOSE = "they are passed on, and the connection is reset when they are answered"
    CUT = "they are passed on, and the connection ends in the midst of the answer"
    ERROR = "they are answered 500"
    STRANGER = "they are answered 200, by something that isn't CouchDB"


_ANSWERS: Final = {
    Fault.ERROR: ("500 Internal Server Error", b'{"error":"unknown_error","reason":"badmatch"}'),
    Fault.STRANGER: ("200 OK", b"<html>Please log in to this network.</html>"),
}


class FaultyProxy:
    """Listens on a port of 127.0.0.1 before the server at `port` there. Works while it is entered."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._to = ("127.0.0.1", port)
        self._tls = tls
        self._fault = Fault.NONE
        self._changed = threading.Condition()
        self._ends = False
        self.met: Counter[Fault] = Counter()
        """How often each fault has struck."""
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.node = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept)

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        """From now on, also on connections that are open."""
        with self._changed:
            before, self._fault = self._fault, fault
            if fault is Fault.REFUSE and before is not fault:
                self._stop_listening()
            if before is Fault.REFUSE and fault is not before:
                self._listener = self._listen(self.port)
            self._changed.notify_all()

    def wait_until_met(self, fault: Fault, count: int) -> None:
        """Wait until a fault has struck so often in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.met[fault] >= count, PATIENCE_S), (
                f"no request met {fault}"
            )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with self._changed:
            self._ends = True
            self._stop_listening()
            self._changed.notify_all()
        self._thread.join(PATIENCE_S)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        listener.settimeout(0.05)
        return listener

    def _stop_listening(self) -> None:
        # Closing alone would leave it listening for as long as the other thread waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        workers: list[threading.Thread] = []
        while not self._ends:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                with self._changed:
                    if self._fault is Fault.REFUSE:
                        self._changed.wait_for(lambda: self._ends or self._fault is not Fault.REFUSE, 0.05)
                continue
            worker = threading.Thread(target=self._serve, args=(connection,))
            worker.start()
            workers.append(worker)
        for worker in workers:
            worker.join(PATIENCE_S)

    def _serve(self, connection: socket.socket) -> None:
        """One connection, to its end."""
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.callback(connection.close)
            if self._tls is not None:
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            server = stack.enter_context(socket.create_connection(self._to, PATIENCE_S))
            goes_on = True
            while goes_on and not self._ends:
                if self._fault is Fault.REFUSE:
                    _reset(connection)
                    return
                if isinstance(connection, ssl.SSLSocket) and connection.pending():
                    goes_on = self._upwards(connection, server)
                    continue
                ready = select.select([connection, server], [], [], 0.02)[0]
                if ready and self._fault is Fault.HANG:
                    goes_on = self._hang(connection)
                elif connection in ready:
                    goes_on = self._upwards(connection, server)
                elif server in ready:
                    goes_on = self._downwards(connection, server)

    def _upwards(self, connection: socket.socket, server: socket.socket) -> bool:
        """Bytes of a request; whether the connection goes on."""
        fault, received = self._fault, connection.recv(65_536)
        if not received:
            return False
        if fault is Fault.RESET:
            self._struck(fault)
            return _reset(connection)
        if fault in _ANSWERS:
            _read_to_the_end(connection, received)
            status, content = _ANSWERS[fault]
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(content)}\r\n\r\n"
            self._struck(fault)
            connection.sendall(head.encode() + content)
            return True
        server.sendall(received)
        return True

    def _downwards(self, connection: socket.socket, server: socket.socket) -> bool:
        """Bytes of an answer; whether the connection goes on."""
        fault, received = self._fault, server.recv(65_536)
        if not received:
            return False
        if fault is Fault.LOSE:
            self._struck(fault)
            return _reset(connection)
        if fault is Fault.CUT:
            self._struck(fault)
            connection.sendall(received[:-2])
            return False
        connection.sendall(received)
        return True

    def _hang(self, connection: socket.socket) -> bool:
        """Take no notice of anything until the fault is over, and break what has been left waiting."""
        self._struck(Fault.HANG)
        with self._changed:
            self._changed.wait_for(lambda: self._ends or self._fault is not Fault.HANG, PATIENCE_S)
        return _reset(connection)

    def _struck(self, fault: Fault) -> None:
        with self._changed:
            self.met[fault] += 1
            self._changed.notify_all()


def _read_to_the_end(connection: socket.socket, received: bytes) -> None:
    """Read the rest of a request: a connection that is closed with bytes unread loses the answer."""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = (int(length[1]) if length else 0) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65_536))


def _reset(connection: socket.socket) -> bool:
    """End a connection by RST; it does not go on: False."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
    return False
