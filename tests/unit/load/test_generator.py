# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator against small servers on real sockets: what waits is measured, what fails is counted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tmon.load import Report, write_requests
from tmon.load.generator import run
from tmon.load.report import nearest_rank

REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def measured(
    folder: Path, answer: Callable[[int], bytes | None], *, rate: float, seconds: float, grace_s: float = 10
) -> Report:
    """Load a server with one thread, which asks `answer` what to send for each request; None ends the connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    lock, count = threading.Lock(), 0

    def serve(connection: socket.socket) -> None:
        nonlocal count
        with connection:
            while connection.recv(len(REQUEST), socket.MSG_WAITALL):
                with lock:
                    count += 1
                    content = answer(count)
                if content is None:
                    return
                connection.sendall(content)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    file = folder / "requests"
    write_requests(file, [REQUEST] * round(rate * seconds))
    try:
        port = listening.getsockname()[1]
        return run(file, "127.0.0.1", port, 4, seconds, rate, 0, 1_000_000, grace_s)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def test_what_was_due_while_the_server_stalled_has_waited_for_it(tmp_path: Path) -> None:
    def stalls_once(number: int) -> bytes:
        if number == 50:
            time.sleep(1.0)  # what is measured; the lock is held, so nothing is answered meanwhile
        return OK

    report = measured(tmp_path, stalls_once, rate=100, seconds=2)
    assert report.statuses == {200: 200}
    # 100 requests were due in that second. A closed loop would show it in four, one for each connection.
    assert sum(latency > 0.5 for latency in report.latencies) >= 45
    assert report.latency_ms(0.75) > 400
    assert report.latency_ms(1.0) >= 900
    assert report.stall_s >= 0.9


def test_a_stall_at_the_end_leaves_nothing_unsent(tmp_path: Path) -> None:
    def stalls_last(number: int) -> bytes:
        if number == 10:
            time.sleep(0.5)
        return OK

    report = measured(tmp_path, stalls_last, rate=100, seconds=0.3)
    assert (report.sent, report.accepted) == (30, 30)


def test_what_is_never_answered_counts_as_long_as_it_was_waited_for(tmp_path: Path) -> None:
    report = measured(tmp_path, lambda _: b"", rate=100, seconds=0.1, grace_s=0.3)
    assert (report.accepted, report.unanswered, len(report.latencies)) == (0, 10, 10)
    assert report.latencies[0] >= 0.25
    assert report.problems == {"unanswered": 10}


def test_a_connection_that_ends_is_an_error_and_opened_again(tmp_path: Path) -> None:
    report = measured(tmp_path, lambda number: None if number == 3 else OK, rate=100, seconds=0.2)
    assert report.errors == {"the connection was closed": 1}
    assert report.accepted == 19


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            {"the answer comes in chunks": 20},
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", {"the answer has no readable length": 20}),
        (b"garbage\r\n\r\n", {"the answer is not HTTP/1.1": 20}),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", {"answered 429": 20}),
    ],
)
def test_an_answer_that_is_no_200_is_counted_by_what_it_is(
    tmp_path: Path, answer: bytes, problem: dict[str, int]
) -> None:
    report = measured(tmp_path, lambda _: answer, rate=200, seconds=0.1)
    assert (report.accepted, report.problems) == (0, problem)
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    ("share", "count", "place"),
    [
        (0.5, 10, 4),
        (0.5, 11, 5),
        (0.9, 10, 8),
        (0.99, 1000, 989),
        (0.999, 1000, 998),
        (1.0, 7, 6),
        (0.5, 1, 0),
    ],
)
def test_a_percentile_is_the_nearest_rank(share: float, count: int, place: int) -> None:
    assert nearest_rank(share, count) == place
