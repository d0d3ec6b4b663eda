# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection: requests come in, answers go out, one after the other.

Tornado brings the bytes, llhttp (the parser of Node, through httptools) says what they mean, and this module sees to
order and bounds: while a request is worked on nothing more is read, what came behind it waits, and what is no HTTP is
answered in JSON like everything else. Tornado's own HTTP takes 230 µs of a request, this takes 75; and what that
refuses, it answers with an empty 400 or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import httptools
from tornado.iostream import IOStream, StreamClosedError

from .exchange import Exchange, Head, House
from .refusals import Refusal

HEAD_READ_BYTES: Final = 8 * 1024
BODY_READ_BYTES: Final = 64 * 1024
"""How much is read at once. Heads are read in small pieces, since a large one may hold hundreds of requests, and what
is behind the first one waits in memory."""
HEAD_BYTES: Final = 32 * 1024
"""How long a head may be."""
FRAMING: Final = 16
"""How many bytes around each byte of its body a request may have, besides HEAD_BYTES: chunks of one byte take five."""
DISCARD_BYTES: Final = 64 * 1024 * 1024
DISCARD_S: Final = 10.0
"""How much of a request that is refused is still read, so that a client that sends first and reads later gets the
answer instead of a reset."""
VERSIONS: Final = frozenset({"1.0", "1.1"})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
"""A request with another method is refused for that, whether or not the parser knows it."""

_FIRST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S{1,8192}) HTTP/1\.[01]\r\n")


class Connection:
    """Reads requests from a stream and hands them to exchanges. `peer` is the address at its other end."""

    def __init__(self, house: House, stream: IOStream, peer: str) -> None:
        self.peer = peer
        self.exchange: Exchange | None = None
        """The request that is under way: its head has arrived, and it is not answered."""
        self.since = time.monotonic()
        """When the last one was answered."""
        self._house = house
        self._stream = stream
        self._parser = httptools.HttpRequestParser(self)
        self._later: deque[tuple[Callable[[Any], None], Any]] = deque()
        """Steps of further requests, until the one under way is answered."""
        self._stepping = False
        self._sending = False
        self._keep = True
        self._ended = False
        self._chunk = b""
        self._body_follows = False
        self._upgrading: dict[str, str] = {}
        """The headers of a request that asks for another protocol."""
        self._await_head()

    @property
    def taken(self) -> bool:
        """Whether the client's system has all of the answers so far."""
        return not self._stream.writing()

    @property
    def closed(self) -> bool:
        """Whether the stream has been closed, by whichever side."""
        return self._stream.closed()

    def read(self) -> None:
        """Read on; what arrives is handed to the parser."""
        most = HEAD_READ_BYTES if self._in_head else BODY_READ_BYTES
        try:
            reading = cast("asyncio.Future[bytes]", self._stream.read_bytes(most, partial=True))
            reading.add_done_callback(self._arrived)
        except StreamClosedError:
            self.close()

    def close(self) -> None:
        """End it at once. A request whose body has not arrived will never be complete."""
        exchange, self.exchange = self.exchange, None
        self._ended = True
        self._later.clear()
        self._stream.close()
        self._house.closed(self)
        if exchange is not None:
            exchange.gone()

    def _arrived(self, reading: asyncio.Future[bytes]) -> None:
        if reading.cancelled() or reading.exception() is not None:
            self.close()
            return
        self._chunk = chunk = reading.result()
        self._stepping = True
        try:
            self._feed(chunk)
            if self._seen > HEAD_BYTES + FRAMING * self._body:
                self._do(self._refuse, _too_long(in_head=self._in_head))
        except httptools.HttpParserError as error:
            self._do(self._garbage, error)
        self._stepping = False
        self._go_on()

    def _feed(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        try:
            self._parser.feed_data(chunk)
        except httptools.HttpParserUpgrade as upgrade:
            # HTTP/1 is all that is spoken here, so the request is one like any other (RFC 9110, section 7.8). The
            # parser passes over its body; another one reads that, as the body of a head that asks for nothing.
            self._parser = httptools.HttpRequestParser(self)
            self._body_follows = True
            self._parser.feed_data(_framing(self._upgrading))
            self._body_follows = False
            self._parser.feed_data(chunk[upgrade.args[0] :])

    # -- the parser calls these ---------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        """A part of its target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers. Those behind a body in chunks are passed over."""
        if self._in_head:
            key, text = name.decode("latin1").lower(), value.rstrip(b" \t").decode("latin1")
            known = self._headers.get(key)
            if known is not None:
                text = f"{known}{'; ' if key == 'cookie' else ', '}{text}"
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        if self._body_follows:
            self._in_head = False
            return
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        keep = parser.should_keep_alive() and not (version == "1.0" and "transfer-encoding" in headers)
        head = Head(parser.get_method().decode("latin1"), self._target.decode("latin1"), version, headers)
        self._do(self._begin, (head, keep))
        if parser.should_upgrade():
            self._upgrading = headers
        self._in_head = False

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._body += len(body)
        self._do(self._data, body)

    def on_message_complete(self) -> None:
        """It is complete, unless the parser takes it for the beginning of another protocol."""
        if self._parser.should_upgrade():
            return
        self._await_head()
        self._do(self._end, None)

    def _await_head(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._upgrading = {}
        self._in_head = True
        self._seen = self._body = 0
        """Bytes of this request that have arrived, but for those that came with the end of the one before, and of its
        body."""

    # -- one request after the other ----------------------------------------------------------------------------------

    @property
    def _waiting(self) -> bool:
        """Whether a request is complete and not answered, or the client has not taken the last answer."""
        return self._sending or (self.exchange is not None and self.exchange.complete)

    def _do(self, step: Callable[[Any], None], argument: Any) -> None:
        """Take a step of a request, once those before it are answered."""
        if self._ended:
            return
        if self._later or self._waiting:
            self._later.append((step, argument))
        else:
            step(argument)

    def _go_on(self) -> None:
        """Take the steps that can be taken now; read on when there are none."""
        self._stepping = True
        while self._later and not self._waiting and not self._ended:
            step, argument = self._later.popleft()
            step(argument)
        self._stepping = False
        if not self._waiting and not self._ended:
            self.read()

    def _begin(self, begun: tuple[Head, bool]) -> None:
        head, self._keep = begun
        exchange = self.exchange = Exchange(self._house, self, head)
        if head.version not in VERSIONS:
            exchange.refuse(Refusal(400, "HTTP/1.1 is spoken here"))
        elif head.method not in METHODS:
            exchange.refuse_method()
        else:
            exchange.begin()

    def _data(self, body: bytes) -> None:
        if self.exchange is not None:
            self.exchange.data(body)

    def _end(self, _: None) -> None:
        if self.exchange is not None:
            self.exchange.end()

    def _refuse(self, refusal: Refusal) -> None:
        self._keep = False
        if self.exchange is None:
            self.exchange = Exchange(self._house, self, Head("", "", "1.1", {}))
        self.exchange.refuse(refusal)

    def _garbage(self, error: httptools.HttpParserError) -> None:
        """What arrived is no HTTP, or has a method that the parser does not know."""
        if self.exchange is None and (line := _FIRST_LINE.match(self._chunk)):
            method, target = line[1].decode("latin1"), line[2].decode("latin1")
            if method not in METHODS:
                self._keep = False
                self.exchange = Exchange(self._house, self, Head(method, target, "1.1", {}))
                self.exchange.refuse_method()
                return
        if "Content-Length overflow" in str(error):
            self._refuse(Refusal(413, "the body is too long for any number"))
        else:
            self._refuse(Refusal(400, f"this is not HTTP: {error}"))

    # -- the exchange calls these -------------------------------------------------------------------------------------

    @property
    def keeps(self) -> bool:
        """Whether another request may follow the one under way once that is answered."""
        return (
            self._keep and not self._house.stopping and self.exchange is not None and self.exchange.complete
        )

    def proceed(self) -> None:
        """Tell the client to send the body that it holds back (RFC 9110, section 10.1.1)."""
        with contextlib.suppress(StreamClosedError):
            _ = self._stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answered(self, response: bytes) -> None:
        """Send the response to the request under way; go on with the next one, or end the connection."""
        keeps, exchange = self.keeps, self.exchange
        assert exchange is not None, "nothing is under way"
        self.exchange = None
        self._ended = not keeps
        try:
            taken = self._stream.write(response)
        except StreamClosedError:
            self.close()
            return
        if not taken.done():
            self._house.sending(self, taken)
        if keeps:
            self.since = time.monotonic()
            if not taken.done():
                self._sending = True
                taken.add_done_callback(self._taken)
            elif not self._stepping:
                self._go_on()
        elif not exchange.complete:
            self._house.spawn(self._say_goodbye(taken))
        elif taken.done():
            self.close()
        else:
            taken.add_done_callback(lambda _: self.close())

    def stream(self, head: bytes) -> None:
        """Send the head of a response that goes on until the connection ends, and notice when the client is gone."""
        self._keep = False
        if self.push(head):
            self._listen(None)

    def push(self, part: bytes) -> bool:
        """Send a part of such a response; False if the client has not taken the one before, or is gone."""
        if not self.taken:
            return False
        try:
            _ = self._stream.write(part)
        except StreamClosedError:
            self.close()
            return False
        return True

    def _listen(self, reading: asyncio.Future[bytes] | None) -> None:
        """Read on while streaming: nothing is expected but the end."""
        if reading is not None and (reading.cancelled() or reading.exception() is not None):
            self.close()
            return
        try:
            following = cast("asyncio.Future[bytes]", self._stream.read_bytes(HEAD_READ_BYTES, partial=True))
            following.add_done_callback(self._listen)
        except StreamClosedError:
            self.close()

    def _taken(self, _: asyncio.Future[None]) -> None:
        """The client has taken the answer."""
        self._sending = False
        if not self._ended:
            self._go_on()

    async def _say_goodbye(self, taken: asyncio.Future[None]) -> None:
        """End the connection in the order that lets the client read its answer (RFC 9112, section 9.6)."""
        try:
            async with asyncio.timeout(DISCARD_S):
                await taken
                discarded = 0
                if not self._stream.closed():
                    self._stream.socket.shutdown(socket.SHUT_WR)
                while discarded < DISCARD_BYTES:
                    discarded += len(await self._stream.read_bytes(BODY_READ_BYTES, partial=True))
        except (StreamClosedError, TimeoutError, OSError):
            pass
        finally:
            self.close()


def _framing(headers: dict[str, str]) -> bytes:
    """A head that frames a body as one with these headers does."""
    names = ("content-length", "transfer-encoding")
    lines = [f"{name}: {headers[name]}\r\n" for name in names if name in headers]
    return f"POST / HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin1")


def _too_long(*, in_head: bool) -> Refusal:
    if in_head:
        return Refusal(431, f"the head has more than the {HEAD_BYTES} bytes allowed")
    return Refusal(400, "the body comes in too many small pieces")
