# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that listen, and taking connections from them: also from such as several processes share.

Whoever is woken first takes a connection. Where several processes share a socket each takes one per turn of its loop,
so that one that is busy leaves the next to the others; and what waits when a process dies is taken by another.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

BACKLOG: Final = 1024
ALONE: Final = 64
SHARED: Final = 1
"""How many connections are taken in one turn of the loop."""
PAUSE_S: Final = 0.1
"""After the system has refused to give us a connection (no more files, no memory)."""

Taken = Callable[[socket.socket, Any], None]


def bound(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`, all on the same port; 0 lets the system choose.

    Raises OSError, leaving none open.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = port or (sockets[0].getsockname()[1] if len(sockets) > 1 else 0)
            listener.bind((address[0], chosen, *address[2:]))
            listener.setblocking(False)
            listener.listen(BACKLOG)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


class Listening:
    """Takes connections on the running event loop and hands each on as (socket, the peer's address)."""

    def __init__(self, listeners: Sequence[socket.socket], taken: Taken, *, shared: bool = False) -> None:
        self._listeners = list(listeners)
        self._taken = taken
        self._at_once = SHARED if shared else ALONE
        self._loop = asyncio.get_running_loop()
        for listener in self._listeners:
            self._loop.add_reader(listener, self._take, listener)

    def stop(self) -> None:
        """Take no more, and close the sockets."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()

    def _take(self, listener: socket.socket) -> None:
        for _ in range(self._at_once):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                log.error("no connection could be taken", why=str(error))
                self._loop.remove_reader(listener)
                self._loop.call_later(PAUSE_S, self._again, listener)
                return
            connection.setblocking(False)
            self._taken(connection, address)

    def _again(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._take, listener)
