# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to whoever owns a data directory: over TMON_DATA/writer.sock, one JSON line each way.

A process that serves listens there and carries commands out on its writer's thread, between commits. Where nobody
serves, `ask` takes the lock and carries the command out itself. Either way the same function does it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from tmon.server.store.base import Store, StoreError

from . import sockets
from .errors import CommandFailed, Locked, NoAnswer, WriterError
from .lock import WriterLock

log = structlog.get_logger(__name__)

SOCKET_NAME: Final = "writer.sock"
LINE_BYTES: Final = 64 * 1024
PATIENCE_S: Final = 10.0
"""How long `ask` waits for an owner that is starting or stopping."""

LEAST_S: Final = 0.1
WHO_S: Final = 2.0
ALONE: Final = "alone"
"""A process that owns a data directory and collects, too."""
CORE: Final = "core"
"""One that owns it for collectors, whoever starts them."""
SUPERVISED: Final = "supervised core"
"""One that owns it for the collectors of the process that has started it."""
ORPHANED: Final = "orphaned core"
"""One whose starter has gone: it is about to end."""

Command = Mapping[str, Any]
Answer = dict[str, Any]
Views = Mapping[str, Any]
"""Views by name, as a store's `sync_views` takes them."""


def carry_out(
    store: Store,
    command: Command,
    read_views: Callable[[], Views],
    forget: Callable[[int], None] = lambda wsid: None,
) -> Answer:
    """Do what `command` says to `store`, on the thread that owns it, and return what became of it.

    `forget` is told of a web service before it is deleted.

    {"do": "ping"}                                nothing
    {"do": "erase", "wsid": 7, "username": "x"}   blank the user name: {"events", "quarantined"}
    {"do": "delete", "wsid": 7}                   drop all that is stored of the web service: the same
    {"do": "key-users", "wsid": 7}                which sources use which key: {"users": [{"key", "source", "runs",
                                                  "last_seen_ms"}]}, without runs that have closed, last seen first
    {"do": "views-sync"}                          read the views' files again: {"views": [names that changed]}

    Raises CommandFailed for what it does not know or cannot do.
    """
    now_ms = int(time.time() * 1000)
    try:
        match command:
            case {"do": "ping"}:
                return {}
            case {"do": "erase", "wsid": int(wsid), "username": str(username)}:
                erased = store.erase_username(wsid, username, now_ms)
                return {"events": erased.events, "quarantined": erased.quarantined}
            case {"do": "delete", "wsid": int(wsid)}:
                forget(wsid)
                erased = store.delete_webservice(wsid, now_ms)
                return {"events": erased.events, "quarantined": erased.quarantined}
            case {"do": "key-users", "wsid": int(wsid)}:
                return {"users": _key_users(store, wsid)}
            case {"do": "views-sync"}:
                return {"views": store.sync_views(read_views())}
    except (StoreError, ValueError) as error:
        raise CommandFailed(str(error)) from error
    raise CommandFailed(f"this version of T-Mon does not know the command {command.get('do')!r}")


def _key_users(store: Store, wsid: int) -> list[Answer]:
    users: dict[tuple[int, str], Answer] = {}
    for run in store.runs(wsid):
        if run.key is not None and not run.closed:
            first = {"key": run.key, "source": run.source, "runs": 0, "last_seen_ms": run.last_seen_ms}
            users.setdefault((run.key, run.source), first)["runs"] += 1
    return list(users.values())


class Control:
    """The listening side, on the event loop. `carry_out` gets each command and returns its answer."""

    def __init__(self, data_dir: Path, carry_out: Callable[[Command], Awaitable[Answer]]) -> None:
        self.path = data_dir / SOCKET_NAME
        self._carry_out = carry_out
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], bool] = {}
        """Every connection's task, and whether a command of it is being carried out."""
        self._stopping = False

    async def start(self) -> None:
        """Listen. The caller holds the lock of the data directory."""
        listener = sockets.listening(self.path)
        self._server = await asyncio.start_unix_server(self._talk, sock=listener, limit=LINE_BYTES)

    async def stop(self) -> None:
        """Listen no more, and finish and answer the commands that are under way."""
        self._stopping = True
        if self._server is None:
            return
        self._server.close()
        self.path.unlink(missing_ok=True)
        for talk, busy in self._talks.items():
            if not busy:
                talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = False
        try:
            while not self._stopping and (line := await reader.readline()):
                self._talks[task] = True
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
                self._talks[task] = False
        except (ConnectionError, ValueError):  # gone, or a line without an end
            pass
        except asyncio.CancelledError:  # the server stops, and nothing was asked
            pass
        finally:
            del self._talks[task]
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            command = json.loads(line)
        except ValueError:
            command = None
        if not isinstance(command, dict):
            return {"ok": False, "error": "a command is one JSON object on one line"}
        try:
            return {"ok": True, **await self._carry_out(command)}
        except WriterError as error:
            return {"ok": False, "error": str(error)}
        except Exception:
            log.exception("a command failed", command=command.get("do"))
            return {"ok": False, "error": "the server failed to do this; its log says why"}


class Commands:
    """Commands to the process that owns `data_dir`, on connections that are kept. Any thread may ask."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / SOCKET_NAME
        self._idle: list[socket.socket] = []

    def ask(self, command: Command, timeout_s: float = PATIENCE_S) -> Answer:
        """What became of a command. Raises NoAnswer where nobody answers in time, CommandFailed."""
        while True:
            kept = True
            try:
                connection = self._idle.pop()
            except IndexError:
                kept = False
                try:
                    connection = sockets.connected(self._path, timeout_s)
                except OSError as error:
                    raise NoAnswer(f"the writer is away: {error}") from error
            try:
                connection.settimeout(timeout_s)
                answer = _said(connection, command)
            except OSError as error:
                connection.close()
                if not kept or isinstance(error, TimeoutError):
                    raise NoAnswer(f"the writer does not answer: {error}") from error
            else:
                self._idle.append(connection)
                return _told(answer)

    def close(self) -> None:
        """End the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()


def kind_of_owner(data_dir: Path) -> str | None:
    """What owns `data_dir`: ALONE, CORE, SUPERVISED or ORPHANED; None where nobody does, or does not say so."""
    commands = Commands(data_dir)
    try:
        return str(commands.ask({"do": "who"}, WHO_S)["who"])
    except WriterError:
        return None
    finally:
        commands.close()


def ask(
    data_dir: Path,
    command: Command,
    *,
    open_store: Callable[[], Store],
    read_views: Callable[[], Views],
    patience_s: float = PATIENCE_S,
) -> Answer:
    """Have the owner of `data_dir` carry out `command`, or do it here if it has none.

    `open_store` and `read_views` are used only in the latter case; the views are then brought up to date as well.
    Raises CommandFailed if it could not be done, NoAnswer if there is an owner that does not listen.
    """
    give_up = time.monotonic() + patience_s
    while True:
        try:
            with WriterLock(data_dir):
                return _directly(command, open_store, read_views)
        except Locked as locked:
            try:
                return _through_socket(data_dir / SOCKET_NAME, command, max(patience_s, LEAST_S))
            except OSError as error:
                if time.monotonic() >= give_up:
                    raise NoAnswer(f"{locked}; it does not answer commands: {error}") from None
        time.sleep(0.05)


def _directly(command: Command, open_store: Callable[[], Store], read_views: Callable[[], Views]) -> Answer:
    try:
        store = open_store()
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    try:
        store.settle()  # a crash may have left the views behind
        answer = carry_out(store, command, read_views)
        store.settle()
        return answer
    finally:
        store.close()


def _through_socket(path: Path, command: Command, timeout_s: float) -> Answer:
    with sockets.connected(path, timeout_s) as connection:
        return _told(_said(connection, command))


def _said(connection: socket.socket, command: Command) -> bytes:
    """The line that answers a command. Raises OSError."""
    connection.sendall(json.dumps(dict(command)).encode() + b"\n")
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(LINE_BYTES)
        if not part:
            raise ConnectionResetError("the connection ended before the answer")
        parts.append(part)
    return b"".join(parts)


def _told(line: bytes) -> Answer:
    answer = json.loads(line)
    if not answer.pop("ok", False):
        raise CommandFailed(str(answer.get("error", "the server does not say why")))
    return dict(answer)
