# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is not the collector's: passed to a WSGI application that runs in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import responses
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine
from tornado.wsgi import WSGIContainer

from .answers import Response
from .exchange import Exchange, Head, joined
from .refusals import Refusal

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger(__name__)

MAX_BODY: Final = 2 * 1024 * 1024 + 64 * 1024
"""A file of 2 MiB with the form around it; of what is no file Django takes less, DATA_UPLOAD_MAX_MEMORY_SIZE."""
SMALL_BYTES: Final = 64 * 1024
"""A body of this size is a form; it is taken also where large ones are too many."""
THREADS: Final = 8
LOGGED_PATH: Final = 200
"""Characters of a path that are logged."""


class _Context(NamedTuple):
    """What a request says of its connection, under the names that Tornado has for it."""

    remote_ip: str
    protocol: str = "http"


class _Connection(NamedTuple):
    context: _Context


class Pages:
    """A WSGI application (PEP 3333) behind the front; at most eight requests run at once, the others wait."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._container = WSGIContainer(application)  # knows how to make an environment of a request
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")

    def route(self, exchange: Exchange) -> Page:
        """The route of a front."""
        return Page(self, exchange)

    async def run(self, request: HTTPServerRequest) -> Response:
        """The application's response."""
        # A header with an underscore would look like the one with a hyphen, for instance X_Forwarded_For.
        for name in [name for name in request.headers if "_" in name]:
            del request.headers[name]
        try:
            environ = self._container.environ(request)
        except ValueError:  # the port in Host is no number
            raise Refusal(400, "the Host header is not host:port") from None
        environ["wsgi.multithread"] = True
        environ["wsgi.multiprocess"] = False
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, environ)

    def stop(self) -> None:
        """End the threads once they are idle."""
        self._threads.shutdown()

    def _call(self, environ: dict[str, Any]) -> Response:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: tuple[type[BaseException], BaseException, TracebackType]
            | tuple[None, None, None]
            | None = None,
            /,
        ) -> Callable[[bytes], object]:
            started[:] = [(status, headers)]
            return written.append

        parts = self._application(environ, start_response)
        try:
            written.extend(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        (status, given), body = started[0], b"".join(written)
        code = int(status[:3])
        headers = [(name, value) for name, value in given if name.lower() != "content-length"]
        return Response(code, status[4:] or responses.get(code, ""), headers, body)


def request_of(head: Head, peer: str) -> HTTPServerRequest:
    """The request with this head, as WSGIContainer takes it. Raises Refusal 400, for instance without a Host."""
    headers = HTTPHeaders()
    try:
        for name, value in head.headers.items():
            headers[name] = value
        return HTTPServerRequest(
            connection=_Connection(_Context(peer)),  # type: ignore[arg-type]
            start_line=RequestStartLine(head.method, head.target, f"HTTP/{head.version}"),
            headers=headers,
        )
    except HTTPInputError as error:
        raise Refusal(400, str(error)) from None


class Page:
    """One request for the application."""

    most = MAX_BODY
    allow = "GET, HEAD, POST"

    def __init__(self, pages: Pages, exchange: Exchange) -> None:
        self._pages = pages
        self._exchange = exchange
        self._body: bytes | bytearray = b""
        self._request: HTTPServerRequest | None = None

    def begin(self, head: Head) -> None:
        """Make the request. Raises Refusal 400, for instance where there is no Host."""
        self._request = request_of(head, self._exchange.peer)

    def data(self, chunk: bytes) -> None:
        """Keep a part of the body. Raises Refusal 503 where bodies take too much memory already."""
        self._body = joined(self._body, chunk)
        self._exchange.hold(len(chunk))
        if self._exchange.front.full and self._exchange.held > SMALL_BYTES:
            raise Refusal(503, "too many large requests at once", retry_after_s=1)

    def end(self) -> None:
        """Have the application answer."""
        self._exchange.front.spawn(self._run())

    def gone(self) -> None:
        """Nobody waits for an answer."""
        self._body = b""

    async def _run(self) -> None:
        request, exchange = self._request, self._exchange
        assert request is not None
        request.body = bytes(self._body)
        if request.body:
            request.headers["Content-Length"] = str(
                len(request.body)
            )  # of a body in chunks nobody has said it
        self._body = b""
        status = 503
        with exchange.answering():  # the application answers its own errors; this is about its surroundings
            try:
                response = await self._pages.run(request)
            except Refusal as refusal:
                status = refusal.status
                raise
            exchange.respond(response)
            status = response.status
        # Queries and headers may hold what is nobody's business, so neither is logged.
        # What strangers ask for wrongly is said to nobody by default, and never at length: it would fill disks.
        write = log.error if status >= 500 else log.debug if status >= 400 else log.info
        write(
            "request",
            method=request.method,
            path=request.path[:LOGGED_PATH],
            status=status,
            peer=request.remote_ip,
            ms=round((time.monotonic() - exchange.started) * 1000, 1),
        )
