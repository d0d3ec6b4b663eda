# SPDX-License-Identifier: GPL-3.0-or-later
"""What every process of a server does: end in order when it is told to, or when the one that started it has gone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from typing import Final

SWITCH_S: Final = 0.001
"""How long a thread that wants Python's lock waits before it asks for it. After each statement the threads that write
and count want it back from the event loop, some 75 times in a pass of the views; with Python's own 5 ms they spend a
third of a second per pass waiting, and processors stand idle under full load."""


ARENAS: Final = 2
M_ARENA_MAX: Final = -8
"""mallopt(3), glibc's malloc.h."""


def add_supervised(parser: argparse.ArgumentParser) -> None:
    """Options of a process that another one has started, not for people."""
    parser.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=int, help=argparse.SUPPRESS)


def share_arenas() -> None:
    """Have all threads get their memory from ARENAS arenas of glibc; to be called before there are other threads.

    By default each of some 15 threads has one of its own, and keeps there what its largest question ever took. With
    1,000 events a second and a dashboard open the server's memory grew by 4 % a minute that way; with two arenas it
    stays, and is 10 MB less. Full load of batches is 3 to 7 % slower, single events are not. Who sets MALLOC_ARENA_MAX
    decides himself; other C libraries have nothing of the kind.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(M_ARENA_MAX, ARENAS)


class Stopping:
    """Tells when to stop: on SIGTERM or SIGINT, or when `lifeline` ends, a pipe whose other end is the supervisor's.

    A second signal ends the process at once: what was answered is on disk, the rest is not waited for.
    """

    def __init__(self, lifeline: int | None = None) -> None:
        sys.setswitchinterval(SWITCH_S)
        share_arenas()
        self.orphaned = False
        self._asked = asyncio.Event()
        self._lifeline = lifeline
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ask)
        if lifeline is not None:
            self._loop.add_reader(lifeline, self._end_of_lifeline)

    async def wait(self) -> None:
        """Return when it is time to stop."""
        await self._asked.wait()

    @property
    def asked(self) -> bool:
        """Whether it is time to stop."""
        return self._asked.is_set()

    def _ask(self) -> None:
        if self._asked.is_set():
            os._exit(1)
        self._asked.set()

    def _end_of_lifeline(self) -> None:
        assert self._lifeline is not None
        self._loop.remove_reader(self._lifeline)
        self.orphaned = True
        self._asked.set()


def say_ready(pipe: int | None) -> None:
    """Tell the supervisor that this process does its work from now on."""
    if pipe is not None:
        with contextlib.suppress(BrokenPipeError):
            os.write(pipe, b"1")
        os.close(pipe)
