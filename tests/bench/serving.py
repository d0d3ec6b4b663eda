# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve` on a data folder of its own: its accounts, starting and stopping it, its figures, questions to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

HOST: Final = "127.0.0.1"
ZONE: Final = "Europe/Vienna"
START_S: Final = 60.0
_SAMPLE: Final = re.compile(r"^([a-z_]+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)
_PROCESS: Final = re.compile(r'process="[^"]*",?')
_LE: Final = re.compile(r'le="([^"]+)"')


class WebService(NamedTuple):
    """A web service to send to and to ask about."""

    wsid: int
    secret: bytes
    token: str


class Memory(NamedTuple):
    """What of a process is in memory, in bytes: all of it, of which mapped from files."""

    rss: int
    mapped: int


def command(data: Path, *arguments: str, stdin: str = "") -> str:
    """Run a `tmon` command on the data folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tmon.cli", *arguments, "--data", str(data)],
        env=_environment(),
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def new_webservice(data: Path, *, retention_days: int | None = None) -> WebService:
    """Prepare a data folder with an owner, a web service and a token."""
    command(data, "user", "create", "harbour")
    made = json.loads(
        command(data, "webservice", "create", "Harbour", "--owner", "harbour", "--timezone", ZONE, "--json")
    )
    wsid = made["wsid"]
    if retention_days is not None:
        command(data, "webservice", "set", str(wsid), "--retention-days", str(retention_days))
    token = json.loads(command(data, "token", "create", "harbour", "--json"))["token"]
    return WebService(wsid, bytes.fromhex(made["secret"]), token)


class Server:
    """`tmon serve` as a process, ready to answer while the `with` block lasts."""

    def __init__(self, data: Path, processes: int = 1) -> None:
        self._data = data
        self._processes = processes
        self.port = 0

    def __enter__(self) -> Self:
        arguments = ["serve", "--host", HOST, "--port", "0", "--data", str(self._data)]
        arguments += ["--processes", str(self._processes)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tmon.cli", *arguments],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=(self._data / "serve.log").open("wb"),
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := re.search(r"serves http://[^:]+:(\d+)", line):
                self.port = int(match[1])
                break
        else:
            raise RuntimeError(f"tmon serve did not start: {(self._data / 'serve.log').read_text()[-2000:]}")
        self._wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
            return
        self._process.kill()
        self._process.wait()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if self.get("/readyz")[0] == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError("tmon serve is not ready after a minute")

    # -- figures --------------------------------------------------------------------------------------------------

    def get(self, path: str, token: str | None = None) -> tuple[int, bytes]:
        """Status and body of one GET, over a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("GET", path, headers=bearer(token) if token else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def metrics(self) -> Metrics:
        return Metrics(self.get("/metrics")[1].decode())

    def memory(self) -> Memory | None:
        """None where there is no /proc."""
        with contextlib.suppress(FileNotFoundError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            kib = dict(re.findall(r"^(VmRSS|RssFile):\s+(\d+) kB", status, re.MULTILINE))
            return Memory(int(kib["VmRSS"]) * 1024, int(kib["RssFile"]) * 1024)
        return None

    def cpu_s(self) -> float:
        """Seconds of processor time so far, of all processes; 0 where there is no /proc."""
        return sum(map(cpu_seconds, [self._process.pid, *self.children()]))

    def children(self) -> list[int]:
        """The processes that it has started; none where there is no /proc."""
        with contextlib.suppress(FileNotFoundError):
            pid = self._process.pid
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def wait_for_views(self, timeout_s: float = 300) -> float:
        """Wait until the views have caught up; returns after how many seconds."""
        begin = time.monotonic()
        while time.monotonic() < begin + timeout_s:
            if not self.metrics().value("tmon_views_behind_events"):
                return time.monotonic() - begin
            time.sleep(0.1)
        raise RuntimeError(f"the views did not catch up within {timeout_s} s")


class Metrics:
    """What /metrics said at one moment, added up over processes."""

    def __init__(self, text: str) -> None:
        self._samples: dict[tuple[str, str], float] = defaultdict(float)
        self._told = [(name, labels, float(value)) for name, labels, value in _SAMPLE.findall(text)]
        for name, labels, value in self._told:
            self._samples[name, _labels(labels)] += value

    def value(self, name: str, labels: str = "") -> float:
        """The value of a sample; 0 where there is none."""
        return self._samples.get((name, labels), 0.0)

    def by_process(self, name: str, labels: str = "") -> list[float]:
        """The value of a sample in each process that has it."""
        return [value for sample, told, value in self._told if sample == name and _labels(told) == labels]

    def since(self, before: Metrics, name: str, labels: str = "") -> float:
        """By how much a counter has grown."""
        return self.value(name, labels) - before.value(name, labels)

    def bucket_since(self, before: Metrics, name: str, share: float) -> float:
        """Of a histogram's new observations, the upper bound of the bucket that holds this share of them."""
        count = self.since(before, f"{name}_count")
        bounds = sorted(
            (float(match[1]), labels)
            for sample, labels in self._samples
            if sample == f"{name}_bucket" and (match := _LE.search(labels))
        )
        for bound, labels in bounds:
            if self.since(before, f"{name}_bucket", labels) >= share * count:
                return bound
        return float("inf")


def _labels(told: str) -> str:
    """Labels without the one that names the process."""
    return _PROCESS.sub("", told).rstrip(",")


class Asker:
    """A kept connection on which questions are asked with a token."""

    def __init__(self, server: Server, service: WebService) -> None:
        self._connection = http.client.HTTPConnection(HOST, server.port, timeout=120)
        self._service = service

    def ask(self, path: str) -> Any:
        """The answer to a question about the web service. Raises RuntimeError if its status is not 200."""
        self._connection.request(
            "GET", f"/{self._service.wsid}/data/{path}", headers=bearer(self._service.token)
        )
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}: {body[:300]!r}")
        return body

    def close(self) -> None:
        self._connection.close()


def cpu_seconds(process: int) -> float:
    """Processor time of a process so far; 0 where there is no /proc."""
    with contextlib.suppress(FileNotFoundError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _environment() -> dict[str, str]:
    """Ours, without settings of somebody's own server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TMON_", "DATABASE_URL", "DJANGO_"))
    }
    return {**kept, "TMON_STAGE": "testing"}
