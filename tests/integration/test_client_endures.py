# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the server, the network, the process and its clock do: the program goes on, and the ledger adds up.

sent = stored + repeated + rejected + missing, and missing = what the client reported lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.client_api import Client

from . import misbehaving as acts
from .misbehaving import Act, Misbehaving
from .server_process import ServerProcess, WebService, until

DAY_S = 86_400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def front(server: ServerProcess) -> Iterator[Misbehaving]:
    with Misbehaving(server.port) as front:
        yield front


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> WebService:
    return server.webservice("shop")


@pytest.fixture
def dsn(server: ServerProcess, shop: WebService, front: Misbehaving) -> str:
    return front.dsn(server.dsn(shop))


class Ledger:
    """What the server has of one source."""

    def __init__(self, server: ServerProcess, shop: WebService, source: str) -> None:
        self.source = source
        self._server = server
        self._shop = shop

    def runs(self) -> list[dict[str, Any]]:
        """The book of each run; every one of them adds up."""
        found = self._server.ask(self._shop, "sources")["results"]
        runs = [run for run in found if run["source"] == self.source]
        for run in runs:
            assert run["sent"] == run["stored"] + run["repeated"] + run["rejected"] + run["missing"], run
            assert run["missing"] == sum(run["lost"].values()), run
        return runs

    def run(self) -> dict[str, Any]:
        """The book of the only run."""
        (run,) = self.runs()
        return run

    def numbers(self) -> list[int]:
        """The `n` of every event that is stored."""
        events = self._server.events(self._shop)
        return sorted(event["n"] for event in events if event["source"] == self.source)


@pytest.fixture
def ledger(server: ServerProcess, shop: WebService, request: pytest.FixtureRequest) -> Ledger:
    return Ledger(server, shop, request.node.name[-60:])


def track(client: Client, *some: int) -> None:
    for number in some:
        client.request(f"/{number}", ip=None, useragent=None, n=number)


def python(code: str, dsn: str, *arguments: object, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "TMON_DSN": dsn, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended_quietly(process: subprocess.Popen[str]) -> str:
    """What a process printed that ended well, whatever it logged."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def ended(process: subprocess.Popen[str]) -> str:
    """What a process printed that ended well and complained of nothing."""
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), (out, err)
    return out


# --- what the server and the network do


@pytest.mark.parametrize(
    "act",
    [
        acts.slow,
        acts.reset,
        acts.garbage,
        acts.endless_garbage,
        acts.login_page,
        acts.cut_body,
        acts.cut_head,
        acts.answers(408),
        acts.answers(429, "0"),
        acts.answers(500),
        acts.answers(503, "nonsense"),
    ],
    ids=lambda act: act.__name__,
)
def test_the_books_balance_when_the_server_misbehaves(
    ledger: Ledger, front: Misbehaving, dsn: str, act: Act
) -> None:
    front.script.append(act)
    with Client(dsn, source=ledger.source, batch_age_s=0.01) as client:
        track(client, 1, 2, 3)
        client.track(n=4)  # no url: the server rejects it
        client.track(n=5, bad=float("nan"))
        assert client.flush(30)
        track(client, 6)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["rejected"], run["lost"]) == (6, 4, 1, {"not_encodable": 1})
    assert run["closed"]
    assert ledger.numbers() == [1, 2, 3, 6]
    stats = client.stats()
    assert (stats.tracked, stats.accepted, stats.rejected, stats.lost) == (6, 4, 1, {"not_encodable": 1})


@pytest.mark.parametrize(
    "act", [acts.answers(404), acts.answers(301), acts.answers(400)], ids=["404", "301", "400"]
)
def test_what_is_refused_for_good_is_missing_and_reported(
    ledger: Ledger, front: Misbehaving, dsn: str, act: Act
) -> None:
    front.script.append(act)
    with Client(dsn, source=ledger.source, batch_age_s=3600) as client:
        track(client, 1, 2)
        assert client.flush(30)
        track(client, 3)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["missing"]) == (3, 1, 2)
    assert list(run["lost"]) == [f"refused_{act.__name__[8:]}"]


def test_a_server_that_is_down_costs_what_the_queue_cannot_hold(
    ledger: Ledger, front: Misbehaving, dsn: str
) -> None:
    front.refuse()
    client = Client(dsn, source=ledger.source, batch_events=10, queue_events=30, batch_age_s=0)
    track(client, *range(100))
    lost = client.stats().lost["queue_full"]
    assert 60 <= lost <= 70
    front.listen()
    assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["missing"]) == (100, 100 - lost, lost)
    assert run["lost"] == {"queue_full": lost}
    assert ledger.numbers()[:30] == list(range(30))


def test_a_server_that_comes_and_goes_gets_everything_once(
    ledger: Ledger, front: Misbehaving, dsn: str
) -> None:
    over = threading.Event()

    def flap() -> None:
        while not over.wait(0.05):
            front.refuse()
            over.wait(0.05)
            front.listen()

    flapping = threading.Thread(target=flap)
    flapping.start()
    front.script.extend([acts.cut_body, acts.pass_on, acts.cut_head, acts.pass_on] * 3)
    client = Client(dsn, source=ledger.source, batch_events=20, batch_age_s=0.01)
    for number in range(200):
        track(client, number)
        time.sleep(0.002)
    over.set()
    flapping.join()
    assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["missing"]) == (200, 200, 0)
    assert ledger.numbers() == list(range(200))


def test_a_server_that_never_answers_holds_up_neither_threads_nor_coroutines(
    ledger: Ledger, front: Misbehaving, dsn: str
) -> None:
    front.always = acts.hang
    client = Client(dsn, source=ledger.source, batch_events=10, batch_age_s=0, timeout_s=1)

    async def program() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        for number in range(500):
            track(client, number)
            await asyncio.sleep(0)
        beside.cancel()
        return turns

    assert asyncio.run(program()) >= 500
    until(lambda: front.asked > 0, "the client tries")
    assert front.passed == 0
    front.always = None
    assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["missing"]) == (500, 500, 0)


def test_a_program_whose_server_never_answers_ends_in_time_and_well(front: Misbehaving, dsn: str) -> None:
    front.always = acts.hang
    process = python("import tmon; tmon.init(batch_age_s=0); tmon.track(n=1)", dsn)
    begun = time.monotonic()
    assert process.wait(60) == 0
    assert time.monotonic() - begun < 20
    assert "Traceback" not in process.communicate()[1]


def test_a_key_that_was_revoked_by_mistake_costs_nothing(
    ledger: Ledger, front: Misbehaving, dsn: str
) -> None:
    front.script.extend([acts.answers(403)])
    client = Client(dsn, source=ledger.source, batch_age_s=0)
    track(client, 1)
    until(lambda: front.asked == 1, "the client tries")
    track(client, 2, 3)
    assert not client.flush(0.1)
    assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["missing"]) == (3, 3, 0)


# --- what becomes of the process

KILLED = """
import sys, time, tmon
client = tmon.Client(spool=sys.argv[2], source=sys.argv[1], batch_age_s=0.005, batch_events=7)
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    client.request("/", ip=None, useragent=None, n=number)
    if number % 20 == 19:
        time.sleep(0.01)
    if number % 100 == 99:
        print(number, flush=True)
if sys.argv[5] == "end":
    assert client.close(30)
else:
    time.sleep(600)
"""


def test_processes_that_are_killed_while_they_send_lose_nothing_that_was_sealed(
    ledger: Ledger, front: Misbehaving, dsn: str, tmp_path: Path
) -> None:
    front.script.extend([acts.pass_on, acts.cut_body, acts.pass_on, acts.reset] * 2)
    folder = tmp_path / "spool"
    for life in range(3):
        process = python(KILLED, dsn, ledger.source, folder, life * 500, life * 500 + 500, "wait")
        assert process.stdout is not None
        for _ in range(2 + life):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    ended_quietly(python(KILLED, dsn, ledger.source, folder, 1500, 1600, "end"))
    Client(dsn, source=ledger.source, spool=folder).close(30)
    runs = ledger.runs()
    assert len(runs) == 4
    assert [run["missing"] for run in runs] == [0, 0, 0, 0]
    assert sorted(run["closed"] for run in runs) == [False, False, False, True]
    stored = ledger.numbers()
    assert len(stored) == len(set(stored)) == sum(run["sent"] for run in runs)
    # What was tracked well before the kill had been sealed, and is there.
    for life in range(3):
        assert set(range(life * 500, life * 500 + 100)) <= set(stored)
    assert set(range(1500, 1600)) <= set(stored)
    assert list(folder.iterdir()) == []


FORKED = {
    "fork": """
import os
child = os.fork()
if not child:
    track(1)
    raise SystemExit
assert os.waitpid(child, 0)[1] == 0
""",
    "fork_in_a_thread": """
import os, threading
def forks():
    child = os.fork()
    if not child:
        track(1)
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
thread = threading.Thread(target=forks)
thread.start()
thread.join()
""",
    "fork_while_the_sender_holds_its_lock": """
import os
with client._sender._changed, client._sender._herald._lock:
    child = os.fork()
if not child:
    track(1)
    raise SystemExit
assert os.waitpid(child, 0)[1] == 0
""",
    "fork_without_hooks": """
import ctypes, os
child = ctypes.PyDLL(None).fork()
if not child:
    track(1)
    os._exit(0 if client.close(10) else 1)
assert os.waitpid(child, 0)[1] == 0
""",
    "grandchild": """
import os
child = os.fork()
if not child:
    grandchild = os.fork()
    if not grandchild:
        track(1)
        raise SystemExit
    raise SystemExit(os.waitpid(grandchild, 0)[1])
assert os.waitpid(child, 0)[1] == 0
""",
    "multiprocessing_fork": """
import multiprocessing
process = multiprocessing.get_context("fork").Process(target=track, args=(1,))
process.start()
process.join()
assert process.exitcode == 0
""",
    "multiprocessing_spawn": """
import multiprocessing
process = multiprocessing.get_context("spawn").Process(target=track, args=(1,))
process.start()
process.join()
assert process.exitcode == 0
""",
    "multiprocessing_forkserver": """
import multiprocessing
process = multiprocessing.get_context("forkserver").Process(target=track, args=(1,))
process.start()
process.join()
assert process.exitcode == 0
""",
    "pool": """
import multiprocessing
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.map(track, [1])
    pool.close()
    pool.join()
""",
    "executor": """
import concurrent.futures
with concurrent.futures.ProcessPoolExecutor(1) as executor:
    executor.submit(track, 1).result()
""",
}


@pytest.mark.parametrize("way", FORKED)
def test_forked_processes_report_their_own_events_under_runs_of_their_own(
    ledger: Ledger, dsn: str, tmp_path: Path, way: str
) -> None:
    program = tmp_path / "program.py"
    indented = FORKED[way].replace("\n", "\n    ")
    program.write_text(f"""
import tmon
client = tmon.init(batch_age_s=3600, source={ledger.source!r})
def track(number):
    client.request("/", ip=None, useragent=None, n=number)
if __name__ == "__main__":
    track(0)
    {indented}
    track(2)
""")
    process = subprocess.Popen(
        [sys.executable, "-W", "error", program],
        env={**os.environ, "TMON_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ended(process)
    runs = ledger.runs()
    assert sorted(run["sent"] for run in runs) == [1, 2]
    assert all(run["closed"] and run["missing"] == 0 for run in runs)
    assert ledger.numbers() == [0, 1, 2]


def test_forks_in_the_middle_of_everything_never_get_stuck(ledger: Ledger, dsn: str, tmp_path: Path) -> None:
    code = """
import os, sys, threading, time, tmon
client = tmon.init(batch_events=20, batch_age_s=0.001, source=sys.argv[1], spool=sys.argv[2])
over = False
def tracks():
    number = 1000
    while not over:
        client.request("/", ip=None, useragent=None, n=number)
        number += 1
        time.sleep(0.0005)
thread = threading.Thread(target=tracks, daemon=True)
thread.start()
children = []
for number in range(20):
    child = os.fork()
    if not child:
        client.request("/", ip=None, useragent=None, n=number)
        os._exit(0 if client.close(20) else 1)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
over = True
thread.join()
assert client.close(20)
"""
    ended_quietly(python(code, dsn, ledger.source, tmp_path / "spool"))
    runs = ledger.runs()
    assert len(runs) == 21
    assert all(run["closed"] for run in runs)
    assert [number for number in ledger.numbers() if number < 1000] == list(range(20))
    assert list((tmp_path / "spool").iterdir()) == []


really_start = threading.Thread.start


def refuses_ours(thread: threading.Thread) -> None:
    """What `start` does when the interpreter shuts down, or the process may have no more threads."""
    if thread.name.startswith("tmon-"):
        raise RuntimeError("can't start new thread")
    really_start(thread)


@pytest.mark.parametrize("spooled", [False, True])
def test_an_interpreter_that_starts_no_more_threads_still_delivers(
    ledger: Ledger,
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spooled: bool,
) -> None:
    client = Client(dsn, source=ledger.source, spool=tmp_path / "spool" if spooled else None)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuses_ours)
        track(client, 1, 2)
        assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["closed"]) == (2, 2, True)


def test_a_thread_that_could_not_start_is_started_later(
    ledger: Ledger, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tmon.client_api.workers.START_AGAIN_AFTER_S", 0.0)
    with Client(dsn, source=ledger.source, batch_age_s=0) as client:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuses_ours)
            track(client, 1, 2)
        track(client, 3)
        assert client.flush(30)
    assert ledger.numbers() == [1, 2, 3]


def test_events_that_come_when_the_program_ends_raise_nothing(ledger: Ledger, dsn: str) -> None:
    code = """
import atexit, sys, tmon
class Late:
    def __del__(self):
        tmon.track(url="/", ip=None, useragent=None, n=9)
late = Late()
atexit.register(lambda: tmon.track(url="/", ip=None, useragent=None, n=8))
client = tmon.init(source=sys.argv[1])
atexit.register(lambda: tmon.track(url="/", ip=None, useragent=None, n=2))
tmon.track(url="/", ip=None, useragent=None, n=1)
"""
    process = python(code, dsn, ledger.source)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert ledger.numbers() == [1, 2]
    run = ledger.run()
    assert run["closed"]


# --- what becomes of the clock


@pytest.mark.parametrize(
    ("shift_s", "stored", "rejected"),
    [(-7200, 6, 0), (-2 * DAY_S, 6, 0), (-40 * DAY_S, 3, 3), (2 * DAY_S, 3, 3)],
    ids=["two_hours_back", "two_days_back", "forty_days_back", "two_days_ahead"],
)
def test_a_clock_that_is_set_breaks_no_books(
    ledger: Ledger,
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shift_s: float,
    stored: int,
    rejected: int,
) -> None:
    right = time.time
    client = Client(dsn, source=ledger.source, batch_age_s=0.05, spool=tmp_path / "spool")
    track(client, 1, 2, 3)
    assert client.flush(30)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: right() + shift_s)
        track(client, 4, 5, 6)
        assert client.flush(30)
    assert client.close(30)
    run = ledger.run()
    assert (run["sent"], run["stored"], run["rejected"], run["missing"]) == (6, stored, rejected, 0)
    assert (client.stats().accepted, client.stats().rejected) == (stored, rejected)


def test_a_clock_that_is_set_back_holds_up_no_batch_and_gives_up_none(
    ledger: Ledger, front: Misbehaving, dsn: str, tmp_path: Path
) -> None:
    code = """
import json, sys, time, tmon
right = time.time
client = tmon.Client(batch_age_s=0.3, source=sys.argv[1], spool=sys.argv[2])
client.request("/", ip=None, useragent=None, n=1)
time.time = lambda: right() - 3600
client.request("/", ip=None, useragent=None, n=2)
while client.stats().waiting:
    time.sleep(0.01)
print(json.dumps(client.stats().lost))
"""
    front.script.append(acts.answers(503))
    assert json.loads(ended_quietly(python(code, dsn, ledger.source, tmp_path))) == {}
    assert ledger.numbers() == [1, 2]
