# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator: sends HTTP requests that lie ready in a file, over connections that are kept, and times answers.

`python -m tests.bench.load PORT FILE` is a process of its own, so that the server does not wait for its lock, and does
as little as it can: one thread, one request under way per connection, nothing encoded or sealed on the way. With
`--rate` requests are due at fixed times and latency counts from when a request was due, so that a server that stalls is
not asked more rarely for it (coordinated omission). Prints one JSON object, a `Report`.
"""

from __future__ import annotations

import argparse
import itertools
import mmap
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

HOST = "127.0.0.1"
_LENGTH = struct.Struct("<I")


class Report(msgspec.Struct):
    """What a load did. Latencies are sorted, in seconds; `stall_s` is the longest time without any answer."""

    seconds: float
    sent: int
    statuses: dict[int, int]
    latencies: list[float]
    stall_s: float
    cpu_s: float
    exhausted: bool
    """Whether there were no more requests before the time was over."""

    @property
    def per_second(self) -> float:
        return self.statuses.get(200, 0) / self.seconds

    @property
    def refused(self) -> dict[int, int]:
        return {status: count for status, count in self.statuses.items() if status != 200}

    def latency_ms(self, share: float) -> float:
        return 1000 * self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def write_requests(file: Path, requests: Iterable[bytes]) -> int:
    """Put whole HTTP requests into a file; returns how many."""
    count = 0
    with file.open("wb") as out:
        for request in requests:
            out.write(_LENGTH.pack(len(request)))
            out.write(request)
            count += 1
    return count


def start(
    port: int,
    file: Path,
    *,
    connections: int,
    seconds: float,
    rate: float = 0,
    skip: int = 0,
    most: int = sys.maxsize,
) -> Generator:
    """Start the load generator."""
    arguments = [str(port), str(file), str(connections), str(seconds), str(rate), str(skip), str(most)]
    out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the generator; a pipe would be full before its end
    return Generator(
        subprocess.Popen([sys.executable, "-m", "tests.bench.load", *arguments], stdout=out), out
    )


class Generator:
    """A load that is under way."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes]) -> None:
        self._process = process
        self._out = out

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it at once, without a report."""
        with self._out:
            self._process.terminate()
            self._process.wait()

    def report(self) -> Report:
        """Wait for its end."""
        with self._out as out:
            if status := self._process.wait():
                raise RuntimeError(f"the load generator ended with status {status}")
            out.seek(0)
            return msgspec.json.decode(out.read(), type=Report)


class _Connection:
    """A connection with at most one request under way."""

    __slots__ = ("due", "got", "rest", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.rest: memoryview | None = None
        self.got = b""

    def send(self, request: memoryview) -> bool:
        """Send as much as goes now; False if something is left for `send_rest`."""
        try:
            sent = self.socket.send(request)
        except BlockingIOError:
            sent = 0
        self.rest = request[sent:] if sent < len(request) else None
        return self.rest is None

    def send_rest(self) -> bool:
        return self.rest is None or self.send(self.rest)

    def receive(self) -> int:
        """The status of the answer if it is complete, else 0."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.got = data = self.got + data if self.got else data
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return 0
        at = data.find(b"Content-Length: ")
        length = int(data[at + 16 : data.find(b"\r\n", at)]) if 0 <= at < head else 0
        if len(data) < head + 4 + length:
            return 0
        self.got = b""
        return int(data[9:12])


def _requests(content: mmap.mmap, skip: int) -> Iterator[memoryview]:
    whole = memoryview(content)
    at = number = 0
    while at < len(whole):
        (length,) = _LENGTH.unpack_from(whole, at)
        at += 4
        if number >= skip:
            yield whole[at : at + length]
        number += 1
        at += length


def run(port: int, file: Path, connections: int, seconds: float, rate: float, skip: int, most: int) -> Report:
    """Send until the time is over, `most` are sent or the file ends, and wait for the last answers."""
    with file.open("rb") as handle:
        content = mmap.mmap(handle.fileno(), 0, prot=mmap.PROT_READ)
    requests = itertools.islice(_requests(content, skip), most)
    selector = selectors.DefaultSelector()
    idle: deque[_Connection] = deque()
    for _ in range(connections):
        connection = _Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        idle.append(connection)
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    clock = time.perf_counter
    sent = 0
    stall = 0.0
    exhausted = False
    cpu = time.process_time()
    begin = last = clock()
    end = begin + seconds
    while True:
        now = clock()
        while idle and not exhausted and now < end:
            due = begin + sent / rate if rate else now
            if due > now:
                break
            request = next(requests, None)
            if request is None:
                exhausted = True
                break
            connection = idle.popleft()
            connection.due = due
            sent += 1
            if not connection.send(request):
                selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
        if len(idle) == connections and (exhausted or now >= end):
            break
        pause = max(0.0, begin + sent / rate - now) if rate and idle and not exhausted and now < end else 1.0
        for key, mask in selector.select(pause):
            connection = key.data
            if mask & selectors.EVENT_WRITE and connection.send_rest():
                selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if mask & selectors.EVENT_READ:
                status = connection.receive()
                if status:
                    done = clock()
                    stall = max(stall, done - last)
                    last = done
                    latencies.append(done - connection.due)
                    statuses[status] += 1
                    idle.append(connection)
    return Report(
        seconds=last - begin,
        sent=sent,
        statuses=dict(statuses),
        latencies=sorted(latencies),
        stall_s=stall,
        cpu_s=time.process_time() - cpu,
        exhausted=exhausted,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("rate", type=float, help="requests a second; 0: as many as are answered")
    parser.add_argument("skip", type=int, help="how many requests of the file to pass over")
    parser.add_argument("most", type=int, help="how many requests to send at most")
    arguments = parser.parse_args()
    report = run(**vars(arguments))
    sys.stdout.buffer.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
