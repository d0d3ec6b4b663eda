# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon agent logs` against a real server: each line counts once, whatever rotation does to its file."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest
from tests.system_packages import program

from .server_process import ServerProcess, WebService, until

TMON: Final = [sys.executable, "-m", "tmon.cli", "agent", "logs"]
POLL: Final = ("--poll", "0.05")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("agent-logs")) as running:
        yield running


@pytest.fixture
def service(server: ServerProcess, request: pytest.FixtureRequest) -> WebService:
    return server.webservice(request.node.name[-60:])


class Agent:
    """The agent in a process of its own; what it says goes to a file. Leaving it ends it in an orderly way."""

    def __init__(
        self, server: ServerProcess, service: WebService, said: Path, *arguments: str | Path
    ) -> None:
        self.said_path = said
        with said.open("ab") as file:
            self._process = subprocess.Popen(
                [*TMON, *map(str, arguments), *POLL],
                env={**os.environ, "TMON_DSN": server.dsn(service)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def said(self) -> str:
        return self.said_path.read_text()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert status == 0, self.said
        assert "Traceback" not in self.said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()


@pytest.fixture
def agent(server: ServerProcess, service: WebService, tmp_path: Path) -> Iterator[Any]:
    """Starts agents; none outlives the test."""
    started = []

    def start(*arguments: str | Path) -> Agent:
        started.append(Agent(server, service, tmp_path / "said", *arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def line(path: str) -> bytes:
    at = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
    return f'203.0.113.7 - - [{at}] "GET {path} HTTP/1.1" 200 5 "-" "curl/8.5.0"\n'.encode()


def append(log: Path, *paths: str) -> None:
    with log.open("ab", buffering=0) as file:
        file.write(b"".join(map(line, paths)))


def paths(server: ServerProcess, service: WebService) -> Counter[str]:
    return Counter(event["url"] for event in server.events(service))


def until_counted(server: ServerProcess, service: WebService, *expected: str) -> None:
    """Wait until these paths were counted, and see that nothing else was."""
    until(
        lambda: len(paths(server, service)) >= len(set(expected)), f"{len(set(expected))} paths are counted"
    )
    assert paths(server, service) == Counter(expected)


def lost(server: ServerProcess, service: WebService) -> int:
    runs = server.ask(service, "sources")["results"]
    return sum(run["lost"].get("truncated", 0) for run in runs)


class Writer(threading.Thread):
    """Writes numbered lines into a log as a web server does: it opens a new file when it is told to."""

    def __init__(self, log: Path) -> None:
        super().__init__(daemon=True)
        self.written: list[str] = []
        self._log = log
        self._reopen = threading.Event()
        self._ending = threading.Event()

    def run(self) -> None:
        number = count()
        file = self._log.open("ab", buffering=0)
        while not self._ending.is_set():
            if self._reopen.is_set():
                file.close()
                file = self._log.open("ab", buffering=0)
                self._reopen.clear()
            path = f"/{next(number)}"
            whole = line(path)
            if random.random() < 0.2:  # a line that is there in two pieces
                file.write(whole[:40])
                time.sleep(0.002)
                file.write(whole[40:])
            else:
                file.write(whole)
            self.written.append(path)
            time.sleep(0.002)
        file.close()

    def reopen(self) -> None:
        self._reopen.set()
        until(lambda: not self._reopen.is_set(), "the writer opened its log anew")

    def stop(self) -> None:
        self._ending.set()
        self.join()


def test_a_log_is_followed_as_it_grows(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    append(log, "/before")
    with agent(log) as running:
        until_counted(server, service, "/before")
        for number in range(20):
            append(log, f"/{number}")
        expected = ["/before", *(f"/{number}" for number in range(20))]
        until_counted(server, service, *expected)
        with log.open("ab", buffering=0) as file:
            whole = line("/in-two")
            file.write(line("/whole") + whole[:50])
            until_counted(server, service, *expected, "/whole")
            file.write(whole[50:])
        expected += ["/whole", "/in-two"]
        until_counted(server, service, *expected)
    assert "23 lines: 23 counted now" in running.said
    with agent(log):
        append(log, "/later")
        until_counted(server, service, *expected, "/later")
    (one, two) = sorted(server.ask(service, "sources")["results"], key=lambda run: run["stored"])
    assert (one["stored"], two["stored"], one["missing"], two["missing"]) == (1, 23, 0, 0)


def test_a_log_is_followed_through_renames_while_its_writer_still_has_the_old_one(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    append(log, "/1")
    with agent(log):
        until_counted(server, service, "/1")
        with log.open("ab", buffering=0) as old:
            log.rename(tmp_path / "access.log.1")
            append(log, "/3")
            until_counted(server, service, "/1", "/3")
            old.write(line("/2"))
            until_counted(server, service, "/1", "/2", "/3")
            (tmp_path / "access.log.1").unlink()
            old.write(line("/2b"))
            until_counted(server, service, "/1", "/2", "/2b", "/3")


def test_what_was_rotated_while_no_agent_was_there_is_made_up_for(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    append(tmp_path / "access.log.9", "/from-before-the-first-agent")
    append(log, "/1")
    with agent(log):
        until_counted(server, service, "/1")
    append(log, "/2")
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    os.utime(tmp_path / "access.log.9", (1, 1))
    append(tmp_path / "access.log.1", "/3")
    append(log, "/4")
    with agent(log):
        until_counted(server, service, "/1", "/2", "/3", "/4")


def test_a_log_that_is_cut_is_read_anew_and_its_copy_to_the_end(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    append(log, "/1", "/2", "/3")
    with agent(log):
        until_counted(server, service, "/1", "/2", "/3")
        shutil.copy(log, tmp_path / "access.log.1")
        append(
            tmp_path / "access.log.1", "/4"
        )  # as if it had come between the agent's last look and the copy
        os.truncate(log, 0)
        append(log, "/5", "/6", "/7", "/8", "/9")  # and it is longer at once than what was read
        until_counted(server, service, *(f"/{number}" for number in range(1, 10)))
        until(lambda: lost(server, service) == 1, "the ledger shows that more may have been in it")


def test_symlinks_patterns_and_archives(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    append(tmp_path / "2026-11-25.log", "/1")
    (tmp_path / "current").symlink_to("2026-11-25.log")
    (tmp_path / "sites").mkdir()
    with agent(tmp_path / "current", tmp_path / "sites" / "*"):
        until_counted(server, service, "/1")
        append(tmp_path / "2026-11-26.log", "/2")
        (tmp_path / "next").symlink_to("2026-11-26.log")
        (tmp_path / "next").rename(tmp_path / "current")
        append(tmp_path / "2026-11-25.log", "/1-late")
        append(tmp_path / "sites" / "a.log", "/a")
        archive = tmp_path / "sites" / "old.log.gz"
        archive.write_bytes(gzip.compress(line("/archived")))
        os.utime(archive, (1, 1))
        until_counted(server, service, "/1", "/1-late", "/2", "/a", "/archived")


def test_the_server_may_be_away_and_the_agent_killed(
    service: WebService, server: ServerProcess, agent: Any, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    append(log, "/1")
    with agent(log) as running:
        until_counted(server, service, "/1")
        server.kill()
        append(log, "/2")
        until(lambda: "nothing can be sent" in running.said, "it says that the server is away")
        log.rename(tmp_path / "access.log.1")
        append(log, "/3")
        server.start()
        until_counted(server, service, "/1", "/2", "/3")
        until(lambda: "the server is there again" in running.said, "it says so")


class JournalFiles:
    """A journal as systemd writes it, with entries of our making."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self._remote = program("systemd-journal-remote", "systemd-journal-remote", "/lib/systemd")
        program("journalctl", "systemd")
        self._numbers = count()

    def write(self, *messages: bytes, unit: str = "web.service") -> None:
        """Add entries; each is a second younger than the one before."""
        exported = b""
        for message in messages:
            at = next(self._numbers)
            fields = {
                "__REALTIME_TIMESTAMP": 1_795_000_000_000_000 + at * 1_000_000,
                "__MONOTONIC_TIMESTAMP": 1_000_000 + at * 1_000_000,
                "_BOOT_ID": "0123456789abcdef0123456789abcdef",
                "_SYSTEMD_UNIT": unit,
            }
            exported += b"".join(f"{name}={value}\n".encode() for name, value in fields.items())
            exported += b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n\n"
        command = [self._remote, "--output", str(self.directory / "web.journal"), "-"]
        subprocess.run(command, input=exported, check=True, capture_output=True)


def test_the_journal_is_followed_by_unit(
    server: ServerProcess, service: WebService, agent: Any, tmp_path: Path
) -> None:
    journal = JournalFiles(tmp_path / "journal")
    following = ("--journal", "web", "--journal-directory", journal.directory)
    journal.write(line("/1").strip())
    journal.write(line("/of-another").strip(), unit="other.service")
    with agent(*following):
        until_counted(server, service, "/1")
        journal.write(line("/2").strip(), b"Listening on port 80", b"\xff\x00", line("/\xe9").strip())
        until_counted(server, service, "/1", "/2", "/\xe9")
    journal.write(line("/3").strip())
    running = agent(*following)
    until_counted(server, service, "/1", "/2", "/\xe9", "/3")
    running.kill()
    with agent(*following, "--format", "combined"):
        journal.write(line("/4").strip())
        until_counted(server, service, "/1", "/2", "/\xe9", "/3", "/4")


def test_wrong_usage_is_told(server: ServerProcess, service: WebService, tmp_path: Path) -> None:
    def told(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [*TMON, *arguments],
            env={**os.environ, "TMON_DSN": server.dsn(service)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr

    assert told() == (2, "tmon: name a FILE to follow, or a unit by --journal\n")
    status, said = told("x.log", "--poll", "0")
    assert (status, "a number of seconds from 0.05 to 60" in said) == (2, True)
    status, said = told("--journal", "--help-me")
    assert status == 2
    (tmp_path / "taken").write_text("a file of somebody's")
    assert told("x.log", "--samples", str(tmp_path / "taken")) == (
        1,
        f"tmon: {tmp_path / 'taken'} holds something else than samples\n",
    )


def test_torture(server: ServerProcess, service: WebService, agent: Any, tmp_path: Path) -> None:
    """Twenty rotations of three kinds under a writer that never pauses, while the agent is killed at any moment."""
    log = tmp_path / "access.log"
    log.touch()
    writer = Writer(log)
    writer.start()
    destroyed: set[str] = set()
    running = agent(log)
    until(
        lambda: bool(paths(server, service)), "the agent has begun"
    )  # older logs than its first are not its own
    for turn in range(20):
        time.sleep(random.uniform(0.05, 0.6))
        for number in range(turn, 0, -1):
            for suffix in ("", ".gz"):
                older = tmp_path / f"access.log.{number}{suffix}"
                if older.exists():
                    older.rename(tmp_path / f"access.log.{number + 1}{suffix}")
        first = tmp_path / "access.log.1"
        if turn % 3 == 2:
            begun = len(writer.written)
            shutil.copyfile(log, first)
            os.truncate(log, 0)
            destroyed |= {f"/{number}" for number in range(max(begun - 1, 0), len(writer.written) + 2)}
        else:
            log.rename(first)
            if turn % 2:
                time.sleep(random.uniform(0, 0.05))
            writer.reopen()
        second = tmp_path / "access.log.2"
        if second.exists():
            with second.open("rb") as plain, gzip.open(f"{second}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            second.unlink()
        if random.random() < 0.6:
            running.kill()
            time.sleep(random.uniform(0, 0.5))
            running = agent(log)
    writer.stop()
    expected = set(writer.written)
    until(lambda: set(paths(server, service)) >= expected - destroyed, "what was written is counted")
    running.stop()
    counted = paths(server, service)
    assert set(counted.values()) == {1}
    assert expected - destroyed <= set(counted) <= expected
    print(len(expected), "written", len(expected - set(counted)), "destroyed", len(destroyed), "at risk")
