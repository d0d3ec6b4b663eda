# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications under gunicorn and uvicorn that report to a real server: counts are right to the last request."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.integration.server_process import ServerProcess

APPS: Final = Path(__file__).parent / "web_apps"
PATIENCE_S: Final = 30.0
ASKERS: Final = 8
EACH: Final = 150
GUNICORN: Final = (
    "gunicorn",
    "--preload",
    "--workers",
    "4",
    "--log-level",
    "warning",
    "--bind",
    "127.0.0.1:{port}",
)
UVICORN: Final = ("uvicorn", "--log-level", "warning", "--port", "{port}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("middleware")) as running:
        yield running


@contextmanager
def deployed(port: int, dsn: str, command: tuple[str, ...], app: str) -> Iterator[None]:
    """The application, until it has ended in order by SIGTERM."""
    environ = {**os.environ, "TMON_DSN": dsn, "PYTHONPATH": os.pathsep.join([str(APPS), *sys.path])}
    arguments = [part.format(port=port) for part in command]
    process = subprocess.Popen([sys.executable, "-m", *arguments, app], cwd=APPS, env=environ)
    try:
        wait_for(port, process)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) in {0, -signal.SIGTERM}
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended at once"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it does not listen")


def ask(port: int, asker: int) -> Counter[str]:
    """What one client asked for and got."""
    got: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    for turn in range(EACH):
        path = f"/items/{(asker + turn) % 10}" if turn % 15 else "/nothing"
        connection.request("GET", path, headers={"User-Agent": "shopper/1"})
        response = connection.getresponse()
        response.read()
        got[f"{path} {response.status}"] += 1
        if response.will_close:
            connection.close()
    connection.close()
    return got


@pytest.mark.parametrize(
    ("command", "app"),
    [(GUNICORN, "shop_django"), (UVICORN, "shop_fastapi:app")],
    ids=["gunicorn", "uvicorn"],
)
def test_every_request_is_counted_once(
    server: ServerProcess, free_port: Callable[[], int], command: tuple[str, ...], app: str
) -> None:
    service = server.webservice(command[0])
    port = free_port()
    asked: Counter[str] = Counter()
    with deployed(port, server.dsn(service), command, app), ThreadPoolExecutor(ASKERS) as askers:
        for got in askers.map(lambda asker: ask(port, asker), range(ASKERS)):
            asked.update(got)

    paths = server.ask(service, "users/url?limit=100")["results"]
    assert {row["key"]: row["requests"] for row in paths} == {
        f"/items/{number}": asked[f"/items/{number} 200"] for number in range(10)
    } | {"/nothing": asked["/nothing 404"]}
    assert server.ask(service, "summary")["results"]["requests"] == ASKERS * EACH
    runs = server.ask(service, "sources")["results"]
    assert sum(run["stored"] for run in runs) == sum(run["sent"] for run in runs) == ASKERS * EACH
    assert all(run["missing"] == 0 for run in runs)
    events = server.ask(service, "events?limit=1000")["results"]
    routes = {event["route"] for event in events if event["status"] == 200}
    assert routes == {"/items/<int:number>" if command is GUNICORN else "/items/{number}"}
