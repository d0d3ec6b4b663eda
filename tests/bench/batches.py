# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of 500 events over HTTP into one process: events a second, how far the views are behind, size, memory."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from tmon import load
from tmon.load import Report
from tmon.server.store.sqlite.driver import Connection

from . import sealed
from .corpus import Corpus
from .serving import Metrics, Server, WebService
from .table import Table, median, progress

CONNECTIONS: Final = 16
TARGET_PER_SECOND: Final = 30_000
TARGET_LAG_S: Final = 5.0
TARGET_HALF_LAG_S: Final = 1.0
TARGET_BYTES: Final = 125
TARGET_RSS: Final = 250 * 1_000_000
SAMPLED_EACH_S: Final = 0.5


class _Load(NamedTuple):
    report: Report
    lags_s: list[float]
    cpu_us: float
    """The server's, per event."""
    before: Metrics
    after: Metrics

    @property
    def events_per_second(self) -> float:
        return self.report.per_second * sealed.BATCH


def measure(
    table: Table,
    data: Path,
    service: WebService,
    corpus: Corpus,
    *,
    events: int,
    full_s: float,
    half_s: float,
) -> None:
    """Fill the sections about batches, size and memory."""
    progress(f"sealing {events:,} events")
    now = time.time()
    file = data / "batches.requests"
    count = sealed.batches(file, service, corpus.requests(events, now - 86_400, now))
    size = file.stat().st_size / events
    table.section(
        f"3. Batches: {count:,} envelopes of {sealed.BATCH} events of 24 hours, {size:.0f} bytes an event as sent, "
        f"{CONNECTIONS} connections"
    )
    with Server(data) as server:
        progress(f"batches as fast as they are taken, {full_s:g} s")
        full = _load(server, file, seconds=full_s, rate=0, most=count * 2 // 3)
        caught_up_s = server.wait_for_views()
        table.at_least(
            f"{full.report.seconds:.0f} s as fast as it goes",
            full.events_per_second,
            TARGET_PER_SECOND,
            f"{full.events_per_second:,.0f} events/s",
            f"target {TARGET_PER_SECOND:,}",
        )
        table.add(
            "  the server's CPU, all threads",
            f"{full.cpu_us:.1f} µs an event",
            f"load generator {full.report.cpu_s / full.report.seconds:.0%} of a core",
        )
        _lag(table, full, TARGET_LAG_S, f"caught up {caught_up_s:.1f} s after the load")
        _commits(table, full)
        half = min(TARGET_PER_SECOND, full.events_per_second) / 2
        progress(f"batches at {half:,.0f} events/s, {half_s:g} s")
        paced = _load(server, file, seconds=half_s, rate=half / sealed.BATCH, skip=full.report.sent)
        table.add(
            f"{paced.report.seconds:.0f} s at {half:,.0f} events/s",
            f"{paced.events_per_second:,.0f} events/s",
            f"answers p50 {paced.report.latency_ms(0.5):.0f} ms, p99 {paced.report.latency_ms(0.99):.0f} ms",
        )
        _lag(table, paced, TARGET_HALF_LAG_S, f"{paced.cpu_us:.1f} µs of CPU an event")
        _commits(table, paced)
        server.wait_for_views()
        stored = int(server.metrics().value("tmon_events_total", 'result="accepted"'))
        memory = server.memory()
    _sizes(table, data, stored)
    table.section("5. Memory of the serving process after that load, GeoIP data mapped")
    if memory is None:
        table.add("resident", "unknown", "there is no /proc here")
    else:
        table.at_most(
            "resident",
            memory.rss,
            TARGET_RSS,
            f"{memory.rss / 1e6:.0f} MB",
            f"of which mapped files {memory.mapped / 1e6:.0f} MB; target {TARGET_RSS / 1e6:.0f} MB",
        )


def _load(
    server: Server, file: Path, *, seconds: float, rate: float, skip: int = 0, most: int = sys.maxsize
) -> _Load:
    before, cpu_s = server.metrics(), server.cpu_s()
    generator = load.start(
        server.port, file, connections=CONNECTIONS, seconds=seconds, rate=rate, skip=skip, most=most
    )
    lags = []
    while generator.running:
        time.sleep(SAMPLED_EACH_S)
        lags.append(server.metrics().value("tmon_views_behind_seconds"))
    report = generator.report()
    if report.problems:
        raise RuntimeError(f"batches were refused: {report.problems}")
    cpu_us = (server.cpu_s() - cpu_s) / (report.sent * sealed.BATCH) * 1e6
    return _Load(report, lags, cpu_us, before, server.metrics())


def _lag(table: Table, under: _Load, target_s: float, remark: str) -> None:
    worst = max(under.lags_s)
    table.at_most(
        "  the slowest view is behind",
        worst,
        target_s,
        f"at most {worst:.2f} s",
        f"median {median(under.lags_s):.2f} s; {remark}; target {target_s:g} s",
    )


def _commits(table: Table, under: _Load) -> None:
    name = "tmon_commit_seconds"
    commits = max(1.0, under.after.since(under.before, f"{name}_count"))
    events = under.after.since(under.before, "tmon_events_total", 'result="accepted"')
    longest, most = (1000 * under.after.bucket_since(under.before, name, share) for share in (1.0, 0.99))
    table.add(
        "  commits",
        f"the longest within {longest:g} ms",
        f"99 of 100 within {most:g} ms, {events / commits:,.0f} events each in the mean",
    )


def _sizes(table: Table, data: Path, events: int) -> None:
    table.section(f"4. Size on disk of those {events:,} events, after a checkpoint")
    sizes = {}
    for name in ("log", "views"):
        file = data / f"{name}.db"
        connection = Connection(file)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        sizes[name] = file.stat().st_size / events
    whole = sum(sizes.values())
    parts = ", ".join(f"{name} {size:.1f}" for name, size in sizes.items())
    table.at_most("bytes an event", whole, TARGET_BYTES, f"{whole:.1f}", f"{parts}; target {TARGET_BYTES}")
