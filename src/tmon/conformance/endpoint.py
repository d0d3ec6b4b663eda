# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server of the kit, on 127.0.0.1: reads requests, asks the referee, and misbehaves as it says.

This module and `subject` are the only ones here that do I/O.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from .received import Door, Request
from .record import Record
from .referee import Referee
from .script import Reply

HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 64 * 1024 * 1024
"""More than any client sends by mistake; what is longer is cut off, so the kit's memory has a bound."""
IDLE_S: Final = 120.0
PIECES: Final = 8


class Endpoint:
    """Listens on `port` (0: a free one) until closed. Raises OSError where it can't."""

    def __init__(self, referee: Referee, door: Door, port: int = 0) -> None:
        self._referee = referee
        self._lock = threading.Lock()
        self._server = _Server((HOST, port), _Handler)
        self._server.endpoint = self
        self.port: int = self._server.server_address[1]
        self.dsn = f"tmon+http://{door.key.hex()}@{HOST}:{self.port}{door.prefix}/{door.wsid}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @contextlib.contextmanager
    def referee(self) -> Iterator[Referee]:
        """The referee, for as long as nobody else has it."""
        with self._lock:
            yield self._referee

    @property
    def record(self) -> Record:
        """What has come. To be read once nobody sends any more."""
        return self._referee.record

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    endpoint: Endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the client's business, and often the script's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the report says it all."""

    def _take(self) -> None:
        body = self._body()
        if body is None:
            return
        request = Request(
            at=time.monotonic(),
            wall=time.time(),
            method=self.command,
            target=self.path,
            headers=tuple(self.headers.items()),
            body=body,
        )
        with self.server.endpoint.referee() as referee:
            reply, content, arrival = referee.request(request)
        try:
            self._answer(reply, content)
        finally:
            with self.server.endpoint.referee() as referee:
                if arrival is not None:
                    referee.answered(arrival, time.monotonic())

    def __getattr__(self, name: str) -> Any:
        """The server looks for `do_` and the method; every method is the referee's to judge."""
        if name.startswith("do_"):
            return self._take
        raise AttributeError(name)

    def _body(self) -> bytes | None:
        """The body; None where there is no way to read it, which has been answered."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = self._chunks()
        else:
            length = self.headers.get("Content-Length", "0").strip()
            known = length.isascii() and length.isdigit() and len(length) < 12
            body = self.rfile.read(int(length)) if known and int(length) <= MOST_BYTES else None
        if body is None:
            self.close_connection = True
            self.send_error(413)
        return body

    def _chunks(self) -> bytes | None:
        body = bytearray()
        while True:
            size = self.rfile.readline(1024).partition(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                return None
            if not 0 <= length <= MOST_BYTES - len(body):
                return None
            body += self.rfile.read(length)
            line = self.rfile.readline(1024)
            if length == 0:
                while line.strip():
                    line = self.rfile.readline(1024)
                return bytes(body)

    def _answer(self, reply: Reply, content: dict[str, Any]) -> None:
        if reply.noise:
            self._break_off(reply.noise)
            return
        body = reply.body if reply.body is not None else json.dumps(content).encode()
        status = content["status_code"] if reply.body is None else reply.status
        headers = [
            f"HTTP/1.1 {status} {self.responses.get(status, ('Status',))[0]}",
            f"Date: {self.date_time_string()}",
        ]
        headers.append(f"Content-Type: {reply.content_type}")
        if reply.gzipped:
            body = gzip.compress(body)
            headers.append("Content-Encoding: gzip")
        if reply.retry_after_s is not None:
            headers.append(f"Retry-After: {reply.retry_after_s}")
        if status == 405:
            headers.append("Allow: POST")
        headers.append(f"Content-Length: {len(body)}")
        answer = (
            "\r\n".join(headers).encode("latin-1") + b"\r\n\r\n" + (body if self.command != "HEAD" else b"")
        )
        if reply.cut is not None:
            self._break_off(answer[: int(len(answer) * reply.cut)])
        elif reply.slow_s:
            size = -(-len(answer) // PIECES)
            for at in range(0, len(answer), size):
                time.sleep(reply.slow_s / PIECES)
                self.wfile.write(answer[at : at + size])
        else:
            self.wfile.write(answer)

    def _break_off(self, answer: bytes) -> None:
        self.wfile.write(answer)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
