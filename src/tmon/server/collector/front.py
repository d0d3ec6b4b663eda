# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server: which route gets a request, which requests are under way, and how it ends without losing one."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from tornado.iostream import IOStream, StreamClosedError

from .answers import as_bytes, of_refusal, rendered
from .connection import Connection
from .exchange import Exchange, Handler
from .listening import Listening
from .refusals import Refusal

log = structlog.get_logger(__name__)

READ_BYTES: Final = 16 * 1024
"""What is read at once: Tornado makes, and zeroes, a buffer of that size for each reading; its own are of 64 KiB."""
IDLE_S: Final = 75.0
"""How long a connection may wait for the head of its next request."""
BODY_S: Final = 120.0
"""How long the body of a request may take to arrive, and an answer to be taken."""
STREAM_BYTES: Final = 1024 * 1024
"""What Tornado keeps of a connection that nobody has read yet."""
SWEEP_S: Final = 5.0
HELD_BYTES: Final = 96 * 1024 * 1024
"""How many bytes of bodies may be in memory, arriving or waiting to be decoded, before large ones are refused; small
ones are at twice as many."""
CONNECTIONS: Final = 4_096
OTHER_FILES: Final = 128
"""Open files that are not connections: where the system allows few, this many stay for databases and the like."""

Route = Callable[[Exchange], Handler]


class Front:
    """Hands requests to routes: `routes` by the whole path, `prefixes` by how it begins, `fallback` for the rest."""

    def __init__(
        self,
        routes: dict[str, Route],
        prefixes: dict[str, Route],
        fallback: Route,
        *,
        debug: bool = False,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._routes = routes
        self._prefixes = tuple(prefixes.items())
        self._fallback = fallback
        self.debug = debug
        self.stopping = False
        self.held = 0
        self._under_way: set[Exchange] = set()
        self._receiving: dict[Exchange, None] = {}
        self._connections: set[Connection] = set()
        self._sending: dict[asyncio.Future[None], tuple[Connection, float]] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self._listening: Listening | None = None
        self._nothing_under_way = asyncio.Event()
        registry = registry or CollectorRegistry()
        answers = Counter("tmon_answers", "Answers by HTTP status.", ["status"], registry=registry)
        self._answers = answers
        self._by_status: dict[int | None, Counter] = {}
        Gauge(
            "tmon_requests_under_way", "Requests that are not answered yet.", registry=registry
        ).set_function(lambda: len(self._under_way))
        Gauge("tmon_bodies_held_bytes", "Bytes of request bodies in memory.", registry=registry).set_function(
            lambda: self.held
        )

    # -- the server calls this ------------------------------------------------------------------------------------

    def _take(self, connection: socket.socket, address: Any) -> None:
        stream = IOStream(connection, max_buffer_size=STREAM_BYTES, read_chunk_size=READ_BYTES)
        if connection.family in {socket.AF_INET, socket.AF_INET6}:
            stream.set_nodelay(True)
            self.connected(stream, str(address[0]))
        else:  # there is no address behind a Unix socket
            self.connected(stream, "")

    def connected(self, stream: IOStream, peer: str) -> None:
        """Take a connection, or end it with 503 where there are too many: each takes a file and memory."""
        if len(self._connections) < most_connections():
            connection = Connection(self, stream, peer)
            self._connections.add(connection)
            connection.read()
            return
        refusal = of_refusal(Refusal(503, "too many connections", retry_after_s=5), debug=self.debug)
        with contextlib.suppress(StreamClosedError):
            _ = stream.write(as_bytes(rendered(refusal, None), connection="close", without_body=False))
        stream.close()

    # -- connections and exchanges call these ---------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether bodies take as much memory as large ones may."""
        return self.held > HELD_BYTES

    @property
    def overfull(self) -> bool:
        """Whether bodies take as much memory as even small ones may."""
        return self.held > 2 * HELD_BYTES

    def route(self, exchange: Exchange, target: str) -> Handler:
        """The handler for a request target."""
        path = target.partition("?")[0]
        route = self._routes.get(path)
        if route is None:
            for prefix, candidate in self._prefixes:
                if path.startswith(prefix):
                    route = candidate
                    break
            else:
                route = self._fallback
        return route(exchange)

    def arrived(self, exchange: Exchange) -> None:
        """The head of a request has arrived."""
        self._under_way.add(exchange)
        self._receiving[exchange] = None

    def received(self, exchange: Exchange) -> None:
        """A request has arrived completely, or will not."""
        self._receiving.pop(exchange, None)

    def left(self, exchange: Exchange, status: int | None) -> None:
        """A request is answered with `status`, or its client is gone."""
        self._under_way.discard(exchange)
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self._answers.labels(
                "gone" if status is None else str(status)
            )
        counter.inc()
        if self.stopping and not self._under_way:
            self._nothing_under_way.set()

    def sending(self, line: Connection, taken: asyncio.Future[None]) -> None:
        """An answer is on its way; `taken` is done once the client's system has all of it."""
        self._sending[taken] = (line, time.monotonic())
        taken.add_done_callback(lambda future: self._sending.pop(future, None))

    def closed(self, line: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(line)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- starting and stopping ------------------------------------------------------------------------------------

    def listen(self, listeners: Sequence[socket.socket], *, others: Sequence[socket.socket] = ()) -> None:
        """Take connections from sockets that listen; see Listening."""
        self._listening = Listening(listeners, self._take, others=others)
        self.spawn(self._sweep())

    async def stop(self, patience_s: float) -> bool:
        """Take no new connections, wait until every request is answered and its answer taken, end the connections.

        Returns whether that was the case within `patience_s`.
        """
        self.stopping = True
        if self._listening is None:
            return True
        self._listening.stop()
        began, finished = time.monotonic(), True
        if self._under_way:
            self._nothing_under_way.clear()
            try:
                await asyncio.wait_for(self._nothing_under_way.wait(), patience_s)
            except TimeoutError:
                finished = False
                log.warning("requests were cut off", requests=len(self._under_way))
        if self._sending:
            left_s = max(0.0, patience_s - (time.monotonic() - began))
            await asyncio.wait(list(self._sending), timeout=left_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        return finished

    async def _sweep(self) -> None:
        """End connections whose request takes too long to arrive, whose answer to be taken, or that are not used."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for exchange in list(self._receiving):
                if exchange.started > now - BODY_S:
                    break
                exchange.line.close()
            for taken, (connection, since) in list(self._sending.items()):
                if since <= now - BODY_S or connection.closed:
                    self._sending.pop(taken, None)  # nobody tells the future of a connection that was closed
                    connection.close()
            for connection in list(self._connections):
                if connection.exchange is None and connection.since <= now - IDLE_S and connection.taken:
                    connection.close()


def most_connections() -> int:
    """How many connections there may be at once."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if files < 0 else max(1, min(CONNECTIONS, files - OTHER_FILES))
