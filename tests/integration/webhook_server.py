# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver of webhooks on a real socket: takes POSTs and keeps them, or misbehaves as it is told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Posted:
    """A POST as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Whether `secret`, as it is shown to people, made its signature."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{signature}"


class WebhookServer:
    """Listens on a free port while it is entered. What it does with a POST is `does`, by path or for all of them:

    a status to answer with; "hangs" takes it and says nothing; "drips" sends a byte now and then; "floods" answers
    200 with a body without an end; "resets" ends the connection; "babbles" speaks no HTTP.
    """

    def __init__(self, encrypted: ssl.SSLContext | None = None) -> None:
        self.does: dict[str, int | str] = {}
        self.posts: list[Posted] = []
        self.location = "/elsewhere"
        self.ending = threading.Event()
        self.sent_bytes = 0
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.keeper = self  # type: ignore[attr-defined]
        if encrypted is not None:
            self._server.socket = encrypted.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def keep(self, post: Posted) -> int | str:
        with self._arrived:
            self.posts.append(post)
            self._arrived.notify_all()
        return self.does.get(post.path, self.does.get("*", 204))

    def wait_for(self, count: int, path: str | None = None, timeout_s: float = 20.0) -> list[Posted]:
        """The POSTs, to that path if one is said, once there are so many."""

        def found() -> list[Posted]:
            return [post for post in self.posts if path in (None, post.path)]

        with self._arrived:
            assert self._arrived.wait_for(lambda: len(found()) >= count, timeout_s), self.posts
            return found()

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        keeper: WebhookServer = self.server.keeper  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        does = keeper.keep(Posted(self.path, headers, body))
        with contextlib.suppress(OSError):
            match does:
                case "hangs":
                    keeper.ending.wait(60)
                case "drips":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not keeper.ending.wait(0.05):
                        self.wfile.write(b"x")
                case "floods":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    while not keeper.ending.is_set():
                        self.wfile.write(b"x" * 65_536)
                        keeper.sent_bytes += 65_536
                case "resets":
                    self.connection.shutdown(socket.SHUT_RDWR)
                case "babbles":
                    self.wfile.write(b"220 mail.example.org ESMTP\r\n")
                case int():
                    self.send_response(does)
                    if 300 <= does < 400:
                        self.send_header("Location", keeper.location)
                    self.end_headers()
                    self.wfile.write(b"")
        self.close_connection = True

    def do_GET(self) -> None:
        """What a redirect that is followed would come to."""
        self.server.keeper.keep(Posted(self.path, {}, b""))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""
