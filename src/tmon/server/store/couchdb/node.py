# SPDX-License-Identifier: GPL-3.0-or-later
"""One node of a CouchDB, asked over HTTP by as many threads as its pool has connections."""

from __future__ import annotations

import base64
import contextlib
import queue
import socket
import ssl
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

import httpx

from .address import Address, Where
from .answers import NodeFailed, meaning
from .asking import Request
from .errors import TooLarge

CONNECT_S: Final = 3.0
IDLE_S: Final = 30.0
"""How long an unused connection is kept. CouchDB itself keeps one for five minutes."""
_BROKEN: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Busy(NodeFailed):
    """All connections to the node were in use for the whole time: nothing is known of the node itself."""


class Node:
    """The node at `where`, by at most `connections` connections, which are kept for further requests.

    What it can't do is raised as NodeFailed. A request takes at most CONNECT_S, its `timeout_s` between two pieces
    of the answer, and twice that in all, or a little more; a resolver of names that hangs comes on top of it.
    """

    def __init__(self, where: Where, address: Address, tls: ssl.SSLContext, connections: int) -> None:
        self.name = str(where)
        self._base = f"{'https' if address.secure else 'http'}://{where}"
        login = base64.b64encode(f"{address.user}:{address.password}".encode()).decode("ascii")
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what inflates has no bound
            "Authorization": f"Basic {login}",
        }
        self._https = [_one_connection(tls) for _ in range(connections)]
        # The one that was used last is used next: it is the likeliest to be open still.
        self._free: queue.LifoQueue[httpx.HTTPTransport] = queue.LifoQueue()
        for http in self._https:
            self._free.put(http)

    def ask(self, request: Request) -> Any:
        """The JSON that the node answers. Raises NodeFailed, TooLarge, Answered and its kinds."""
        with self._taken(request) as http, _translated(request.timeout_s):
            response = self._send(http, request)
            with contextlib.closing(response):
                content = _content(response, request)
        return meaning(response.status_code, content, request.what)

    def follow(self, request: Request) -> Lines:
        """The lines of an answer that does not end. Raises as `ask` does."""
        with contextlib.ExitStack() as stack:
            http = stack.enter_context(self._taken(request))
            stack.enter_context(_translated(request.timeout_s))
            response = self._send(http, request)
            if response.status_code == 200:
                return Lines(response, request, stack.pop_all())
            with contextlib.closing(response):
                content = _content(response, request)
        meaning(response.status_code, content, request.what)
        raise NodeFailed(f"answered {response.status_code}")

    def close(self) -> None:
        """Let go of the connections."""
        for http in self._https:
            http.close()

    @contextlib.contextmanager
    def _taken(self, request: Request) -> Iterator[httpx.HTTPTransport]:
        """A connection for nobody else. Raises Busy."""
        try:
            http = self._free.get(timeout=request.timeout_s)
        except queue.Empty:
            raise Busy(f"had no connection free for {request.timeout_s:g} s") from None
        try:
            yield http
        finally:
            self._free.put(http)

    def _send(self, http: httpx.HTTPTransport, request: Request) -> httpx.Response:
        """The beginning of an answer.

        A node may end a connection at the moment at which it is used again, so a connection that was used before may
        break without the node having failed. Then there is a new one.
        """
        headers = self._headers
        if request.content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        while True:
            steps: list[str] = []
            limit_s = request.timeout_s
            sent = httpx.Request(
                request.method,
                self._base + request.target,
                headers=headers,
                content=request.content,
                extensions={
                    "timeout": httpx.Timeout(limit_s, connect=min(CONNECT_S, limit_s)).as_dict(),
                    "trace": lambda step, _, noted=steps: noted.append(step),
                },
            )
            try:
                return http.handle_request(sent)
            except _BROKEN:
                if "connection.connect_tcp.started" in steps:
                    raise


class Lines:
    """The lines of an answer that goes on. Leave it by `with`."""

    def __init__(self, response: httpx.Response, request: Request, held: contextlib.ExitStack) -> None:
        self._held = held
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        """Each line without its end, also empty ones. Raises NodeFailed, TooLarge for a line beyond the limit."""
        begun = bytearray()
        with _translated(self._request.timeout_s):
            for chunk in self._response.iter_raw():
                first, *more = chunk.split(b"\n")
                begun += first
                if len(begun) > self._request.largest_bytes:
                    raise TooLarge(f"a line of CouchDB's answer to {self._request.what} is too large")
                for piece in more:
                    yield bytes(begun)
                    begun = bytearray(piece)

    def interrupt(self) -> None:
        """Have the thread that waits for the next line go on at once: it finds the answer broken off. Any thread."""
        stream = self._response.extensions.get("network_stream")
        connection = None if stream is None else stream.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with self._held:
            self._response.close()


def _one_connection(tls: ssl.SSLContext) -> httpx.HTTPTransport:
    """A connection that is made when it is used. Only one thread may use it at a time.

    A pool that threads share has a fault in httpcore 1.0: one thread may take another's connection, on which an
    answer arrives just then, for one that the node has ended, and close it.
    """
    return httpx.HTTPTransport(
        verify=tls,
        trust_env=False,  # a proxy for the web is none for the database
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_S),
    )


def _content(response: httpx.Response, request: Request) -> bytes:
    """All of an answer, unless it is larger than its limit, or does not end."""
    give_up_at = time.monotonic() + request.timeout_s
    length = response.headers.get("Content-Length", "")
    content = bytearray()
    if not (length.isascii() and length.isdigit() and int(length) > request.largest_bytes):
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > request.largest_bytes:
                break
            if time.monotonic() > give_up_at:
                raise NodeFailed(f"did not come to the end of its answer within {request.timeout_s:g} s")
        else:
            return bytes(content)
    raise TooLarge(f"CouchDB's answer to {request.what} has more than {request.largest_bytes} bytes")


@contextlib.contextmanager
def _translated(timeout_s: float) -> Iterator[None]:
    """Say what went wrong as NodeFailed."""
    problem: NodeFailed
    try:
        yield
    except httpx.ConnectTimeout:
        problem = NodeFailed(f"could not be reached within {min(CONNECT_S, timeout_s):g} s")
    except httpx.TimeoutException:
        problem = NodeFailed(f"did not answer within {timeout_s:g} s")
    except httpx.ConnectError as error:
        problem = NodeFailed(f"could not be reached ({error})")
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        problem = NodeFailed(f"broke the connection off ({str(error) or type(error).__name__})")
    else:
        return
    raise problem
