# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve`: prepares a data folder and serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from .demonstration import ADMINISTRATOR, Demonstration, refuse_elsewhere
from .errors import Failure, WrongUsage

if TYPE_CHECKING:
    from tmon.server.tenants import Keyring
    from tmon.settings import Settings

FIRST = "first"
SWITCH_S = 0.001
"""How long a thread that wants Python's lock waits before it asks for it. After each statement the threads that write
and count want it back from the event loop, some 75 times in a pass of the views; with Python's own 5 ms they spend a
third of a second per pass waiting, and processors stand idle under full load."""


def register(subparsers: Any) -> None:
    """Add `serve` to the root parser."""
    serve = subparsers.add_parser(
        "serve",
        help="collect, count and show",
        description="Serves until it gets SIGTERM or SIGINT (Ctrl-C); then it finishes what it has accepted. "
        "A second signal ends it at once.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    serve.add_argument(
        "--port", type=_port, default=8000, help="the port; 0 takes a free one (default: 8000)"
    )
    serve.add_argument(
        "--processes", metavar="N", type=int, default=1, help="how many processes collect (only 1 so far)"
    )
    serve.add_argument("--data", metavar="DIR", help="the data folder (default: TMON_DATA, else ./var)")
    serve.add_argument(
        "--demo", action="store_true", help="with users, web services and traffic made up, to look around"
    )
    serve.set_defaults(run=_serve)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _serve(arguments: argparse.Namespace) -> int:
    if arguments.processes != 1:
        raise WrongUsage("this version collects in one process: leave --processes out, or give 1")
    if arguments.demo:
        refuse_elsewhere()
    from django.db import Error

    from tmon.server.store.base import StoreError
    from tmon.server.writer import Locked, WriterLock
    from tmon.settings import prepare

    settings = prepare(arguments.data)
    try:
        with WriterLock(settings.data):
            return asyncio.run(_run(settings, arguments.host, arguments.port, arguments.demo))
    except (Locked, StoreError) as error:
        raise Failure(str(error)) from error
    except Error as error:
        raise Failure(f"the accounts database refused: {error}") from error


async def _run(settings: Settings, host: str, port: int, demo: bool) -> int:
    from .running import Running

    sys.setswitchinterval(SWITCH_S)
    running = Running(settings)
    demonstration = Demonstration(settings) if demo else None
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping)
    try:
        try:
            url = await running.start(host, port)
        except OSError as error:
            if error.filename is not None:
                raise
            raise Failure(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        for line in await asyncio.to_thread(_first_steps, settings, running.keyring, url, demonstration):
            print(line)
        print(f"T-Mon serves {url}", flush=True)
        if demonstration is not None:
            await asyncio.to_thread(demonstration.start, url)
        await stopping.wait()
    finally:
        if demonstration is not None:
            await asyncio.to_thread(demonstration.stop)
        await running.stop()
    return 0


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)  # asked twice: what was answered is on disk, the rest is not waited for
    stopping.set()


def _first_steps(
    settings: Settings, keyring: Keyring, url: str, demonstration: Demonstration | None
) -> list[str]:
    """What to tell on a data folder without accounts. In testing an administrator and a web service are made.

    A demo has more of both. In other stages nothing is made, since what is printed there ends up in logs.
    """
    from django.contrib.auth import get_user_model
    from django.db import connections

    from tmon.server.tenants import accounts
    from tmon.settings import Stage

    if demonstration is not None:
        told = demonstration.prepare()
        keyring.refresh()
        return told
    try:
        if get_user_model().objects.exists():
            return []
        if settings.stage is not Stage.TESTING:
            return ["There is no account yet. Make one with: tmon user create NAME --admin"]
        user, password = accounts.create_user(ADMINISTRATOR, admin=True)
        made = accounts.create_webservice(FIRST, user)
        keyring.refresh()
    finally:
        connections.close_all()
    scheme, _, host = (settings.public_url or url).partition("://")
    return [
        f"administrator: {ADMINISTRATOR}",
        f"password:      {password}   (shown only now)",
        f"web service:   {made.webservice.wsid} ({FIRST})",
        f"DSN:           tmon+{scheme}://{made.secret.hex()}@{host}/{made.webservice.wsid}",
    ]
