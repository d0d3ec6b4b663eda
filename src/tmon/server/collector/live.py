# SPDX-License-Identifier: GPL-3.0-or-later
"""`/<wsid>/data/live`: server-sent events (WHATWG HTML, section 9.2) for those who watch a web service.

Whether somebody may watch, and what, is asked of the application, as for every other route about a web service: before
the stream begins, and every ten seconds again. Guests, at `/share/<slug>/data/live`, get ticks and no requests.
Nothing of that, and no question to the store, runs on the event loop. All streams
of a web service share one look at it; without streams nobody looks.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Gauge
from tornado.httputil import HTTPServerRequest

from .answers import Response
from .exchange import Exchange, Head
from .pages import Pages, request_of
from .refusals import Refusal

log = structlog.get_logger(__name__)

PATH: Final = re.compile(r"/(?:[1-9][0-9]{0,18}|(share)/[A-Za-z0-9_-]+)/data/live(?:\?|\Z)")
SHOWN: Final = re.compile(r"([1-9][0-9]{0,18}); ((?:account|link) [0-9]+)(; ticks)?")
"""What the application says in SHOWN_HEADER: which web service, who holds it, and whether nothing but ticks."""
SHOWN_HEADER: Final = "TMon-Stream"
LOOK_S: Final = 0.5
MOST_EACH_LOOK: Final = 25
"""Requests that are shown of each look: fifty a second."""
LOOKS_PER_TICK: Final = 2
CHECK_S: Final = 10.0
"""Between two checks of a stream; the first one comes somewhat earlier, so that the streams which a restart has all
opened at once are not all checked at once: fifty take a third of a second."""
PATIENCE_S: Final = 10.0
"""How long a client may leave what was sent untaken before its stream ends."""
STREAMS: Final = 512
STREAMS_OF_GUESTS: Final = 256
"""So that links that have become popular leave room for their owners."""
STREAMS_OF_ONE: Final = 128
"""Of an account, in all of its browsers, or of a link, so that nobody takes what others need."""
THREADS: Final = 2
HEADERS: Final = [
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "private, no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Accel-Buffering", "no"),
]
BEGIN: Final = b"retry: 2000\n\n"

_encode = msgspec.json.Encoder().encode


class Shown(NamedTuple):
    """What a stream shows, and who holds it."""

    wsid: int
    holder: str
    ticks_only: bool


class Look(NamedTuple):
    """What there was to see: the new requests and, every second look, a tick; JSON-ready. `newest` is for the next."""

    requests: list[Any]
    tick: Any | None
    newest: int | None


Looking = Callable[[int, int | None, int, bool], Look]
"""look(wsid, newest, most, tick): what is new since `newest`, at most so many requests. May block, may raise."""


class Lives:
    """All streams, by web service. `look` runs on threads of its own; `pages` is asked who may watch."""

    def __init__(self, pages: Pages, look: Looking, *, registry: CollectorRegistry | None = None) -> None:
        self._pages = pages
        self._look = look
        self._streams: dict[int, set[Stream]] = {}
        self._guests: set[Stream] = set()
        self._held: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="live")
        Gauge(
            "tmon_live_streams", "Open live streams.", registry=registry or CollectorRegistry()
        ).set_function(lambda: self.count)

    @property
    def count(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    @property
    def full(self) -> bool:
        """Whether there are as many as there may be."""
        return self.count >= STREAMS

    @property
    def full_of_guests(self) -> bool:
        """Whether guests have as many as they may."""
        return self.full or len(self._guests) >= STREAMS_OF_GUESTS

    def route(self, exchange: Exchange) -> Stream:
        """The route of a front, for paths that PATH matches."""
        return Stream(self, exchange)

    def stop(self) -> None:
        """End the threads once they are idle."""
        self._threads.shutdown()

    async def asked(self, request: HTTPServerRequest) -> Response:
        """What the application says to somebody who wants to watch: 200 if he may."""
        return await self._pages.run(request)

    def has_room(self, shown: Shown) -> bool:
        """Whether one more of its holder may begin."""
        full = self.full_of_guests if shown.ticks_only else self.full
        return not full and self._held[shown.holder] < STREAMS_OF_ONE

    def join(self, shown: Shown, stream: Stream) -> None:
        """A stream has begun."""
        wsid = shown.wsid
        self._held[shown.holder] += 1
        streams = self._streams.get(wsid)
        if (
            streams is None
        ):  # else somebody looks already, and goes on also where the last stream has just ended
            streams = self._streams[wsid] = set()
            stream.spawn(self._watch(wsid, streams))
        streams.add(stream)
        if shown.ticks_only:
            self._guests.add(stream)

    def leave(self, shown: Shown, stream: Stream) -> None:
        """A stream has ended."""
        self._streams.get(shown.wsid, set()).discard(stream)
        self._guests.discard(stream)
        self._held[shown.holder] -= 1
        if not self._held[shown.holder]:
            del self._held[shown.holder]

    async def _watch(self, wsid: int, streams: set[Stream]) -> None:
        """Look at a web service as long as somebody watches it."""
        newest: int | None = None
        turn = 0
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while streams:
                ticks = turn % LOOKS_PER_TICK == 0
                try:
                    look = await loop.run_in_executor(
                        self._threads, self._look, wsid, newest, MOST_EACH_LOOK, ticks
                    )
                except Exception as error:  # noqa: BLE001 - one look that fails ends no stream
                    log.warning("a live stream could not be fed", wsid=wsid, why=str(error))
                else:
                    newest = look.newest
                    tick = b"" if look.tick is None else _event("tick", look.tick)
                    everything = b"".join(_event("request", one) for one in look.requests) + tick
                    for stream in list(streams):
                        if part := tick if stream in self._guests else everything:
                            stream.push(part)
                turn += 1
                due = max(due + LOOK_S, loop.time())
                await asyncio.sleep(due - loop.time())
        finally:
            del self._streams[wsid]


class Stream:
    """One request to watch, and its stream."""

    most = 0
    allow = "GET, HEAD"

    def __init__(self, lives: Lives, exchange: Exchange) -> None:
        self._lives = lives
        self._exchange = exchange
        self._request: HTTPServerRequest | None = None
        self._shown: Shown | None = None
        self._open = False
        self._untaken_since: float | None = None

    def begin(self, head: Head) -> None:
        """Make the request that the application is asked with. Raises Refusal 400, or 503 for too many streams."""
        match = PATH.match(head.target)
        assert match is not None, "routed by PATH"
        self._request = request_of(head, self._exchange.peer)
        if self._lives.full if match[1] is None else self._lives.full_of_guests:
            raise _full()

    def data(self, chunk: bytes) -> None:
        """There is no body."""

    def end(self) -> None:
        """Ask whether the stream may begin."""
        self.spawn(self._run())

    def gone(self) -> None:
        """The connection has ended."""
        self._open = False
        if self._shown is not None:
            self._lives.leave(self._shown, self)
            self._shown = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside everything else."""
        self._exchange.front.spawn(work)

    def push(self, part: bytes) -> None:
        """Send a part; one that the client cannot take is left out, and who takes nothing for ten seconds is cut."""
        if self._exchange.line.push(part):
            self._untaken_since = None
            return
        now = time.monotonic()
        if self._untaken_since is None:
            self._untaken_since = now
        elif now - self._untaken_since > PATIENCE_S:
            self._exchange.line.close()

    async def _run(self) -> None:
        exchange, request = self._exchange, self._request
        assert request is not None
        shown = None
        with exchange.answering():  # which goes on after what was raised inside
            shown = await self._begun(request)
        if shown is None:
            return
        self._open = True
        self._shown = shown
        self._lives.join(shown, self)
        self.push(BEGIN)  # may find that the client is gone
        await asyncio.sleep(CHECK_S * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
        while self._is_open():
            try:
                may = (await self._lives.asked(request)).status == 200
            except Exception as error:  # noqa: BLE001 - what can't be checked is shown no longer
                log.warning("a live stream could not be checked", wsid=shown.wsid, why=str(error))
                may = False
            if not may:
                exchange.line.close()
            await asyncio.sleep(CHECK_S)

    async def _begun(self, request: HTTPServerRequest) -> Shown | None:
        """What is shown, the stream's head being sent; None where the answer is another one. Raises Refusal 503."""
        exchange = self._exchange
        response = await self._lives.asked(request)
        if response.status != 200:
            exchange.respond(response)
            return None
        stream = Response(200, "OK", HEADERS, b"")
        if exchange.head.method == "HEAD":
            exchange.respond(stream)
            return None
        shown = _shown(response)
        if not self._lives.has_room(shown):
            raise _full()
        return shown if exchange.stream(stream) else None

    def _is_open(self) -> bool:
        return self._open


def _full() -> Refusal:
    return Refusal(503, "too many live streams", retry_after_s=30)


def _shown(response: Response) -> Shown:
    """What the application lets somebody watch."""
    said = next((value for name, value in response.headers if name.lower() == SHOWN_HEADER.lower()), "")
    match = SHOWN.fullmatch(said)
    if match is None:
        raise ValueError(f"the application did not say in {SHOWN_HEADER} what may be watched")
    return Shown(int(match[1]), match[2], match[3] is not None)


def _event(name: str, data: Any) -> bytes:
    """One server-sent event; JSON holds no line feed."""
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"
