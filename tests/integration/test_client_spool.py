# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's spool: what was sealed is delivered once, whatever became of the process that sealed it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tmon.client_api import Client, Trouble
from tmon.client_api import spool as spools
from tmon.client_api.parcel import Parcel
from tmon.client_api.spoolfile import SpoolFile

if TYPE_CHECKING:
    from .conftest import Scripted, ScriptedCollector

TRACKS_AND_WAITS = """
import sys, time, tmon
client = tmon.Client(spool=sys.argv[1], batch_age_s=0.01, source="web-1")
for number in range(int(sys.argv[2])):
    client.track(n=number, url="/a-private-address")
    if number % 10 == 9:
        time.sleep(0.02)
print("tracked", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def start(collector: ScriptedCollector) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python with that code; whatever still runs is killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
            env={**os.environ, "TMON_DSN": collector.dsn},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def kept(folder: Path) -> int:
    """How many batches lie in a folder whose owners are gone."""
    files = [SpoolFile.adopt(path) for path in folder.glob("*.spool")]
    count = sum(len(file) for file in files)
    for file in files:
        file.forsake()
    return count


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def leave_behind(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path, events: int = 30
) -> None:
    """A process tracks while the server is away, seals everything, and is killed."""
    collector.go_away()
    process = start(TRACKS_AND_WAITS, folder, events)
    assert line(process) == "tracked"
    until(lambda: sum(path.stat().st_size for path in folder.glob("*.spool")) > 0)
    settled = [-1]

    def nothing_more_is_sealed() -> bool:
        size = sum(path.stat().st_size for path in folder.glob("*.spool"))
        settled.append(size)
        time.sleep(0.05)
        return settled[-2:] == [size, size]

    until(nothing_more_is_sealed)
    process.send_signal(signal.SIGKILL)
    process.wait()
    collector.come_back()


def test_what_a_killed_process_had_sealed_is_delivered_by_the_next(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    leave_behind(start, collector, folder)
    assert kept(folder) >= 1
    with Client(collector.dsn, spool=folder, source="web-1", batch_age_s=0) as client:
        client.track(n=30)
        assert client.flush(30)
        collector.wait_for(lambda: len(collector.stored) == 31)
    assert sorted(event["n"] for event in collector.stored) == list(range(31))
    dead, alive = sorted({document["run"] for document in collector.documents}, key=_first_event(collector))
    assert max(one["sent"] for one in collector.documents if one["run"] == dead) == 30
    assert not any(one.get("close") for one in collector.documents if one["run"] == dead)
    assert any(one.get("close") for one in collector.documents if one["run"] == alive)
    assert list(folder.iterdir()) == []


def _first_event(collector: ScriptedCollector) -> Callable[[str], Any]:
    def first(run: str) -> Any:
        return min(e["n"] for one in collector.documents if one["run"] == run for e in one["events"])

    return first


def test_a_start_delivers_what_is_left_before_anything_is_tracked(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    leave_behind(start, collector, folder)
    with Client(collector.dsn, spool=folder):
        collector.wait_for(lambda: len(collector.stored) == 30)
    assert list(folder.iterdir()) == []


def test_a_program_that_only_starts_and_ends_delivers_what_is_left(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    leave_behind(start, collector, folder)
    Client(collector.dsn, spool=folder).close(30)
    assert len(collector.stored) == 30


def test_two_processes_never_deliver_the_same_file(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    leave_behind(start, collector, folder)
    code = "import sys, tmon; tmon.Client(spool=sys.argv[1]).close(30)"
    for process in [start(code, folder) for _ in range(4)]:
        assert process.wait(60) == 0
    assert len(collector.stored) == 30
    assert len(collector.posts) == len({post.body for post in collector.posts})


def test_a_file_holds_sealed_bytes_only_and_is_its_owners_alone(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    leave_behind(start, collector, folder)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    assert len(content) > 200
    for plain in (b"private-address", b"web-1", b"useragent", b'"n"', bytes.fromhex(collector.dsn[12:76])):
        assert plain not in content
    assert collector.dsn[12:76].encode() not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_restart_in_an_outage_loses_nothing_and_says_goodbye(
    collector: ScriptedCollector, folder: Path
) -> None:
    collector.go_away()
    client = Client(collector.dsn, spool=folder, batch_events=10)
    for number in range(95):
        client.track(n=number)
    assert not client.close(0.2)
    assert client.stats().lost == {}
    assert client.stats().waiting == 95
    collector.come_back()
    Client(collector.dsn, spool=folder).close(30)
    assert [event["n"] for event in collector.stored] == list(range(95))
    assert collector.documents[-1]["close"] is True
    assert (collector.documents[-1]["sent"], collector.documents[-1].get("lost")) == (95, None)
    assert list(folder.iterdir()) == []


def test_a_spool_that_is_full_leaves_the_rest_to_the_queue_which_drops_the_newest(
    collector: ScriptedCollector, folder: Path
) -> None:
    collector.go_away()
    client = Client(
        collector.dsn, spool=folder, spool_bytes=65_536, batch_events=10, queue_events=50, batch_age_s=0
    )
    for number in range(600):
        client.track(n=number, text=os.urandom(200).hex())
        if number % 10 == 9:
            time.sleep(0.001)
    assert client.stats().lost["queue_full"] > 100
    assert 50_000 < sum(path.stat().st_size for path in folder.iterdir()) <= 65_536
    collector.come_back()
    assert client.close(30)
    stats = client.stats()
    stored = [event["n"] for event in collector.stored]
    assert stored == sorted(stored)
    assert stats.tracked == 600 == stats.accepted + stats.lost["queue_full"]
    assert collector.documents[-1]["lost"] == stats.lost
    assert collector.documents[-1]["sent"] == 600


def test_what_waited_too_long_is_given_up_and_counted(collector: ScriptedCollector, folder: Path) -> None:
    collector.go_away()
    first = Client(collector.dsn, spool=folder, source="web-1")
    first.track(n=1)
    assert not first.close(0.1)
    collector.come_back()
    (path,) = folder.iterdir()
    file = SpoolFile.adopt(path)
    head = file.head()
    assert head is not None
    file.replace([head._replace(sealed_at=time.time() - 8 * 86_400)])
    file.forsake()
    told: list[Trouble] = []
    Client(collector.dsn, spool=folder, on_error=told.append).close(30)
    assert collector.stored == []
    report, goodbye = collector.documents
    assert (report["events"], report["sent"], report["lost"]) == ([], 1, {"expired": 1})
    assert goodbye["close"] is True
    assert report["run"] == goodbye["run"]
    assert [(one.reason, one.events) for one in told] == [("expired", 1)]
    assert list(folder.iterdir()) == []


def test_what_the_server_refuses_for_good_is_reported_for_the_run_that_it_was(
    collector: ScriptedCollector, scripted: type[Scripted], folder: Path
) -> None:
    collector.go_away()
    first = Client(collector.dsn, spool=folder, batch_events=2, source="web-1")
    for number in range(6):
        first.track(n=number)
    assert not first.close(0.1)
    collector.come_back()
    collector.script.extend([scripted(422), scripted(200, stores=True, reset=True)])
    with Client(collector.dsn, spool=folder, source="web-2"):
        collector.wait_for(lambda: len(collector.stored) == 4)
    assert sorted(event["n"] for event in collector.stored) == [2, 3, 4, 5]
    assert {one["source"] for one in collector.documents} == {"web-1"}
    assert {one["sent"] for one in collector.documents} >= {2, 6}
    assert [one["lost"] for one in collector.documents if "lost" in one] == [{"refused_422": 2}] * 2


def test_a_batch_in_the_spool_that_is_too_large_is_cut(collector: ScriptedCollector, folder: Path) -> None:
    collector.takes_bytes = 900
    with Client(collector.dsn, spool=folder, batch_events=100, batch_age_s=3600) as client:
        for number in range(100):
            client.track(n=number, text=os.urandom(8).hex())
    assert [event["n"] for event in collector.stored] == list(range(100))
    assert client.stats().lost == {}


def test_a_file_sealed_with_an_earlier_key_waits_and_holds_nothing_up(
    collector: ScriptedCollector, folder: Path
) -> None:
    earlier = Client(collector.dsn.replace("f0e1", "0000"), spool=folder)
    earlier.track(n=1)
    assert not earlier.close(0.5)
    told: list[Trouble] = []
    with Client(collector.dsn, spool=folder, on_error=told.append) as client:
        client.track(n=2)
        assert client.flush(30)
        client.track(n=3)
    assert [event["n"] for event in collector.stored] == [2, 3]
    assert "parked" in {one.reason for one in told}
    assert kept(folder) == 2


def test_a_folder_that_cannot_be_used_costs_the_safety_only(
    collector: ScriptedCollector, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("this is no folder")
    with Client(collector.dsn, spool=folder, batch_events=5, batch_age_s=0.01) as client:
        for number in range(50):
            client.track(n=number)
        assert client.flush(30)
    assert [event["n"] for event in collector.stored] == list(range(50))
    assert "the spool in" in caplog.text
    assert "batches wait in memory" in caplog.text


def test_a_disk_that_hangs_holds_up_nobody_who_tracks(
    collector: ScriptedCollector, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, over = threading.Event(), threading.Event()
    append = SpoolFile.append

    def hanging(file: SpoolFile, parcel: Parcel) -> None:
        hangs.set()
        assert over.wait(30)
        append(file, parcel)

    monkeypatch.setattr(SpoolFile, "append", hanging)
    with Client(collector.dsn, spool=folder, batch_age_s=0, queue_events=50) as client:
        client.track(n=0)
        assert hangs.wait(30)
        for number in range(1, 100):
            client.track(n=number)
        assert client.stats().lost["queue_full"] >= 49
        assert collector.posts == []
        over.set()
        assert client.flush(30)
    assert [event["n"] for event in collector.stored][:50] == list(range(50))


def test_files_for_another_web_service_are_left_alone(collector: ScriptedCollector, folder: Path) -> None:
    collector.go_away()
    other = Client(collector.dsn.replace("/7", "/8"), spool=folder)
    other.track(n=1)
    assert not other.close(0.1)
    collector.come_back()
    (folder / "tmon-notes.txt").write_text("mine")
    with Client(collector.dsn, spool=folder) as client:
        client.track(n=2)
    assert [event["n"] for event in collector.stored] == [2]
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_is_let_go_later_is_found_while_the_program_runs(
    collector: ScriptedCollector, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "LOOK_EACH_S", 0.05)
    with Client(collector.dsn, spool=folder, batch_age_s=0) as client:
        client.track(n=1)
        assert client.flush(30)
        late = Client(f"{collector.dsn}", spool=folder, batch_age_s=3600)
        late._sender._ending.deadline = 0.0  # type: ignore[union-attr]
        late.track(n=2)
        late.close(0)
        collector.wait_for(lambda: len(collector.stored) == 2)


def test_a_forked_child_has_a_file_of_its_own_and_leaves_the_parents_alone(
    start: Callable[..., subprocess.Popen[str]], collector: ScriptedCollector, folder: Path
) -> None:
    code = """
import os, signal, sys, time, tmon
folder = sys.argv[1]
def files():
    # Those that hold a batch, and not only their head of 20 bytes: what is not there yet goes with its process.
    found = os.scandir(folder) if os.path.isdir(folder) else ()
    return sum(entry.stat().st_size > 20 for entry in found if entry.name.endswith(".spool"))
client = tmon.Client(spool=folder, batch_age_s=0.01)
client.track(n=1)
while files() < 1:
    time.sleep(0.005)
child = os.fork()
if not child:
    client.track(n=2)
    while files() < 2:
        time.sleep(0.005)
    print(os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)
time.sleep(600)
"""
    collector.go_away()
    parent = start(code, folder)
    assert int(line(parent)) != parent.pid
    parent.kill()
    parent.wait()
    # The child lives and has its own file; the parent's lock has gone with the parent.
    collector.come_back()
    Client(collector.dsn, spool=folder).close(30)
    collector.wait_for(lambda: {event["n"] for event in collector.stored} == {1, 2})
