# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator: one thread, one request under way per connection.

With a rate it is an open loop. Request n is due n/rate seconds after the start whatever the server does, and its
latency counts from then. A server that stalls is not asked more rarely for it: what could not be sent meanwhile waits
for a free connection, is sent late, and its waiting is the server's latency (a generator that only times what it got
around to sending shows one long request per connection instead, which is called coordinated omission). What is due is
also sent after the time is over, and what is never answered counts with the time that it was waited for.

Without a rate it is a closed loop: each connection sends its next request when it has the answer to the one before.
"""

from __future__ import annotations

import itertools
import mmap
import selectors
import socket
import time
from collections import Counter, deque
from pathlib import Path
from typing import Final

from .connection import CONNECT_WITHIN_S, Broken, Connection
from .ready import read_requests
from .report import Report, nearest_rank

HOST: Final = "127.0.0.1"
GRACE_S: Final = 30.0
RECONNECT_AFTER_S: Final = 0.1
LONGEST_LOOK_S: Final = 1.0

_clock = time.perf_counter


def run(
    file: Path,
    host: str,
    port: int,
    connections: int,
    seconds: float,
    rate: float,
    skip: int,
    most: int,
    grace_s: float,
) -> Report:
    """Send the requests in `file` but the first `skip`, `most` at most, over so many connections.

    For `seconds`, `rate` a second or, with 0, as many as are answered. After that answers are waited for, `grace_s`
    seconds at most. Raises OSError where no connection can be made at the start.
    """
    with file.open("rb") as handle:
        content = mmap.mmap(handle.fileno(), 0, prot=mmap.PROT_READ)
    load = _Load(host, port, connections, rate)
    try:
        return load.run(memoryview(content), seconds, skip, most, grace_s)
    finally:
        load.close()


class _Load:
    def __init__(self, host: str, port: int, connections: int, rate: float) -> None:
        # epoll waits in whole milliseconds, rounded up, which would make each request late by half of one.
        self._selector = selectors.SelectSelector() if rate else selectors.DefaultSelector()
        self._rate = rate
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._broken: deque[tuple[float, Connection]] = deque()
        with socket.create_connection((host, port), CONNECT_WITHIN_S) as found:
            family, address = found.family, found.getpeername()
        self._connections = [Connection(family, address) for _ in range(connections)]
        self._statuses: Counter[int] = Counter()
        self._errors: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._late: list[float] = []

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._selector.close()

    def run(self, content: memoryview, seconds: float, skip: int, most: int, grace_s: float) -> Report:
        for connection in self._connections:
            connection.connect()
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._idle.append(connection)
        requests = itertools.islice(read_requests(content, skip), most)
        planned = round(self._rate * seconds) if self._rate else None
        sent = 0
        stall = 0.0
        exhausted = False
        cpu = time.process_time()
        begin = last = _clock()
        end = begin + seconds
        while True:
            now = _clock()
            more = not exhausted and (now < end if planned is None else sent < planned)
            while self._idle and more:
                due = begin + sent / self._rate if self._rate else now
                if due > now:
                    break
                request = next(requests, None)
                if request is None:
                    exhausted = True
                    break
                connection = self._idle.popleft()
                if self._rate:
                    self._late.append(now - max(due, connection.idle_since))
                sent += 1
                self._send(connection, request, due)
                now = _clock()
                more = now < end if planned is None else sent < planned
            if (not more or exhausted) and not self._busy:
                break
            if now > end + grace_s:
                break
            pause = LONGEST_LOOK_S
            if self._rate and self._idle and more and not exhausted:
                pause = max(0.0, begin + sent / self._rate - now)
            elif self._broken:
                pause = RECONNECT_AFTER_S
            for key, mask in self._selector.select(min(pause, LONGEST_LOOK_S)):
                status, done = self._go_on(key.data, mask)
                if status:
                    stall = max(stall, done - last)
                    last = done
            self._reconnect()
        ended = _clock()
        stall = max(stall, ended - last) if self._busy else stall
        unanswered = [connection.due for connection in self._busy]
        if planned is not None and not exhausted:
            unanswered += [begin + number / self._rate for number in range(sent, planned)]
        self._latencies += [ended - due for due in unanswered]
        self._latencies.sort()
        self._late.sort()
        return Report(
            seconds=(ended if unanswered else last) - begin,
            sent=sent,
            statuses=dict(self._statuses),
            errors=dict(self._errors),
            unanswered=len(unanswered),
            latencies=self._latencies,
            stall_s=stall,
            late_p99_s=self._late[nearest_rank(0.99, len(self._late))] if self._late else 0.0,
            late_max_s=self._late[-1] if self._late else 0.0,
            cpu_s=time.process_time() - cpu,
            exhausted=exhausted,
        )

    def _send(self, connection: Connection, request: memoryview, due: float) -> None:
        self._busy.add(connection)
        connection.due = due
        try:
            if not connection.send(request):
                self._selector.modify(
                    connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection
                )
        except Broken as error:
            self._lose(connection, str(error))

    def _go_on(self, connection: Connection, mask: int) -> tuple[int, float]:
        """Send or receive what can be; the status of an answer that is complete now and when that was, else 0."""
        try:
            if mask & selectors.EVENT_WRITE and connection.send_rest():
                self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
            status = connection.receive() if mask & selectors.EVENT_READ else 0
        except Broken as error:
            self._lose(connection, str(error))
            return 0, 0.0
        if not status:
            return 0, 0.0
        done = connection.idle_since = _clock()
        self._latencies.append(done - connection.due)
        self._statuses[status] += 1
        self._busy.discard(connection)
        if connection.ends:
            self._lose(connection, "")
        else:
            self._idle.append(connection)
        return status, done

    def _lose(self, connection: Connection, reason: str) -> None:
        """A connection has ended; the request that was under way there, if any, is an error."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._errors[reason] += 1
        elif connection in self._idle:
            self._idle.remove(connection)
        self._selector.unregister(connection.socket)
        connection.close()
        self._broken.append((_clock(), connection))

    def _reconnect(self) -> None:
        """Try to open again what has ended, the oldest first, and not without a pause between two tries."""
        for _ in range(len(self._broken)):
            tried, connection = self._broken[0]
            now = _clock()
            if now < tried:
                return
            self._broken.popleft()
            try:
                connection.connect()
            except OSError:
                self._broken.append((now + RECONNECT_AFTER_S, connection))
            else:
                self._selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.idle_since = _clock()
                self._idle.append(connection)
