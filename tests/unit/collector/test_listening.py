# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes share an address, nobody else does, and what one of them leaves waiting another takes."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from tmon.server.collector import bound
from tmon.server.collector.listening import Listening

HOST = "127.0.0.1"


@pytest.fixture
def shared() -> Iterator[list[list[socket.socket]]]:
    found = bound(HOST, 0, 3)
    yield found
    for listeners in found:
        for listener in listeners:
            listener.close()


def port_of(listeners: list[socket.socket]) -> int:
    return int(listeners[0].getsockname()[1])


def test_each_process_has_sockets_of_its_own_on_one_port(shared: list[list[socket.socket]]) -> None:
    assert len(shared) == 3
    assert len({port_of(listeners) for listeners in shared}) == 1


@pytest.mark.parametrize("processes", [1, 2])
def test_an_address_that_a_name_has_twice_is_listened_on_once(
    monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (HOST, 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address, address])
    found = bound("localhost", 0, processes)
    assert [len(listeners) for listeners in found] == [1] * processes
    for (listener,) in found:
        listener.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_an_address_that_is_listened_on_is_not_shared_with_another_server(
    shared: list[list[socket.socket]], processes: int
) -> None:
    with pytest.raises(OSError, match="in use") as raised:
        bound(HOST, port_of(shared[0]), processes)
    assert raised.value.errno == errno.EADDRINUSE


def test_connections_that_another_process_does_not_take_are_taken(shared: list[list[socket.socket]]) -> None:
    """Only the first process of three lives: every connection, wherever the system put it, reaches it."""

    async def serve() -> int:
        taken: list[socket.socket] = []
        all_there = asyncio.Event()

        def take(connection: socket.socket, address: object) -> None:
            taken.append(connection)
            if len(taken) == 30:
                all_there.set()

        listening = Listening(shared[0], take, others=[one for rest in shared[1:] for one in rest])
        clients = [socket.create_connection((HOST, port_of(shared[0]))) for _ in range(30)]
        await asyncio.wait_for(all_there.wait(), 10)
        listening.stop()
        for one in [*clients, *taken]:
            one.close()
        return len(taken)

    assert asyncio.run(serve()) == 30
