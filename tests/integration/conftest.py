# SPDX-License-Identifier: GPL-3.0-or-later
"""A collector that does what a test's script says: real HTTP on a real socket, scripted failures."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.couchdb_server import couchdb, couchdb_kind  # noqa: F401 (fixtures)

from tmon.client_api import envelope

SECRET = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
WSID = 7


@dataclass
class Scripted:
    """One thing the collector does instead of accepting: a status with headers and body, or a broken connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    reset: bool = False
    stores: bool = False
    until: threading.Event | None = None


@dataclass
class Posted:
    """One POST as it arrived; `document` is its plaintext, None where the key does not open it."""

    path: str
    headers: dict[str, str]
    body: bytes
    document: Any


class ScriptedCollector:
    """Accepts what its key opens and counts it once, unless its script has something else to do first."""

    def __init__(self) -> None:
        self.script: deque[Scripted] = deque()
        self.posts: list[Posted] = []
        self.connections = 0
        self.gets: list[tuple[str, dict[str, str]]] = []
        self.token = ""
        self.takes_bytes = 8 * 1024 * 1024
        self.rejects: Callable[[dict[str, Any]], str] = lambda _: ""
        self._changed = threading.Condition()
        self.views = {"url"}
        self.date = ""
        self._outcomes: dict[bytes, dict[str, Any]] = {}
        self._highest: dict[str, int] = {}
        self.sockets: set[socket.socket] = set()
        self.port = 0
        self.come_back()

    @property
    def dsn(self) -> str:
        return f"tmon+http://{SECRET}@127.0.0.1:{self.port}/{WSID}"

    @property
    def documents(self) -> list[Any]:
        """The plaintexts of every envelope that opened, in the order of arrival."""
        return [post.document for post in list(self.posts) if post.document is not None]

    @property
    def stored(self) -> list[dict[str, Any]]:
        """The events that count, each envelope once, without those that were rejected."""
        return [event for outcome in list(self._outcomes.values()) for event in outcome["events"]]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until `condition` holds, which is asked again after each request. Fails the test otherwise."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout_s), "the collector never saw what was expected"

    def come_back(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.collector = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def go_away(self) -> None:
        """Listen no more and break every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self.sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def judge(self, post: Posted) -> Scripted:
        """Note a POST and decide about it."""
        with self._changed:
            self.posts.append(post)
            step = self.script.popleft() if self.script else None
            self._changed.notify_all()
        if step is not None and step.until is not None:
            step.until.wait(30)
        if step is not None and not step.stores:
            return step
        with self._changed:
            answer = self._accept(post)
            self._changed.notify_all()
        return answer if step is None else step

    def _accept(self, post: Posted) -> Scripted:
        if len(post.body) > self.takes_bytes:
            return Scripted(413)
        if post.document is None:
            return Scripted(403)
        identity = envelope.envelope_id(post.body, WSID)
        known = self._outcomes.get(identity)
        if known is None:
            errors = [(index, self.rejects(event)) for index, event in enumerate(post.document["events"])]
            rejected = [{"index": index, "error": error} for index, error in errors if error]
            good = [
                event for event, (_, error) in zip(post.document["events"], errors, strict=True) if not error
            ]
            status = 400 if rejected and not good else 200
            new, positions = self._beyond(post.document.get("stream"), good)
            counts = {"accepted": len(new), "rejected_count": len(rejected), "rejected": rejected[:100]}
            known = {"events": new, "answer": {"status_code": status, **counts}}
            self._outcomes[identity] = known
            answer = {**known["answer"], **positions}
        else:
            answer = {**known["answer"], "duplicate": True}
        return Scripted(answer["status_code"], body=json.dumps(answer).encode())

    def _beyond(self, stream: str | None, events: list[Any]) -> tuple[list[Any], dict[str, int]]:
        """The events that are new to their stream (one without an offset always is), and what is said of it."""
        if stream is None:
            return events, {}
        before = self._highest.get(stream, -1)
        new = [event for event in events if event.get("offset", before + 1) > before]
        highest = self._highest[stream] = max([before, *(event.get("offset", -1) for event in new)])
        positions = {"repeated": len(events) - len(new)}
        return new, positions if events or highest < 0 else {**positions, "highest_offset": highest}

    def read(self, target: str) -> Scripted:
        """Answer a question: the latest events, or of the view `url` the keys that contain `search`."""
        parts = urlsplit(target)
        name = parts.path.rpartition("/")[2]
        if name != "events" and name not in self.views:
            return Scripted(404)
        sought = parse_qs(parts.query).get("search", [""])[0]
        counts = Counter(event["url"] for event in self.stored if sought in event["url"])
        rows = [{"key": key, "requests": count} for key, count in counts.items()]
        body = {"status_code": 200, "results": self.stored if name == "events" else rows}
        return Scripted(200, body=json.dumps(body).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    collector: ScriptedCollector

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is part of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.collector.connections += 1
        self.server.collector.sockets.add(self.connection)

    def finish(self) -> None:
        self.server.collector.sockets.discard(self.connection)
        super().finish()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """What the Date header says."""
        return self.server.collector.date or super().date_time_string(timestamp)

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            document = json.loads(envelope.open_(body, bytes.fromhex(SECRET), WSID))
        except envelope.EnvelopeError:
            document = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self.server.collector.judge(Posted(self.path, headers, body, document)))

    def do_GET(self) -> None:
        collector = self.server.collector
        collector.gets.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.headers.get("Authorization") != f"Bearer {collector.token}":
            self._answer(Scripted(401))
        else:
            self._answer(collector.read(self.path))

    def _answer(self, step: Scripted) -> None:
        if step.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = json.dumps({"status_code": step.status}).encode() if step.body is None else step.body
        self.send_response(step.status)
        for name, value in {"Content-Type": "application/json", **step.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        # Headers and body in one write: in two, the second waits for the client's delayed ACK.
        self._headers_buffer.append(b"\r\n" + body)
        self.flush_headers()


@pytest.fixture
def collector() -> Iterator[ScriptedCollector]:
    scripted = ScriptedCollector()
    yield scripted
    scripted.go_away()


@pytest.fixture
def scripted() -> type[Scripted]:
    """How to write a step of the collector's script."""
    return Scripted
