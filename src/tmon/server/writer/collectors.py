# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer's end of its collectors' connections, where they are processes of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from tmon.server.store.base import Envelope, Outcome

from . import sockets
from .errors import NotTaken
from .frames import SOCKET_NAME, Answers, Append, Figures, Frame, Frames, Hello, Wanted, refused
from .group_commit import Answered

log = structlog.get_logger(__name__)

FIGURES_S: Final = 1.0
"""How long a collector may take to say its figures; who takes longer is left out."""

Take = Callable[[Envelope, int, Answered], None]
"""See Writer.take."""


class Collectors:
    """Listens at TMON_DATA/collectors.sock and hands what arrives to `take`. Belongs to the writer's event loop."""

    def __init__(self, data_dir: Path, take: Take, registry: CollectorRegistry | None = None) -> None:
        self.path = data_dir / SOCKET_NAME
        self._take = take
        self._lines: dict[_Line, None] = {}
        """In the order of their beginning."""
        self._gone = asyncio.Event()
        self._server: asyncio.Server | None = None
        Gauge(
            "tmon_collectors", "Collectors that are connected.", registry=registry or CollectorRegistry()
        ).set_function(lambda: len(self._lines))

    async def start(self) -> None:
        """Listen. The caller holds the lock of the data directory."""
        listener = sockets.listening(self.path)
        self._server = await asyncio.get_running_loop().create_unix_server(self._connected, sock=listener)

    async def left(self, timeout_s: float) -> bool:
        """Take no more collectors, and wait until none is connected; whether that was so within `timeout_s`."""
        if self._server is not None:
            self._server.close()
            self.path.unlink(missing_ok=True)
        try:
            async with asyncio.timeout(timeout_s):
                while self._lines:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Listen no more, and end the connections; the outcomes that are known by now are sent before."""
        if self._server is None:
            return
        self._server.close()
        self.path.unlink(missing_ok=True)
        for line in list(self._lines):
            line.close()
        await asyncio.sleep(0)

    async def figures(self) -> dict[str, str]:
        """The figures of every collector, by their names.

        Where several `tmon serve` have collectors of the same name, the later ones get a number: `collector-1-2`.
        """
        lines = list(self._lines)
        asked = [line.wanted() for line in lines]
        if asked:
            await asyncio.wait(asked, timeout=FIGURES_S)
        told: dict[str, str] = {}
        for line, future in zip(lines, asked, strict=True):
            line.given_up(future)
            if future.done() and not future.cancelled():
                name, text = future.result()
                same = sum(other.name == name for other in lines[: lines.index(line)])
                told[f"{name}-{same + 1}" if same else name] = text
        return dict(sorted(told.items()))

    def _connected(self) -> Frames:
        line = _Line(self._take, self._left)
        self._lines[line] = None
        return line.frames

    def _left(self, line: _Line) -> None:
        self._lines.pop(line, None)
        self._gone.set()


class _Line:
    """The connection of one collector."""

    def __init__(self, take: Take, ended: Callable[[_Line], None]) -> None:
        self.frames = Frames(self._received, self._lost)
        self._take = take
        self._ended = ended
        self.name = "?"
        self._answers: Answers | None = None
        self._wanted: dict[int, asyncio.Future[tuple[str, str]]] = {}
        self._last_wanted = 0

    def close(self) -> None:
        """Say what is known, and end the connection."""
        self._flush()
        self.frames.close()

    def wanted(self) -> asyncio.Future[tuple[str, str]]:
        """Ask for the collector's figures: its name, and the text."""
        self._last_wanted += 1
        future = self._wanted[self._last_wanted] = asyncio.get_running_loop().create_future()
        self.frames.send(Wanted(self._last_wanted))
        return future

    def given_up(self, asked: asyncio.Future[tuple[str, str]]) -> None:
        """Forget a question of `wanted`, whether or not it was answered."""
        self._wanted = {number: future for number, future in self._wanted.items() if future is not asked}

    def _received(self, frame: Frame) -> None:
        match frame:
            case Append(first, envelopes):
                for number, envelope in enumerate(envelopes, first):
                    try:
                        self._take(envelope, envelope.size, partial(self._answered, number))
                    except NotTaken as error:
                        self._answered(number, error)
            case Hello(name):
                self.name = name
                log.info("a collector has connected", name=name)
            case Figures(number, text):
                future_text = self._wanted.pop(number, None)
                if future_text is not None and not future_text.done():
                    future_text.set_result((self.name, text))
            case _:
                log.error("a collector says what it should not", name=self.name, frame=type(frame).__name__)

    def _answered(self, number: int, answer: Outcome | NotTaken) -> None:
        if isinstance(answer, Outcome):
            self._out().outcomes.append((number, answer))
        else:
            self._out().refused.append((number, refused(answer)))

    def _out(self) -> Answers:
        """The answers of this turn of the event loop, which go together at its end."""
        if self._answers is None:
            self._answers = Answers([], [])
            asyncio.get_running_loop().call_soon(self._flush)
        return self._answers

    def _flush(self) -> None:
        if self._answers is not None:
            answers, self._answers = self._answers, None
            self.frames.send(answers)

    def _lost(self) -> None:
        log.info("a collector has gone", name=self.name)
        for future in self._wanted.values():
            future.cancel()
        self._ended(self)
