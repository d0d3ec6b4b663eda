# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request and its answer, under the routes: what is refused before any route sees it, and its bounds."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Coroutine, Iterator
from typing import Any, Final, NamedTuple, Protocol

import structlog

from .answers import Answer, Response, as_bytes, of_refusal, rendered, stream_head
from .refusals import Refusal

log = structlog.get_logger(__name__)

LENGTH_DIGITS: Final = 18
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


class Head(NamedTuple):
    """The head of a request. Names of headers are in lower case; what came several times is joined by commas."""

    method: str
    target: str
    version: str
    """"1.0" or "1.1"."""
    headers: dict[str, str]


class Handler(Protocol):
    """What a route does with a request. Its methods are called in this order; `gone` instead of `end`, or after it."""

    most: int
    """How many bytes a body may have."""
    allow: str
    """The methods there are."""

    def begin(self, head: Head) -> None:
        """The head has arrived. May raise Refusal."""

    def data(self, chunk: bytes) -> None:
        """A part of the body has arrived. May raise Refusal."""

    def end(self) -> None:
        """All of it has arrived."""

    def gone(self) -> None:
        """The client is gone, or the request was refused: `end` will not follow."""


class Line(Protocol):
    """What an exchange needs of its connection."""

    peer: str

    @property
    def keeps(self) -> bool:
        """Whether another request may follow."""

    def proceed(self) -> None:
        """Tell the client to send the body that it holds back."""

    def answered(self, response: bytes) -> None:
        """Send the response."""

    def stream(self, head: bytes) -> None:
        """Send the head of a response that goes on until the connection ends."""

    def push(self, part: bytes) -> bool:
        """Send a part of it, unless the client has not taken the one before; returns whether it was sent."""

    def close(self) -> None:
        """End the connection at once."""


class House(Protocol):
    """What connections and exchanges tell the server that they are part of, and ask it."""

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

    def sending(self, line: Any, taken: asyncio.Future[None]) -> None:
        """An answer is on its way; `taken` is done once the client's system has all of it."""

    def closed(self, line: Any) -> None:
        """A connection has ended."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside everything else."""


class Exchange:
    """One request on its way in and its answer on its way out."""

    def __init__(self, front: House, line: Line, head: Head) -> None:
        if not head.target.startswith("/"):
            head = head._replace(target=_origin_form(head.target))
        self.front = front
        self.line = line
        self.head = head
        self.headers = head.headers
        self.started = time.monotonic()
        self.complete = False
        """Whether all of the request has arrived."""
        self._handler: Handler | None = None
        self._answered = False
        self._streaming = False
        self._size = 0
        self._held = 0
        front.arrived(self)

    @property
    def peer(self) -> str:
        """The address at the other end of the connection; "" behind a Unix socket."""
        return self.line.peer

    # -- the connection calls these -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Judge the head and pass it to the route."""
        try:
            length = _body_length(self.headers)
            handler = self._handler = self.front.route(self, self.head.target)
            if length > handler.most:
                raise Refusal(413, f"the body has more than the {handler.most} bytes allowed")
            handler.begin(self.head)
        except Refusal as refusal:
            self._cut_short(refusal)
        except Exception:
            log.exception("a request failed")
            self._cut_short(_failed())
        else:
            expects = self.headers.get("expect", "").lower() == "100-continue" and self.head.version == "1.1"
            if expects and not self._answered:
                self.line.proceed()

    def data(self, chunk: bytes) -> None:
        """Count and pass on a part of the body."""
        self._size += len(chunk)
        handler = self._handler
        if self._answered or handler is None:
            return
        try:
            if self._size > handler.most:
                raise Refusal(413, f"the body has more than the {handler.most} bytes allowed")
            handler.data(chunk)
        except Refusal as refusal:
            self._cut_short(refusal)
        except Exception:
            log.exception("a request failed")
            self._cut_short(_failed())

    def end(self) -> None:
        """The request is complete."""
        self.complete = True
        self.front.received(self)
        handler = self._handler
        if self._answered or handler is None:
            return
        try:  # as `answering` does, which costs a small request two microseconds more
            handler.end()
        except Refusal as refusal:
            self.refuse(refusal)
        except Exception:
            log.exception("a request failed")
            self.refuse(_failed())

    def gone(self) -> None:
        """The connection has ended before the answer."""
        self.front.received(self)
        if self._handler is not None and (self._streaming or not self._answered):
            self._streaming = False
            self._handler.gone()
        if not self._answered:
            self._leave(None)

    def refuse_method(self) -> None:
        """Answer 405, whatever else the request may bring."""
        handler = self.front.route(self, self.head.target)
        self.refuse(Refusal(405, "there is no such method here", allow=handler.allow))

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
        self.respond(rendered(answer, self.headers.get("accept-encoding")))

    def respond(self, response: Response) -> None:
        """Send a response of which the caller has made every part. Raises ValueError where a header breaks HTTP."""
        if self._answered:
            return
        keeps, head = self.line.keeps, self.head
        connection = None
        if not keeps:
            connection = "close"
        elif head.version == "1.0":
            connection = "keep-alive"
        sent = as_bytes(response, connection=connection, without_body=head.method == "HEAD")
        self._leave(response.status)
        self._handler = None  # it refers back: without this both would wait for the collector of garbage
        self.line.answered(sent)

    def stream(self, response: Response) -> bool:
        """Send a response without an end, whose body is pushed. False if the client is gone; `gone` may have been
        called before this returns.
        """
        if self._answered:
            return False
        self._leave(response.status)
        self._streaming = True
        self.line.stream(stream_head(response))
        return self._streaming

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

    def _cut_short(self, refusal: Refusal) -> None:
        """Answer before the request is complete; the connection ends with that."""
        if self._handler is not None:
            self._handler.gone()
        self.refuse(refusal)

    def _leave(self, status: int | None) -> None:
        self._answered = True
        self.front.received(self)
        self.release()
        self.front.left(self, status)


def joined(body: bytes | bytearray, chunk: bytes) -> bytes | bytearray:
    """A body with one more chunk: the first as it is, further ones in one buffer, however small they come."""
    if not body:
        return chunk
    if isinstance(body, bytes):
        body = bytearray(body)
    body += chunk
    return body


def _failed() -> Refusal:
    return Refusal(503, "the server failed", retry_after_s=1)


def _origin_form(target: str) -> str:
    """A request's target without the scheme and host that it may begin with (RFC 9112, section 3.2.2)."""
    path = _ORIGIN.sub("", target, count=1)
    return path if path == target or path.startswith("/") else f"/{path}"


def _body_length(headers: dict[str, str]) -> int:
    """What the head says about the body's length in bytes; 0 if nothing, or if it comes in chunks.

    Raises Refusal where two parties could disagree about where the body ends (RFC 9112, section 6.3).
    """
    text = headers.get("content-length")
    if "transfer-encoding" in headers:
        if text is not None or headers["transfer-encoding"].lower() != "chunked":
            raise Refusal(400, "send a Content-Length, or Transfer-Encoding: chunked and nothing else")
        return 0
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, "the Content-Length is not a number")
    return int(text) if len(text) <= LENGTH_DIGITS else 10**LENGTH_DIGITS
