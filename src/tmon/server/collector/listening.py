# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that listen, and taking connections from them: also where several processes share an address.

Each process has sockets of its own, and the system spreads connections over them by the addresses of both ends
(SO_REUSEPORT, socket(7)). What waits too long at another's, because that is busy, stuck or dead, is taken from there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

BACKLOG: Final = 1024
AT_ONCE: Final = 64
"""How many connections are taken in one turn of the loop."""
OVERDUE_S: Final = 0.05
"""How long a connection may wait at another process before this one takes it."""
PAUSE_S: Final = 0.1
"""After the system has refused to give us a connection (no more files, no memory)."""

Taken = Callable[[socket.socket, Any], None]


def bound(host: str, port: int, processes: int = 1) -> list[list[socket.socket]]:
    """For each process, sockets that listen on every address of `host`, all on the same port; 0 lets the system choose.

    Raises OSError, leaving none open.
    """
    # Alone first, also for several: an address that somebody else listens on must not be shared with him.
    first = _listening(host, port, shared=False)
    if processes == 1:
        return [first]
    port = int(first[0].getsockname()[1])
    _close(first)
    found: list[list[socket.socket]] = []
    try:
        found.extend(_listening(host, port, shared=True) for _ in range(processes))
    except OSError:
        for listeners in found:
            _close(listeners)
        raise
    return found


def _listening(host: str, port: int, *, shared: bool) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name that /etc/hosts has on two lines may be found twice.
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = port or (sockets[0].getsockname()[1] if len(sockets) > 1 else 0)
            listener.bind((address[0], chosen, *address[2:]))
            listener.setblocking(False)
            listener.listen(BACKLOG)
    except OSError:
        _close(sockets)
        raise
    return sockets


def _close(sockets: Sequence[socket.socket]) -> None:
    for listener in sockets:
        listener.close()


class Listening:
    """Takes connections on the running event loop and hands each on as (socket, the peer's address).

    `others` are the sockets of other processes on the same addresses.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], taken: Taken, *, others: Sequence[socket.socket] = ()
    ) -> None:
        self._ready = dict.fromkeys(listeners, self._take) | dict.fromkeys(others, self._wait)
        """What is to be done when a connection waits there."""
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        for listener in self._ready:
            self._watch(listener)

    def stop(self) -> None:
        """Take no more, and close the sockets."""
        for listener in self._ready:
            self._loop.remove_reader(listener)
            listener.close()
        self._ready.clear()

    def _watch(self, listener: socket.socket) -> None:
        if listener in self._ready:
            self._loop.add_reader(listener, self._ready[listener], listener)

    def _take(self, listener: socket.socket) -> None:
        """Take connections that wait."""
        for _ in range(AT_ONCE):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                log.error("no connection could be taken", why=str(error))
                self._loop.remove_reader(listener)
                self._loop.call_later(PAUSE_S, self._watch, listener)
                return
            connection.setblocking(False)
            self._taken(connection, address)

    def _wait(self, listener: socket.socket) -> None:
        """A connection waits for another process: leave it to that for a moment."""
        self._loop.remove_reader(listener)
        self._loop.call_later(OVERDUE_S, self._overdue, listener)

    def _overdue(self, listener: socket.socket) -> None:
        """Take what is still there."""
        if listener in self._ready:
            self._take(listener)
            self._watch(listener)
