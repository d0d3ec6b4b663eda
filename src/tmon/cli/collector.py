# SPDX-License-Identifier: GPL-3.0-or-later
"""One of several collectors, as `tmon serve --processes N` starts it: `python -m tmon.cli.collector`."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import finished
from .errors import Failure
from .process import Stopping, add_supervised, say_ready

if TYPE_CHECKING:
    from tmon.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Collect and answer until told to stop; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tmon.cli.collector", description=__doc__)
    parser.add_argument("--data", metavar="DIR", required=True)
    parser.add_argument("--name", required=True, help="this process's in figures")
    parser.add_argument("--listener", type=int, action="append", required=True, help="a socket that listens")
    parser.add_argument(
        "--other", type=int, action="append", default=[], help="a socket of another collector"
    )
    add_supervised(parser)
    return finished(_collect, parser.parse_args(argv))


def _collect(arguments: argparse.Namespace) -> int:
    from django.db import Error

    from tmon.server.store import StoreError
    from tmon.settings import logs, prepare

    logs.name_process(arguments.name)
    settings = prepare(arguments.data)
    try:
        return asyncio.run(_run(settings, arguments))
    except StoreError as error:
        raise Failure(str(error)) from error
    except Error as error:
        raise Failure(f"the accounts database refused: {error}") from error


async def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    from .running import Beside

    stopping = Stopping(arguments.lifeline)
    process = Beside(settings, arguments.name)
    try:
        await process.start(_sockets(arguments.listener), others=_sockets(arguments.other))
        say_ready(arguments.ready)
        await stopping.wait()
    finally:
        await process.stop()
    return 0


def _sockets(numbers: Sequence[int]) -> list[socket.socket]:
    sockets = [socket.socket(fileno=number) for number in numbers]
    for one in sockets:
        one.setblocking(False)
    return sockets


if __name__ == "__main__":
    sys.exit(main())
