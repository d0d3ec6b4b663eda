# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request and its answer, under the routes: what is refused before any route sees it, and its bounds.

Tornado's HTTPServer parses HTTP and calls this module directly, without tornado.web in between, which costs about a
third of the time of a small request. What Tornado itself would refuse with an empty answer (a body that is too large,
a length that is no number) is found here first and answered in JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any, Final, Protocol

import structlog
from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError

from .answers import Answer, as_bytes, of_refusal, rendered
from .refusals import Refusal

log = structlog.get_logger(__name__)

DISCARD_BYTES: Final = 64 * 1024 * 1024
DISCARD_S: Final = 10.0
"""How much of a body that is refused is still read, so that a client that sends first and reads later gets the
answer instead of a reset."""
LENGTH_DIGITS: Final = 18
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class Handler(Protocol):
    """What a route does with a request. Its methods are called in this order; `gone` instead of `end`, or after it."""

    most: int
    """How many bytes a body may have."""

    def begin(self, start: RequestStartLine, headers: HTTPHeaders) -> None:
        """The head has arrived. May raise Refusal, or HTTPInputError where the head breaks HTTP."""

    def data(self, chunk: bytes) -> None:
        """A part of the body has arrived. May raise Refusal."""

    def end(self) -> None:
        """All of it has arrived."""

    def gone(self) -> None:
        """The client is gone, or the request was refused: `end` will not follow."""


class House(Protocol):
    """What an exchange tells the server that it is part of, and asks it."""

    debug: bool
    stopping: bool
    held: int
    """Bytes of bodies in memory."""

    @property
    def full(self) -> bool:
        """Whether bodies take as much memory as large ones may."""

    @property
    def overfull(self) -> bool:
        """Whether bodies take as much memory as even small ones may."""

    def route(self, exchange: Exchange, target: str) -> Handler:
        """The handler for a request target."""

    def arrived(self, exchange: Exchange) -> None:
        """The head of a request has arrived."""

    def received(self, exchange: Exchange) -> None:
        """A request has arrived completely, or will not."""

    def left(self, exchange: Exchange, status: int | None) -> None:
        """A request is answered with `status`, or its client is gone."""

    def sending(self, exchange: Exchange, taken: asyncio.Future[None]) -> None:
        """An answer is on its way; `taken` is done once the client's system has all of it."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside everything else."""


class Exchange(httputil.HTTPMessageDelegate):
    """One request on its way in and its answer on its way out."""

    def __init__(self, front: House, connection: HTTP1Connection) -> None:
        self.front = front
        self.connection = connection
        self.started = 0.0
        self._handler: Handler | None = None
        self._answered = False
        self._cut = False
        self._size = 0
        self._held = 0

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; "" behind a Unix socket."""
        return str(getattr(self.connection.context, "remote_ip", ""))

    # -- Tornado calls these --------------------------------------------------------------------------------------

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Judge the head and pass it to the route."""
        assert isinstance(start_line, RequestStartLine)
        if not start_line.path.startswith("/"):
            start_line = start_line._replace(path=_origin_form(start_line.path))
        self.start_line, self.headers = start_line, headers
        self.started = time.monotonic()
        self.front.arrived(self)
        try:
            length = _body_length(headers)
            handler = self._handler = self.front.route(self, start_line.path)
            if length > handler.most:
                raise Refusal(413, f"the body has more than the {handler.most} bytes allowed")
            handler.begin(start_line, headers)
        except Refusal as refusal:
            self._detach(refusal)
        except HTTPInputError as error:
            self._detach(Refusal(400, str(error)))
        except Exception:
            log.exception("a request failed")
            self._detach(_failed())
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Count and pass on a part of the body."""
        self._size += len(chunk)
        if self._answered:
            if self._cut and self._size > DISCARD_BYTES:
                self.connection.finish()
            return None
        handler = self._handler
        assert handler is not None
        try:
            if self._size > handler.most:
                raise Refusal(413, f"the body has more than the {handler.most} bytes allowed")
            handler.data(chunk)
        except Refusal as refusal:
            self._cut_short(refusal)
        except Exception:
            log.exception("a request failed")
            self._cut_short(_failed())
        return None

    def finish(self) -> None:
        """The request is complete."""
        self.front.received(self)
        if self._cut:
            self._end(close=True)
        elif not self._answered:
            assert self._handler is not None
            try:  # as `answering` does, which costs a small request two microseconds more
                self._handler.end()
            except Refusal as refusal:
                self.refuse(refusal)
            except Exception:
                log.exception("a request failed")
                self.refuse(_failed())

    def on_connection_close(self) -> None:
        """The client is gone before its request was complete."""
        self.front.received(self)
        if not self._answered:
            if self._handler is not None:
                self._handler.gone()
            self._leave(None)

    # -- routes call these ----------------------------------------------------------------------------------------

    @property
    def held(self) -> int:
        """How many bytes of the body are in memory."""
        return self._held

    def hold(self, size: int) -> None:
        """Note that the route keeps so many more bytes of the body, until `release` or the answer.

        Raises Refusal 503 where bodies take so much memory that not even small ones are taken.
        """
        self._held += size
        self.front.held += size
        if self.front.overfull:
            raise Refusal(503, "too many requests at once", retry_after_s=1)

    def release(self) -> None:
        """Note that the body is no longer in memory."""
        self.front.held -= self._held
        self._held = 0

    def answer(self, answer: Answer) -> None:
        """Send an answer, unless the client is gone or one was sent already."""
        self.respond(*rendered(answer, self.headers.get("Accept-Encoding")))

    def respond(self, start: ResponseStartLine, headers: HTTPHeaders, body: bytes) -> None:
        """Send a response of which the caller has made every part."""
        if self._answered:
            return
        self._leave(start.code)
        close = self.front.stopping
        with contextlib.suppress(StreamClosedError):
            self._write(start, headers, body, close=close)
            self._end(close=close)

    def refuse(self, refusal: Refusal) -> None:
        """Send the answer that a refusal stands for."""
        self.answer(of_refusal(refusal, debug=self.front.debug))

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """See to it that what is done inside ends with an answer: a refusal's, or 503 for what was not foreseen."""
        try:
            yield
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            self.refuse(_failed())

    # -- refusing before the request is complete --------------------------------------------------------------------

    def _cut_short(self, refusal: Refusal) -> None:
        """Answer now, and read on for a while without keeping anything; then the connection ends."""
        self._cut = True
        assert self._handler is not None
        self._handler.gone()
        self._leave(refusal.status)
        with contextlib.suppress(StreamClosedError):
            answer = of_refusal(refusal, debug=self.front.debug)
            self._write(*rendered(answer, self.headers.get("Accept-Encoding")), close=True)

    def _detach(self, refusal: Refusal) -> None:
        """Take the connection from Tornado, answer, read on for a while, and end it."""
        if self._handler is not None:
            self._handler.gone()
        self.front.received(self)
        self._leave(refusal.status)
        body = as_bytes(of_refusal(refusal, debug=self.front.debug), head=self.start_line.method == "HEAD")
        self.front.spawn(_say_goodbye(self.connection.detach(), body))

    def _leave(self, status: int | None) -> None:
        self._answered = True
        self.release()
        self.front.left(self, status)

    def _end(self, *, close: bool) -> None:
        """The answer is written; with `close` the connection ends unless part of it is still on its way."""
        self.connection.finish()
        if close and not self.connection.stream.writing():
            self.connection.close()

    def _write(self, start: ResponseStartLine, headers: HTTPHeaders, body: bytes, *, close: bool) -> None:
        if close:
            headers["Connection"] = "close"
        without_body = self.start_line.method == "HEAD" or start.code in {204, 304}
        taken = self.connection.write_headers(start, headers, None if without_body else body)
        if not taken.done():
            self.front.sending(self, taken)


def _failed() -> Refusal:
    return Refusal(503, "the server failed", retry_after_s=1)


def _origin_form(target: str) -> str:
    """A request's target without the scheme and host that it may begin with (RFC 9112, section 3.2.2)."""
    path = _ORIGIN.sub("", target, count=1)
    return path if path == target or path.startswith("/") else f"/{path}"


def _body_length(headers: HTTPHeaders) -> int:
    """What the head says about the body's length in bytes; 0 if nothing, or if it comes in chunks.

    Raises Refusal where two parties could disagree about where the body ends (RFC 9112, section 6.3).
    """
    text = headers.get("Content-Length")
    if "Transfer-Encoding" in headers:
        if text is not None or headers["Transfer-Encoding"].lower() != "chunked":
            raise Refusal(400, "send a Content-Length, or Transfer-Encoding: chunked and nothing else")
        return 0
    if text is None:
        return 0
    if "," in text:  # the same length twice is what some proxies send
        lengths = {part.strip() for part in text.split(",")}
        text = lengths.pop() if len(lengths) == 1 else ""
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, "the Content-Length is not a number")
    return int(text) if len(text) <= LENGTH_DIGITS else 10**LENGTH_DIGITS


async def _say_goodbye(stream: IOStream, answer: bytes) -> None:
    """Send `answer` and end the connection, in the order that lets the client read it (RFC 9112, section 9.6)."""
    with contextlib.suppress(StreamClosedError, TimeoutError, OSError):
        async with asyncio.timeout(DISCARD_S):
            await stream.write(answer)
            discarded = 0
            while discarded < DISCARD_BYTES:
                discarded += len(await stream.read_bytes(65_536, partial=True))
    stream.close()
