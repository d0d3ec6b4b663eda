# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting expired events while single events keep arriving: what it does to commits and to answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from tmon import load
from tmon.load import Report
from tmon.server.store.sqlite.driver import Connection

from . import sealed
from .corpus import Corpus
from .serving import Metrics, Server, WebService, command
from .table import Table, progress
from .year import DAYS

RATE: Final = 200
CONNECTIONS: Final = 16
SLICE_S: Final = 4.0
AT_MOST_S: Final = 400.0
ROUND: Final = "tmon_periodic_last_success_seconds"
ANSWERS: Final = "tmon_answers_total"


def measure(
    table: Table, data: Path, service: WebService, corpus: Corpus, *, stored: int, deleted: int, calm_s: float
) -> None:
    """Shorten the retention so that about `deleted` of the `stored` events of a year are due, and fill the section."""
    table.section(f"9. Deleting expired events while {RATE} single events/s arrive")
    file = data / "deletion.requests"
    now = time.time()
    sealed.singles(file, service, corpus.requests(int(RATE * AT_MOST_S), now - 60, now), form=False)
    slice_s = min(SLICE_S, calm_s)
    progress("the load without anything to delete")
    with Server(data) as server:
        _wait_for_round(server)
        calm = _load(
            server, file, 0, slice_s, lambda metrics: metrics.value(ANSWERS, 'status="200"') >= calm_s * RATE
        )
    had = _events(data)
    command(
        data,
        "webservice",
        "set",
        str(service.wsid),
        "--retention-days",
        str(DAYS - round(DAYS * deleted / stored)),
    )
    progress("the load while events are deleted")
    with Server(data) as server:
        begin = time.monotonic()
        busy = _load(
            server, file, calm.sent, slice_s, lambda metrics: metrics.value(ROUND, 'job="expire"') > 0
        )
        seconds = time.monotonic() - begin
        taken = int(server.metrics().value("tmon_events_total", 'result="accepted"'))
    gone = had + taken - _events(data)
    _line(table, "nothing to delete", calm)
    _line(table, f"{gone:,} events deleted within {seconds:.0f} s", busy)


class _Load(NamedTuple):
    sent: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    stall_ms: float
    commit_ms: float
    """The upper bound of the longest commit."""


def _load(server: Server, file: Path, skip: int, slice_s: float, done: Callable[[Metrics], bool]) -> _Load:
    """Send in slices until `done`."""
    before = server.metrics()
    reports: list[Report] = []
    while not reports or not done(server.metrics()):
        reports.append(
            load.start(
                server.port,
                file,
                connections=CONNECTIONS,
                seconds=slice_s,
                rate=RATE,
                skip=skip + sum(report.sent for report in reports),
            ).report()
        )
        if reports[-1].problems or reports[-1].exhausted:
            raise RuntimeError(f"the load ended early: {reports[-1].problems}")
    latencies = sorted(one for report in reports for one in report.latencies)
    return _Load(
        sent=sum(report.sent for report in reports),
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
        longest_ms=1000 * latencies[-1],
        stall_ms=1000 * max(report.stall_s for report in reports),
        commit_ms=1000 * server.metrics().bucket_since(before, "tmon_commit_seconds", 1.0),
    )


def _line(table: Table, what: str, under: _Load) -> None:
    table.add(
        what,
        f"answers p50 {under.p50_ms:.1f}, p99 {under.p99_ms:.1f} ms",
        f"longest {under.longest_ms:.0f} ms, longest stall {under.stall_ms:.0f} ms, longest commit within "
        f"{under.commit_ms:g} ms",
    )


def _wait_for_round(server: Server) -> None:
    """Wait until the periodic work has run once, so that it does not disturb."""
    while not server.metrics().value(ROUND, 'job="expire"'):
        time.sleep(0.1)


def _events(data: Path) -> int:
    connection = Connection(data / "log.db")
    try:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        connection.close()
