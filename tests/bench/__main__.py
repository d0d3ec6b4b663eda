# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every part of the benchmark and prints one table. Exit status 0 unless a part could not be run.

Figures of time are worth what the machine is worth at that moment: the head of the table says how busy it was. What is
given as CPU time stands more firmly.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from tmon.server.store.sqlite.driver import VERSION

from . import (
    batches,
    corpus,
    dashboard,
    deletion,
    first_load,
    following,
    importing,
    middleware,
    parsing,
    questions,
    serving,
    singles,
    soak,
    year,
)
from .table import Table, progress

PARTS = (
    "singles",
    "several",
    "batches",
    "dashboard",
    "questions",
    "first-load",
    "deletion",
    "middleware",
    "parsing",
    "importing",
    "following",
)
ASKED_FOR = ("soak",)
"""Parts that run only where they are named."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured, and for how long (seconds)."""

    visitors: int
    turns: int
    turn_s: float
    batched: int
    full_s: float
    half_s: float
    sizes: tuple[int, ...]
    askings: int
    calm_s: float
    watched_s: float
    warming: int
    loads: int


FULL = Extent(corpus.VISITORS, 3, 4, 1_200_000, 20, 15, (1_000_000, 5_000_000), 5, 12, 250, 1_200_000, 9)
QUICK = Extent(10_000, 1, 0.5, 20_000, 1, 1, (5_000, 10_000), 1, 1, 3, 20_000, 1)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    extent = QUICK if arguments.quick else FULL
    if arguments.batched:
        extent = replace(extent, batched=arguments.batched)
    if arguments.events:
        extent = replace(extent, sizes=tuple(arguments.events))
    parts = arguments.only or PARTS
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(
        prefix="tmon-bench-", dir=arguments.dir, ignore_cleanup_errors=True
    ) as made:
        folder = Path(made)
        table = Table()
        _head(table, folder)
        progress("the corpus, a web service")
        site = corpus.Corpus(extent.visitors)
        empty = folder / "empty"
        service = serving.new_webservice(empty, retention_days=year.KEPT_DAYS)

        def fresh(name: str) -> Path:
            """A copy of the prepared data folder."""
            return Path(shutil.copytree(empty, folder / name))

        if "singles" in parts:
            singles.measure(table, fresh("singles"), service, site, turns=extent.turns, seconds=extent.turn_s)
        if "several" in parts:
            singles.several(
                table,
                (fresh("several-1"), fresh(f"several-{arguments.processes}")),
                service,
                site,
                processes=arguments.processes,
                turns=extent.turns,
                seconds=extent.turn_s,
            )
        if "batches" in parts:
            batches.measure(
                table,
                fresh("batches"),
                service,
                site,
                events=extent.batched,
                full_s=extent.full_s,
                half_s=extent.half_s,
            )
        if "dashboard" in parts:
            dashboard.measure(
                table,
                fresh("dashboard"),
                service,
                site,
                seconds=extent.watched_s,
                warming=extent.warming,
            )
        if "soak" in parts:
            minutes = 0.1 if arguments.quick else arguments.minutes
            soak.measure(table, fresh("soak"), service, site, seconds=60 * minutes)
        if {"questions", "first-load", "deletion"} & set(parts):
            _years(table, fresh, service, site, extent, parts)
        if "middleware" in parts:
            middleware.measure(table, requests=100 if arguments.quick else middleware.REQUESTS)
        if "parsing" in parts:
            parsing.measure(table, site, lines=2_000 if arguments.quick else parsing.LINES)
        if "importing" in parts:
            importing.measure(
                table,
                fresh("importing"),
                service,
                site,
                lines=2_000 if arguments.quick else importing.LINES,
            )
        if "following" in parts:
            seconds = 2.0 if arguments.quick else following.SECONDS
            following.measure(table, fresh("following"), service, site, seconds=seconds)
        table.print()
    return 0


def _years(
    table: Table,
    fresh: Callable[[str], Path],
    service: serving.WebService,
    site: corpus.Corpus,
    extent: Extent,
    parts: Sequence[str],
) -> None:
    filled = []
    for size in extent.sizes:
        first, last = size == extent.sizes[0], size == extent.sizes[-1]
        if "questions" not in parts and not last:
            continue
        data = fresh(f"year-{size}")
        progress(f"a year of {size:,} events")
        filled.append(year.fill(data, service.wsid, site, size))
        if "questions" in parts:
            title = f"7. {size:,} events over {year.DAYS} days"
            questions.measure(table, title, data, service, askings=extent.askings, with_filter=first)
        if "first-load" in parts and last:
            title = f"8. The dashboard's first load in Chromium, {size:,} events stored, 1440 by 900"
            first_load.measure(table, title, data, service, loads=extent.loads)
        if "deletion" in parts and last:
            deletion.measure(table, data, service, site, stored=size, deleted=size // 5, calm_s=extent.calm_s)
        shutil.rmtree(data)
    table.section(
        "10. Filling those stores: events through the pipeline into the store, views on a second thread"
    )
    for one in filled:
        each = (1e6 * seconds / one.events for seconds in (one.pipeline_s, one.append_s, one.views_s))
        table.add(
            f"{one.events:,} events",
            f"{one.events / one.seconds:,.0f} events/s",
            "µs an event: pipeline {:.1f}, append {:.1f}, views {:.1f}".format(*each),
        )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measures T-Mon; about ten minutes."
    )
    parser.add_argument(
        "--quick", action="store_true", help="everything with little data, in a minute: shows that it runs"
    )
    parser.add_argument(
        "--only",
        choices=PARTS + ASKED_FOR,
        action="append",
        help="run this part; may be given several times (soak runs only so)",
    )
    parser.add_argument(
        "--minutes", metavar="N", type=float, default=30, help="how long soak lasts (default: 30)"
    )
    parser.add_argument(
        "--processes",
        metavar="N",
        type=int,
        default=2,
        help="how many collectors are compared with one process (default: 2)",
    )
    parser.add_argument("--batched", metavar="N", type=int, help="how many events to seal into batches")
    parser.add_argument(
        "--events", metavar="N", type=int, action="append", help="sizes of the stores that are asked"
    )
    parser.add_argument(
        "--dir", metavar="DIR", help="where to put the data while it runs: on the disk that is to be measured"
    )
    return parser.parse_args(argv)


def _head(table: Table, folder: Path) -> None:
    table.section(f"T-Mon benchmark, corpus {corpus.NAME}")
    table.add(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {VERSION}",
        f"4 KiB to disk in {_sync_ms(folder):.2f} ms",
        f"load average at the start {' '.join(f'{load:.1f}' for load in os.getloadavg())}",
    )
    table.add(
        f"{corpus.VISITORS:,} visitors, {corpus.NETWORKS:,} networks",
        f"{corpus.PAGES:,} pages, {corpus.ASSETS} assets",
        f"{corpus.PER_VISIT:g} requests a visit, 1 visitor in {round(1 / corpus.BOT_SHARE)} a bot",
    )


def _sync_ms(folder: Path) -> float:
    """The median time of appending 4 KiB to a file and having it on disk."""
    times: list[float] = []
    handle: Any = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        for _ in range(100):
            begin = time.perf_counter()
            os.write(handle, bytes(4096))
            os.fsync(handle)
            times.append(1000 * (time.perf_counter() - begin))
    finally:
        os.close(handle)
    return sorted(times)[50]


if __name__ == "__main__":
    sys.exit(main())
