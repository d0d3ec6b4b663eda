# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon core`: owns the event store of a data folder and does its periodic work, for `tmon serve` beside it."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from .errors import Failure
from .process import Stopping, add_supervised, say_ready

if TYPE_CHECKING:
    from tmon.server.writer import WriterLock
    from tmon.settings import Settings

LOCK_PATIENCE_S: Final = 20.0
"""How long a core that a supervisor has started waits for one before it that is about to end."""
LOOK_S: Final = 0.1


def register(subparsers: Any) -> None:
    """Add `core` to the root parser."""
    core = subparsers.add_parser(
        "core",
        help="own the event store and do the periodic work, for tmon serve beside it",
        description="Owns the event store of a data folder: writes, counts, closes days, lets expire. `tmon serve` "
        "does that itself; where a core runs on its data folder, it collects and answers beside it.",
    )
    core.add_argument("--data", metavar="DIR", help="the data folder (default: TMON_DATA, else ./var)")
    add_supervised(core)
    core.set_defaults(run=_core)


def _core(arguments: argparse.Namespace) -> int:
    from django.db import Error

    from tmon.server.store import StoreError
    from tmon.server.writer import Locked, WriterLock
    from tmon.settings import logs, prepare

    if arguments.lifeline is not None:
        logs.name_process("core")
    settings = prepare(arguments.data)
    lock = WriterLock(settings.data)
    try:
        _acquire(lock, LOCK_PATIENCE_S if arguments.lifeline is not None else 0.0)
        try:
            return asyncio.run(_run(settings, arguments.lifeline, arguments.ready))
        finally:
            lock.release()
    except (Locked, StoreError) as error:
        raise Failure(str(error)) from error
    except Error as error:
        raise Failure(f"the accounts database refused: {error}") from error


def _acquire(lock: WriterLock, patience_s: float) -> None:
    from tmon.server.writer import Locked

    give_up = time.monotonic() + patience_s
    while True:
        try:
            lock.acquire()
        except Locked:
            if time.monotonic() >= give_up:
                raise
            time.sleep(LOOK_S)
        else:
            return


async def _run(settings: Settings, lifeline: int | None, ready: int | None) -> int:
    from tmon.server.writer import CORE, SUPERVISED

    from .running import Core

    stopping = Stopping(lifeline)
    core = Core(settings, CORE if lifeline is None else SUPERVISED)
    try:
        await core.start()
        say_ready(ready)
        if lifeline is None:
            print(f"T-Mon's core owns {settings.data}", flush=True)
        await stopping.wait()
        if stopping.orphaned:
            await core.left()
    finally:
        await core.stop()
    return 0
