# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve --processes 2`: two collectors and a core, which are killed, started again, and told to stop."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.known_traffic import PLACES, Letter, Sender, Truth
from tests.integration.server_process import Connection, ServerProcess, WebService, until
from tests.unit.pipeline.mmdb import write_mmdb

NAMES = {"core", "collector-1", "collector-2"}
TMON = (sys.executable, "-W", "error", "-m", "tmon.cli")
EVENT = {"url": "/", "ip": None, "useragent": None}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("several")
    records = {
        network: {"country_code": country, "state1": region, "city": city, "latitude": 1.0, "longitude": 2.0}
        for network, (country, region, city) in PLACES.items()
    }
    write_mmdb(folder / "places.mmdb", records)
    with ServerProcess(
        folder / "data", "--processes", "2", TMON_GEOIP=str(folder / "places.mmdb"), TMON_LOG_LEVEL="error"
    ) as process:
        yield process


@pytest.fixture
def server(process: ServerProcess) -> ServerProcess:
    """The server with all of its processes, which the test before may have killed."""
    if not process.runs:
        process.start()
    until(lambda: ready(process), "it is ready")
    return process


@pytest.fixture
def shop(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    """A web service of the test's own."""
    return server.webservice(request.node.name)


def ready(server: ServerProcess) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        figures = labelled(server, "tmon_collector_connected")
        return server.children.keys() == NAMES and sorted(figures.values()) == [1.0, 1.0]
    return False


def labelled(server: ServerProcess, name: str, other: str = "") -> dict[str, float]:
    """A metric's samples by process."""
    text = server.connection.send("GET", "/metrics").body.decode()
    found = re.findall(rf'^{name}{{process="([a-z0-9-]+)"{other}}} (\S+)$', text, re.MULTILINE)
    return {process: float(value) for process, value in found}


class Patient:
    """A sender on a thread of its own that sends each envelope until it is acknowledged, as the client library does."""

    def __init__(self, server: ServerProcess, sender: Sender, until: threading.Event) -> None:
        self.tries: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._server, self._sender, self._until = server, sender, until
        self._thread = threading.Thread(target=self._guarded)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _guarded(self) -> None:
        try:
            while not self._until.is_set():
                self._send(self._sender.next())
        except BaseException as failure:  # noqa: BLE001 - shown by the test's own thread
            self.failure = failure

    def _send(self, letter: Letter) -> None:
        give_up = time.monotonic() + 60
        while True:
            assert time.monotonic() < give_up, "an envelope is never taken"
            connection = self._server.connect()
            with contextlib.closing(connection):
                try:
                    answer = connection.collect(self._sender.service.wsid, letter.sealed)
                except (OSError, http.client.HTTPException):
                    self.tries["no answer"] += 1
                    continue
            content = answer.json()
            self.tries[str(answer.status) + (" duplicate" if content.pop("duplicate", False) else "")] += 1
            if answer.status == 503:
                assert int(answer.headers["retry-after"]) >= 1
                time.sleep(0.05)  # less than asked for: the test means to meet the writer as it comes back
                continue
            assert (answer.status, content) == (200, letter.answer)
            letter.acknowledged = True
            return


def test_a_killed_collector_a_killed_core_and_both_lose_and_repeat_nothing(
    server: ServerProcess, shop: WebService
) -> None:
    now = int(time.time())
    senders = [
        Sender(shop, 1_000_000, "bare", (1,), now),
        Sender(shop, 2_000_000, "bare", (40, 1, 7), now),
        Sender(shop, 3_000_000, "booked", (60, 3, 0, 200), now),
        Sender(shop, 4_000_000, "stream", (25, 130), now),
        Sender(shop, 5_000_000, "booked", (2_500,), now),
    ]
    done = threading.Event()
    patients = [Patient(server, sender, done) for sender in senders]
    try:
        for victims in (["collector-1"], ["core"], ["collector-2", "core"], ["core"], sorted(NAMES)):
            reached = sum(len(sender.letters) for sender in senders) + 40
            until(lambda reached=reached: sum(len(one.letters) for one in senders) > reached, "it collects")
            children = server.children
            for name in victims:
                os.kill(children[name], signal.SIGKILL)
            until(lambda: ready(server), "what was killed is back")
    finally:
        done.set()
        for patient in patients:
            patient.join()

    truth = Truth()
    truth.add(letter for sender in senders for letter in sender.letters)
    truth.check(server, shop)
    tries = sum((patient.tries for patient in patients), Counter())
    assert tries["503"] > 0, "no kill of the core was noticed"
    assert tries["no answer"] > 0, "no kill of a collector was noticed"
    assert "Traceback" not in server.log


def test_told_to_stop_it_answers_what_is_under_way_and_ends_in_order(
    server: ServerProcess, shop: WebService
) -> None:
    senders = [Sender(shop, 1_000_000 * number, "bare", (200,), int(time.time())) for number in range(1, 5)]
    done = threading.Event()
    before = server.children
    patients = [Patient(server, sender, done) for sender in senders]
    until(lambda: all(len(sender.letters) > 3 for sender in senders), "it collects")
    server.stop()
    assert not [pid for pid in before.values() if Path(f"/proc/{pid}").exists()]
    assert not list(server.data.glob("*.sock"))
    server.start()
    done.set()
    for patient in patients:
        patient.join()
    tries = sum((patient.tries for patient in patients), Counter())
    assert tries["503"] == 0, "a collector was stopped after the core"
    truth = Truth()
    truth.add(letter for sender in senders for letter in sender.letters)
    truth.check(server, shop)


def test_the_processes_of_a_killed_serve_end_and_what_was_acknowledged_is_there(
    server: ServerProcess, shop: WebService
) -> None:
    document = [{**EVENT, "url": f"/{number}"} for number in range(300)]
    assert server.collect(shop, shop.seal(document)).json()["accepted"] == 300
    children = server.children
    server.kill()
    server.start()  # at once: the core waits until the one before it has ended
    until(lambda: not [pid for pid in children.values() if Path(f"/proc/{pid}/exe").exists()], "they end")
    assert server.ask(shop, "summary")["results"]["requests"] == 300


def test_both_collectors_take_requests_and_figures_tell_them_apart(
    server: ServerProcess, shop: WebService
) -> None:
    connections = [server.connect() for _ in range(24)]
    for connection in connections:
        assert connection.collect(shop.wsid, shop.seal(EVENT)).status == 200
    for connection in connections:
        connection.close()
    answers = labelled(server, "tmon_answers_total", ',status="200"')
    assert answers.keys() == {"collector-1", "collector-2"}
    assert labelled(server, "tmon_collectors") == {"core": 2.0}
    assert labelled(server, "process_resident_memory_bytes").keys() == NAMES
    text = server.connection.send("GET", "/metrics").body.decode()
    periodic = re.findall(
        r'^tmon_periodic_failing{job="expire",process="([^"]+)"} (\S+)$', text, re.MULTILINE
    )
    assert periodic == [("core", "0.0")]


def test_readiness_names_a_writer_that_is_away(server: ServerProcess) -> None:
    assert server.connection.send("GET", "/readyz").status == 200
    core = server.children["core"]
    os.kill(core, signal.SIGSTOP)
    try:
        answer = server.connection.send("GET", "/readyz")
        assert answer.status == 503
        assert [reason for reason in answer.json()["reasons"] if "the writer does not answer" in reason]
    finally:
        os.kill(core, signal.SIGCONT)
    until(lambda: server.connection.send("GET", "/readyz").status == 200, "it is ready again")


def statuses(connections: list[Connection], shop: WebService) -> set[int]:
    return {connection.collect(shop.wsid, shop.seal(EVENT)).status for connection in connections}


@pytest.fixture
def connections(server: ServerProcess) -> Iterator[list[Connection]]:
    """Connections to both collectors."""
    held = [server.connect() for _ in range(16)]
    yield held
    for one in held:
        one.close()


def test_a_rotated_and_a_revoked_key_take_effect_in_every_process(
    server: ServerProcess, shop: WebService, connections: list[Connection]
) -> None:
    assert statuses(connections, shop) == {200}
    made = json.loads(server.command("webservice", "rotate-key", str(shop.wsid), "--json"))
    new = WebService(shop.wsid, bytes.fromhex(made["secret"]), made["dsn"])
    assert statuses(connections, new) == {200}
    keys = json.loads(server.command("webservice", "keys", str(shop.wsid), "--json"))
    old = next(row["key"] for row in keys if row["state"] == "old")
    server.command("webservice", "revoke-key", str(shop.wsid), str(old))
    until(lambda: statuses(connections, shop) == {403}, "the old key is refused everywhere")
    assert statuses(connections, new) == {200}


def test_a_deleted_web_service_is_gone_in_every_process(
    server: ServerProcess, shop: WebService, connections: list[Connection]
) -> None:
    assert statuses(connections, shop) == {200}
    said = server.command("webservice", "delete", str(shop.wsid))
    assert "16" in said
    until(lambda: statuses(connections, shop) == {403}, "it is refused everywhere")
    asked = {
        connection.send("GET", f"/{shop.wsid}/data/summary", Authorization=f"Bearer {server.token}").status
        for connection in connections
    }
    assert asked == {404}


def test_a_new_member_and_one_that_has_left_are_known_in_every_process_at_once(
    server: ServerProcess, shop: WebService, connections: list[Connection]
) -> None:
    server.command("user", "create", "guest")
    token = json.loads(server.command("token", "create", "guest", "--json"))["token"]

    def seen() -> set[int]:
        return {
            one.send("GET", f"/{shop.wsid}/data/summary", Authorization=f"Bearer {token}").status
            for one in connections
        }

    assert seen() == {404}
    server.command("webservice", "member", "add", str(shop.wsid), "guest")
    assert seen() == {200}
    server.command("webservice", "member", "remove", str(shop.wsid), "guest")
    assert seen() == {404}


def test_who_sends_to_one_process_reads_his_own_events_from_another(
    server: ServerProcess, shop: WebService, connections: list[Connection]
) -> None:
    for number, connection in enumerate(connections, 1):
        assert connection.collect(shop.wsid, shop.seal(EVENT)).status == 200
        other = connections[-number]
        answer = other.send("GET", f"/{shop.wsid}/data/summary", Authorization=f"Bearer {server.token}")
        assert answer.json()["results"]["requests"] == number


def test_commands_reach_the_core(server: ServerProcess, shop: WebService) -> None:
    events = [{**EVENT, "username": name, "shelf": "low"} for name in ("ann", "ann", "ben")]
    assert server.collect(shop, shop.seal(events)).json()["accepted"] == 3
    assert "2" in server.command("webservice", "erase", str(shop.wsid), "ann")
    rows = server.ask(shop, "users/username")["results"]
    assert {row["key"]: row["requests"] for row in rows} == {"": 2, "ben": 1}
    folder = server.data / "views"
    folder.mkdir(exist_ok=True)
    (folder / "shelf.toml").write_text('title = "Shelves"\nfield = "shelf"\n')
    assert server.command("views", "sync") == "changed: shelf\n"

    def shelves() -> Any:
        answer = server.ask(shop, "users/shelf")
        return [(row["key"], row["requests"]) for row in answer["results"]]

    until(lambda: shelves() == [("low", 3)], "the new view is filled")
    (folder / "shelf.toml").unlink()
    assert server.command("views", "sync") == "changed: shelf\n"


def test_serve_uses_a_core_that_runs_already_and_leaves_it_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data, TMON_LOG_LEVEL="error")
    shop = server.webservice("shop")
    core = subprocess.Popen([*TMON, "core", "--data", str(data)], stdout=subprocess.PIPE, text=True)
    try:
        assert core.stdout is not None
        assert core.stdout.readline() == f"T-Mon's core owns {data}\n"
        with server:
            assert server.children.keys() == {"collector-1"}
            assert server.collect(shop, shop.seal(EVENT)).status == 200
        assert core.poll() is None
        with server:
            assert server.ask(shop, "summary")["results"]["requests"] == 1
            core.send_signal(signal.SIGTERM)
            assert core.wait(60) == 0
            assert server.collect(shop, shop.seal(EVENT)).status == 503
            assert server.ask(shop, "summary")["results"]["requests"] == 1
    finally:
        core.kill()
        core.wait()
        core.stdout.close()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_folder_that_a_server_owns_is_left_to_it(tmp_path: Path, processes: str) -> None:
    with ServerProcess(tmp_path / "data", TMON_LOG_LEVEL="error") as server:
        done = subprocess.run(
            [*TMON, "serve", "--processes", processes, "--port", "0", "--data", str(server.data)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert f"belongs to a running T-Mon (process {server.pid})" in done.stderr.splitlines()[-1]


def test_a_folder_that_several_processes_own_is_left_to_them(server: ServerProcess) -> None:
    done = subprocess.run(
        [*TMON, "serve", "--processes", "2", "--port", "0", "--data", str(server.data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    core = server.children["core"]
    assert f"belongs to a running T-Mon (process {core})" in done.stderr.splitlines()[-1]


def test_a_store_in_memory_has_one_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [*TMON, "serve", "--processes", "2", "--port", "0", "--data", str(tmp_path / "data")],
        env={**os.environ, "TMON_STORE": "memory:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "tmon: the event store memory: can't be read by another process than its owner"
    )
