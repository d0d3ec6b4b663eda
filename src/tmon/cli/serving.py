# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve`: prepares a data folder and serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from socket import socket
from typing import TYPE_CHECKING, Any, Final

from .demonstration import ADMINISTRATOR, Demonstration, refuse_elsewhere
from .errors import Failure
from .process import Stopping

if TYPE_CHECKING:
    from tmon.settings import Settings

FIRST: Final = "first"
MOST_PROCESSES: Final = 64


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
        "--processes",
        metavar="N",
        type=_processes,
        default=1,
        help="how many processes collect; of more than one a further one writes (default: 1)",
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


def _processes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PROCESSES):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_PROCESSES}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> int:
    if arguments.demo:
        refuse_elsewhere()
    from django.db import Error

    from tmon.server.collector import bound
    from tmon.server.store import StoreError
    from tmon.server.writer import ALONE, CORE, SUPERVISED, Locked, WriterLock, kind_of_owner
    from tmon.settings import prepare

    settings = prepare(arguments.data)
    host, port = arguments.host, arguments.port
    demonstration = Demonstration(settings) if arguments.demo else None
    try:
        owner = kind_of_owner(settings.data)
        if owner == CORE or (owner not in {ALONE, SUPERVISED} and arguments.processes > 1):
            with _listening(bound, host, port, arguments.processes) as listeners:
                return asyncio.run(_run_several(settings, host, listeners, demonstration, core=owner != CORE))
        with WriterLock(settings.data), _listening(bound, host, port) as listeners:
            return asyncio.run(_run_alone(settings, host, listeners[0], demonstration))
    except (Locked, StoreError) as error:
        raise Failure(str(error)) from error
    except Error as error:
        raise Failure(f"the accounts database refused: {error}") from error


@contextmanager
def _listening(
    bound: Callable[[str, int, int], list[list[socket]]], host: str, port: int, processes: int = 1
) -> Iterator[list[list[socket]]]:
    """The sockets that listen, for each process, closed at the end where nobody has done so."""
    try:
        found = bound(host, port, processes)
    except OSError as error:
        raise Failure(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise Failure(f"cannot listen on {host}:{port}: that is no host name") from error
    try:
        yield found
    finally:
        for listeners in found:
            for listener in listeners:
                listener.close()


async def _run_alone(
    settings: Settings, host: str, listeners: list[socket], demonstration: Demonstration | None
) -> int:
    from .running import Alone

    stopping = Stopping()
    running = Alone(settings)
    try:
        await running.start(listeners)
        await _serving(settings, host, listeners, demonstration, stopping)
    finally:
        await running.stop()
    return 0


async def _run_several(
    settings: Settings,
    host: str,
    listeners: list[list[socket]],
    demonstration: Demonstration | None,
    *,
    core: bool,
) -> int:
    from tmon.server.store import open_reader

    from .supervising import Supervisor

    open_reader(
        settings.store, settings.data
    ).close()  # says so where a store cannot be read by several processes
    stopping = Stopping()
    supervisor = Supervisor(settings.data, listeners, core=core)
    try:
        if await _unless_stopped(supervisor.start(), stopping):
            await _serving(settings, host, listeners[0], demonstration, stopping)
    finally:
        await supervisor.stop()
    return 0


async def _unless_stopped(start: Coroutine[Any, Any, None], stopping: Stopping) -> bool:
    """Run `start` to its end, or give it up when it is time to stop; whether it came to its end."""
    starting = asyncio.ensure_future(start)
    waiting = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    await asyncio.wait({starting})
    return False


async def _serving(
    settings: Settings,
    host: str,
    listeners: list[socket],
    demonstration: Demonstration | None,
    stopping: Stopping,
) -> None:
    """Say what there is to say, have the demo's traffic sent, and wait until it is time to stop."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{listeners[0].getsockname()[1]}"
    for line in await asyncio.to_thread(_first_steps, settings, url, demonstration):
        print(line)
    print(f"T-Mon serves {url}", flush=True)
    if demonstration is None:
        await stopping.wait()
        return
    try:
        await asyncio.to_thread(demonstration.start, url)
        await stopping.wait()
    finally:
        await asyncio.to_thread(demonstration.stop)


def _first_steps(settings: Settings, url: str, demonstration: Demonstration | None) -> list[str]:
    """What to tell on a data folder without accounts. In testing an administrator and a web service are made.

    A demo has more of both. In other stages nothing is made, since what is printed there ends up in logs.
    """
    from django.contrib.auth import get_user_model
    from django.db import connections

    from tmon.server.tenants import accounts
    from tmon.settings import Stage

    if demonstration is not None:
        return demonstration.prepare()
    try:
        if get_user_model().objects.exists():
            return []
        if settings.stage is not Stage.TESTING:
            return ["There is no account yet. Make one with: tmon user create NAME --admin"]
        user, password = accounts.create_user(ADMINISTRATOR, admin=True)
        made = accounts.create_webservice(FIRST, user)
    finally:
        connections.close_all()
    scheme, _, host = (settings.public_url or url).partition("://")
    return [
        f"administrator: {ADMINISTRATOR}",
        f"password:      {password}   (shown only now)",
        f"web service:   {made.webservice.wsid} ({FIRST})",
        f"DSN:           tmon+{scheme}://{made.secret.hex()}@{host}/{made.webservice.wsid}",
    ]
