# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the processes of `tmon serve --processes N` alive: a core, unless one runs already, and N collectors.

The supervisor itself holds the listening sockets and nothing else, so that what waits there outlives a collector. It
starts a process again whenever one ends, and ends all of them in order: collectors finish what they have taken while
the core still writes. When it is killed itself the processes notice by a pipe and end in the same order.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import Final

import structlog

from .errors import Failure

log = structlog.get_logger(__name__)

AGAIN_S: Final = (0.05, 0.2, 1.0, 2.0, 5.0)
"""How long to wait before a process that has ended is started again, the more often it ended."""
STEADY_S: Final = 10.0
"""Who has lived so long is taken to have started well."""
COLLECTOR_ENDS_S: Final = 20.0
CORE_ENDS_S: Final = 60.0


class Supervisor:
    """The processes on one data folder: a collector for each of `listeners`, and a core if `core`."""

    def __init__(self, data: Path, listeners: Sequence[Sequence[socket]], *, core: bool) -> None:
        self._listeners = [one for of_process in listeners for one in of_process]
        self._lifeline = os.pipe()
        fixed = ["--data", str(data), "--lifeline", str(self._lifeline[0])]
        self._core = _Child("core", ["tmon.cli", "core", *fixed], [self._lifeline[0]]) if core else None
        self._collectors = []
        for number, own in enumerate(listeners, 1):
            name = f"collector-{number}"
            arguments = ["tmon.cli.collector", "--name", name, *fixed]
            for one in self._listeners:
                arguments += ["--listener" if one in own else "--other", str(one.fileno())]
            handed = [self._lifeline[0], *(one.fileno() for one in self._listeners)]
            self._collectors.append(_Child(name, arguments, handed))
        self._keeping: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the core and then the collectors. Raises Failure where one of them ends instead of starting."""
        for group in ([self._core] if self._core else [], self._collectors):
            for child in group:
                await child.start()
            for child in group:
                if not await child.ready():
                    raise Failure(f"the process {child.name} did not start; what it said is above")
                self._keeping.append(asyncio.create_task(self._keep(child)))

    async def stop(self) -> None:
        """End the collectors, which finish what they have taken, and then the core."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        await asyncio.gather(*(child.stop(COLLECTOR_ENDS_S) for child in self._collectors))
        if self._core is not None:
            await self._core.stop(CORE_ENDS_S)
        for end in self._lifeline:
            os.close(end)

    async def _keep(self, child: _Child) -> None:
        """Start it again whenever it ends."""
        failures = 0
        while True:
            status = await child.ended()
            failures = 0 if time.monotonic() - child.since > STEADY_S else failures
            pause_s = AGAIN_S[min(failures, len(AGAIN_S) - 1)]
            failures += 1
            log.error(
                "a process has ended and is started again", name=child.name, status=status, in_s=pause_s
            )
            await asyncio.sleep(pause_s)
            try:
                await child.start()
            except OSError as error:
                log.error("a process could not be started", name=child.name, why=str(error))


class _Child:
    """One process, which may be started again. `handed` are the open files that it gets."""

    def __init__(self, name: str, arguments: Sequence[str], handed: Sequence[int]) -> None:
        self.name = name
        self.since = 0.0
        self._arguments = tuple(arguments)
        self._handed = tuple(handed)
        self._process: asyncio.subprocess.Process | None = None
        self._ready: asyncio.Future[bool] | None = None

    async def start(self) -> None:
        """Start it."""
        told, tell = os.pipe()
        try:
            # A group of its own: Ctrl-C in a terminal is for the supervisor, which ends the others in order.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._arguments,
                "--ready",
                str(tell),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(*self._handed, tell),
                process_group=0,
            )
        except BaseException:
            os.close(told)
            raise
        finally:
            os.close(tell)
        self.since = time.monotonic()
        self._ready = asyncio.ensure_future(asyncio.to_thread(_read, told))

    async def ready(self) -> bool:
        """Whether it has said that it does its work; False if it ended instead."""
        assert self._ready is not None
        return await self._ready

    async def ended(self) -> int:
        """Wait for its end: its exit status, or minus the signal that ended it."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, patience_s: float) -> None:
        """Have it end, and end it where it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            log.error("a process does not end and is killed", name=self.name)
            process.kill()
            await process.wait()


def _read(pipe: int) -> bool:
    try:
        return bool(os.read(pipe, 1))
    finally:
        os.close(pipe)
