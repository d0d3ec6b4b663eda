# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands to the owner of a data directory, over its socket and without one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.writer.gated import GatedStore, envelope

from tmon.server.catalogue import View, parse_view
from tmon.server.store.base import Store
from tmon.server.store.sqlite import open_store
from tmon.server.writer import CommandFailed, Commands, Control, NoAnswer, WriterLock, ask, carry_out, sockets

COUNTRY = parse_view("country", 'title = "Countries"\nfield = "country"')


def no_views() -> dict[str, View]:
    return {}


def nobody() -> Store:
    raise AssertionError("the server is asked, not the files")


@contextmanager
def serving(data_dir: Path, store: Store, carry: Any = None) -> Iterator[Control]:
    """A control socket on an event loop of its own, and the lock."""
    ready = threading.Event()
    made: dict[str, Any] = {}

    async def do(command: Mapping[str, Any]) -> dict[str, Any]:
        return carry_out(store, command, lambda: {"country": COUNTRY})

    async def main() -> None:
        made["loop"], made["end"] = asyncio.get_running_loop(), asyncio.Event()
        made["control"] = Control(data_dir, carry or do)
        await made["control"].start()
        ready.set()
        await made["end"].wait()
        await made["control"].stop()

    with WriterLock(data_dir):
        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        assert ready.wait(30)
        try:
            yield made["control"]
        finally:
            made["loop"].call_soon_threadsafe(made["end"].set)
            thread.join()


def ask_server(data_dir: Path, command: Mapping[str, Any], patience_s: float = 10.0) -> dict[str, Any]:
    return ask(data_dir, command, open_store=nobody, read_views=no_views, patience_s=patience_s)


def test_a_running_server_carries_commands_out(tmp_path: Path) -> None:
    with serving(tmp_path, GatedStore()) as control:
        assert control.path.stat().st_mode & 0o777 == 0o600
        assert ask_server(tmp_path, {"do": "ping"}) == {}
        assert ask_server(tmp_path, {"do": "views-sync"}) == {"views": ["country"]}
        assert ask_server(tmp_path, {"do": "delete", "wsid": 7}) == {"events": 0, "quarantined": 0}
    assert not control.path.exists()


def test_without_a_server_the_command_is_carried_out_here(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.append([envelope(1, 4)])
    store.close()
    answer = ask(
        tmp_path,
        {"do": "delete", "wsid": 7},
        open_store=lambda: open_store(tmp_path),
        read_views=no_views,
    )
    assert answer["events"] == 4


@pytest.mark.parametrize("length", [70, 89, 90, 150, 400])
def test_the_path_of_the_directory_may_be_longer_than_a_socket_address(tmp_path: Path, length: int) -> None:
    data_dir = tmp_path
    while (missing := length - len(str(data_dir)) - 1) > 0:
        data_dir /= "x" * min(100, missing)
    data_dir.mkdir(parents=True, exist_ok=True)
    with serving(data_dir, GatedStore()):
        assert ask_server(data_dir, {"do": "ping"}) == {}


def test_long_paths_work_without_proc_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "OPEN_FILES", tmp_path / "no-proc")
    data_dir = tmp_path / ("x" * 100)
    data_dir.mkdir()
    with serving(data_dir, GatedStore()):
        assert ask_server(data_dir, {"do": "ping"}) == {}


def test_a_socket_that_a_killed_server_left_behind_is_replaced(tmp_path: Path) -> None:
    sockets.listening(tmp_path / "writer.sock").close()
    assert (tmp_path / "writer.sock").exists()
    with serving(tmp_path, GatedStore()):
        assert ask_server(tmp_path, {"do": "ping"}) == {}


def test_an_owner_that_does_not_listen_is_reported(tmp_path: Path) -> None:
    with WriterLock(tmp_path), pytest.raises(NoAnswer, match="does not answer commands"):
        ask_server(tmp_path, {"do": "ping"}, patience_s=0.2)


def test_an_owner_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    tried = threading.Event()

    async def do(command: Mapping[str, Any]) -> dict[str, Any]:
        return {"pong": True}

    answers: list[dict[str, Any]] = []

    def asks() -> None:
        tried.set()
        answers.append(ask_server(tmp_path, {"do": "ping"}, 30.0))

    lock = WriterLock(tmp_path)
    lock.acquire()
    asking = threading.Thread(target=asks)
    asking.start()
    assert tried.wait(30)
    control = Control(tmp_path, do)

    async def serve() -> None:
        await control.start()
        await asyncio.to_thread(asking.join)
        await control.stop()

    asyncio.run(serve())
    lock.release()
    assert answers == [{"pong": True}]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({"do": "dance"}, "does not know the command 'dance'"),
        ({}, "does not know the command None"),
        ({"do": "erase", "wsid": "7", "username": "ada"}, "does not know the command 'erase'"),
        ({"do": "delete"}, "does not know the command 'delete'"),
    ],
)
def test_what_is_no_command_is_refused(tmp_path: Path, command: dict[str, Any], why: str) -> None:
    with serving(tmp_path, GatedStore()), pytest.raises(CommandFailed, match=why):
        ask_server(tmp_path, command)


def test_a_wrong_view_file_is_the_answer(tmp_path: Path) -> None:
    def wrong() -> dict[str, View]:
        return {"x": parse_view("x", 'title = "X"')}

    async def do(command: Mapping[str, Any]) -> dict[str, Any]:
        return carry_out(GatedStore(), command, wrong)

    with (
        serving(tmp_path, GatedStore(), do),
        pytest.raises(CommandFailed, match=r"views/x\.toml: field is required"),
    ):
        ask_server(tmp_path, {"do": "views-sync"})


def test_a_bug_is_not_shown(tmp_path: Path) -> None:
    async def do(command: Mapping[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("secret detail")

    with serving(tmp_path, GatedStore(), do), pytest.raises(CommandFailed, match="its log says why"):
        ask_server(tmp_path, {"do": "ping"})


def test_garbage_gets_an_answer_and_the_next_line_another(tmp_path: Path) -> None:
    with serving(tmp_path, GatedStore()) as control, sockets.connected(control.path, 10) as connection:
        connection.sendall(b'nonsense\n[1]\n{"do": "ping"}\n')
        lines = connection.makefile("rb")
        answers = [json.loads(lines.readline()) for _ in range(3)]
        lines.close()
    wrong = {"ok": False, "error": "a command is one JSON object on one line"}
    assert answers == [wrong, wrong, {"ok": True}]


def test_a_line_without_an_end_is_not_collected_forever(tmp_path: Path) -> None:
    with serving(tmp_path, GatedStore()) as control, sockets.connected(control.path, 10) as connection:
        connection.sendall(b"x" * 200_000)
        with contextlib.suppress(ConnectionResetError):  # it may end before it has read everything
            assert connection.recv(1000) == b""


def test_stopping_finishes_and_answers_what_is_under_way(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def do(command: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        await asyncio.to_thread(go_on.wait, 30)
        return {"done": True}

    answers: list[dict[str, Any]] = []
    with serving(tmp_path, GatedStore(), do):
        asking = threading.Thread(target=lambda: answers.append(ask_server(tmp_path, {"do": "slow"})))
        asking.start()
        assert begun.wait(30)
        threading.Timer(0.1, go_on.set).start()
    asking.join()
    assert answers == [{"done": True}]


@pytest.mark.parametrize("length", [0, 120])
def test_an_owner_that_takes_no_connections_any_more_is_given_up(tmp_path: Path, length: int) -> None:
    data = tmp_path / ("d" * length)
    data.mkdir(exist_ok=True)
    queue = sockets.listening(data / "writer.sock")
    queue.listen(0)
    commands = Commands(data)
    with queue, sockets.connected(data / "writer.sock", 10):  # there is room for one
        with pytest.raises(NoAnswer, match="the writer is away"):
            commands.ask({"do": "who"}, 0.05)
        with WriterLock(data), pytest.raises(NoAnswer, match="does not answer commands"):
            ask(data, {"do": "ping"}, open_store=nobody, read_views=no_views, patience_s=0.05)
