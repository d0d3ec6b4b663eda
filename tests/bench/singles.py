# SPDX-License-Identifier: GPL-3.0-or-later
"""Single events over HTTP, sealed and durable, against a bare Tornado handler: both in turn, several times."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

from tmon import load

from . import sealed
from .bare import Bare
from .corpus import Corpus
from .serving import Server, WebService
from .table import Table, median, progress

CONNECTIONS: Final = 48
CONNECTIONS_SEVERAL: Final = 384
"""For one process and for several: it takes many senders to keep two collectors and a core busy, since each waits for
its answer; one process does as much with these as with fewer (measured from 96 to 384)."""
TARGET_RATIO: Final = 0.7
TARGET_SEVERAL: Final = 1.5
MOST_PER_SECOND: Final = 4_500
MOST_PER_SECOND_SEVERAL: Final = 12_000
"""As many requests are sealed for each second; whoever answers more of them gets a shorter turn."""


class _Turn(NamedTuple):
    per_second: float
    cpu_us: float
    """The server's, per request."""
    p50_ms: float
    p99_ms: float
    generator: float
    """The load generator's share of one processor."""


def measure(
    table: Table, data: Path, service: WebService, corpus: Corpus, *, turns: int, seconds: float
) -> None:
    """Fill the section about single events."""
    table.section(
        f"1. Single events, {CONNECTIONS} connections, medians of {turns} turns of {seconds:g} s each, A B A B"
    )
    count = int(turns * seconds * MOST_PER_SECOND)
    for form in (False, True):
        name = "form" if form else "raw"
        file = data / f"singles-{name}.requests"
        now = time.time()
        sealed.singles(file, service, corpus.requests(count, now - 60, now), form=form)
    bare = Bare()
    try:
        with Server(data) as server:
            for name in ("raw", "form"):
                progress(f"single events, {name}")
                _compare(table, name, data / f"singles-{name}.requests", bare, server, turns, seconds)
    finally:
        bare.stop()


def several(
    table: Table,
    data: tuple[Path, Path],
    service: WebService,
    corpus: Corpus,
    *,
    processes: int,
    turns: int,
    seconds: float,
) -> None:
    """Fill the section about several collectors beside one process."""
    table.section(
        f"2. Single events, one process and {processes} collectors with a core, {CONNECTIONS_SEVERAL} connections, "
        f"medians of {turns} turns of {seconds:g} s each, A B A B, after one that is not counted"
    )
    file = data[0] / "singles.requests"
    now = time.time()
    count = int((turns + 1) * seconds * MOST_PER_SECOND_SEVERAL)
    sealed.singles(file, service, corpus.requests(count, now - 60, now), form=False)
    taken: tuple[list[_Turn], list[_Turn]] = ([], [])
    skips = [0, 0]
    progress(f"single events, {processes} processes")
    with Server(data[0]) as alone, Server(data[1], processes) as together:
        for which, server in enumerate((alone, together)):  # what they remember of visitors fills
            skips[which] = _turn(server, file, seconds, 0, CONNECTIONS_SEVERAL)[1]
        for _ in range(turns):
            for which, server in enumerate((alone, together)):
                turn, sent = _turn(server, file, seconds, skips[which], CONNECTIONS_SEVERAL)
                taken[which].append(turn)
                skips[which] += sent
        answers = together.metrics().by_process("tmon_answers_total", 'status="200"')
    names = ("one process", f"{processes} collectors and a core")
    for name, turns_ in zip(names, taken, strict=True):
        middle = _Turn(*(median(list(values)) for values in zip(*turns_, strict=True)))
        table.add(
            name,
            f"{middle.per_second:,.0f}/s",
            f"{middle.cpu_us:.0f} µs of CPU each, p50 {middle.p50_ms:.1f} ms, p99 {middle.p99_ms:.1f} ms, "
            f"load generator {middle.generator:.0%} of a core",
        )
    ratio = median([b.per_second / a.per_second for a, b in zip(*taken, strict=True)])
    shares = " and ".join(f"{share / sum(answers):.0%}" for share in answers)
    table.at_least(
        f"{processes} collectors to one process",
        ratio,
        TARGET_SEVERAL,
        f"{ratio:.2f}",
        f"target {TARGET_SEVERAL} or more; the collectors took {shares}",
    )


def _compare(
    table: Table, name: str, file: Path, bare: Bare, server: Server, turns: int, seconds: float
) -> None:
    taken: dict[str, list[_Turn]] = {"bare": [], "tmon": []}
    begin = server.metrics()
    skip = 0
    for _ in range(turns):
        taken["bare"].append(_turn(bare, file, seconds, skip)[0])
        turn, sent = _turn(server, file, seconds, skip)
        taken["tmon"].append(turn)
        skip += sent
    middle = {
        who: _Turn(*(median(list(values)) for values in zip(*of, strict=True))) for who, of in taken.items()
    }
    ratio = median([tmon.per_second / bare.per_second for bare, tmon in zip(*taken.values(), strict=True)])
    ours, theirs = middle["tmon"], middle["bare"]
    table.add(
        f"bare Tornado handler, {name} body",
        f"{theirs.per_second:,.0f}/s",
        f"{theirs.cpu_us:.0f} µs of CPU each, p50 {theirs.p50_ms:.1f} ms, p99 {theirs.p99_ms:.1f} ms",
    )
    table.add(
        f"collector, {name} body",
        f"{ours.per_second:,.0f}/s",
        f"{ours.cpu_us:.0f} µs of CPU each, p50 {ours.p50_ms:.1f} ms, p99 {ours.p99_ms:.1f} ms",
    )
    table.at_least(
        f"collector to bare handler, {name}",
        ratio,
        TARGET_RATIO,
        f"{ratio:.2f}",
        f"target {TARGET_RATIO} or more",
    )
    metrics = server.metrics()
    commits = max(1.0, metrics.since(begin, "tmon_commit_seconds_count"))
    envelopes = metrics.since(begin, "tmon_envelopes_total", 'result="stored"')
    table.add(
        f"group commit, {name}",
        f"{envelopes / commits:.1f} envelopes each",
        f"99 of 100 commits within {1000 * metrics.bucket_since(begin, 'tmon_commit_seconds', 0.99):g} ms",
    )
    table.add(
        f"load generator, {name}",
        f"{ours.generator:.0%} of a core",
        f"{theirs.generator:.0%} with the bare handler",
    )


def _turn(
    server: Bare | Server, file: Path, seconds: float, skip: int, connections: int = CONNECTIONS
) -> tuple[_Turn, int]:
    before = server.cpu_s()
    report = load.start(server.port, file, connections=connections, seconds=seconds, skip=skip).report()
    if report.problems:
        raise RuntimeError(f"single events were refused: {report.problems}")
    cpu_us = (server.cpu_s() - before) / report.sent * 1e6
    return _Turn(
        report.per_second,
        cpu_us,
        report.latency_ms(0.5),
        report.latency_ms(0.99),
        report.cpu_s / report.seconds,
    ), report.sent
