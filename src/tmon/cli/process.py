# SPDX-License-Identifier: GPL-3.0-or-later
"""What every process of a server does: end in order when it is told to, or when the one that started it has gone."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from typing import Final

from . import memory

SWITCH_S: Final = 0.001
"""How long a thread that wants Python's lock waits before it asks for it. After each statement the threads that write
and count want it back from the event loop, some 75 times in a pass of the views; with Python's own 5 ms they spend a
third of a second per pass waiting, and processors stand idle under full load."""


def add_supervised(parser: argparse.ArgumentParser) -> None:
    """Options of a process that another one has started, not for people."""
    parser.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=int, help=argparse.SUPPRESS)


class Stopping:
    """Tells when to stop: on SIGTERM or SIGINT, or when `lifeline` ends, a pipe whose other end is the supervisor's.

    A second signal ends the process at once: what was answered is on disk, the rest is not waited for.
    """

    def __init__(self, lifeline: int | None = None) -> None:
        sys.setswitchinterval(SWITCH_S)
        memory.share_arenas()
        self.orphaned = False
        self._asked = asyncio.Event()
        self._lifeline = lifeline
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(memory.GIVE_BACK_EVERY_S, self._give_back)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._ask)
        if lifeline is not None:
            self._loop.add_reader(lifeline, self._end_of_lifeline)

    def _give_back(self) -> None:
        self._loop.run_in_executor(None, memory.give_back)
        self._loop.call_later(memory.GIVE_BACK_EVERY_S, self._give_back)

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
