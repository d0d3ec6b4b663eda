# SPDX-License-Identifier: GPL-3.0-or-later
"""A dashboard that stays open while 50 requests a second arrive: what it costs, and whether it grows.

Not part of a usual run: `make bench ARGS="--only soak"` takes half an hour, `--minutes` says otherwise. Memory is that
of the JavaScript heap after a collection of garbage, which is what grows where something is kept for ever.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import fmean
from typing import Any, Final, NamedTuple

from tmon import load

from . import sealed
from .corpus import Corpus
from .dashboard import PASSWORD, chromium_cpu_s, log_in
from .serving import Server, WebService, command
from .table import Table, progress

RATE: Final = 50
"""Single events a second."""
CONNECTIONS: Final = 4
SAMPLES: Final = 40
"""How often the page is looked into: seldom, since collecting its garbage costs it time."""
TARGET_CPU: Final = 0.15
TARGET_GROWTH: Final = 0.05
WALL: Final = "?wall=1"
FULL_HD: Final = {"width": 1920, "height": 1080}
LAPTOP: Final = {"width": 1440, "height": 900}


class _Sample(NamedTuple):
    heap: float
    nodes: float
    listeners: float


class _Seen(NamedTuple):
    cpu: float
    """Share of one processor, of the processes that run pages."""
    samples: list[_Sample]

    def growth(self, of: str) -> tuple[float, float, float]:
        """The mean of the second quarter, of the last, and by which part of the first it has grown."""
        values = [getattr(sample, of) for sample in self.samples]
        quarter = max(1, len(values) // 4)
        early, late = fmean(values[quarter : 2 * quarter] or values), fmean(values[-quarter:])
        return early, late, (late - early) / early


def measure(table: Table, data: Path, service: WebService, corpus: Corpus, *, seconds: float) -> None:
    """Fill the section about a dashboard that stays open."""
    table.section(
        f"10. A dashboard, and one on the wall, open in Chromium for {seconds / 60:g} minutes, half of them each, "
        f"while {RATE} requests/s arrive"
    )
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        table.add("not measured", "there is no chromium", "apt-get install chromium")
        return
    for called, query in (("the page", ""), ("the wall", WALL)):
        progress(f"{called}, open for {seconds / 120:g} minutes")
        folder = Path(shutil.copytree(data, f"{data}-{called[-4:]}"))
        _fill(table, called, _watched(chromium, folder, service, corpus, query, seconds / 2))


def _fill(table: Table, called: str, seen: _Seen) -> None:
    table.at_most(
        f"processor time of {called}",
        seen.cpu,
        TARGET_CPU,
        f"{seen.cpu:.1%} of a core",
        f"target {TARGET_CPU:.0%} or less",
    )
    for of, name, unit in (
        ("heap", "JavaScript heap", 1e6),
        ("nodes", "nodes", 1),
        ("listeners", "listeners", 1),
    ):
        early, late, grown = seen.growth(of)
        digits = "{:.2f} MB" if unit > 1 else "{:,.0f}"
        table.at_most(
            f"{name} of {called}, last quarter",
            max(0.0, grown),
            TARGET_GROWTH,
            digits.format(late / unit),
            f"target {TARGET_GROWTH:.0%} or less above {digits.format(early / unit)} in the second quarter",
        )


def _watched(
    chromium: str, data: Path, service: WebService, corpus: Corpus, query: str, seconds: float
) -> _Seen:
    from playwright.sync_api import sync_playwright
    from tests.chromium import ARGUMENTS

    command(data, "user", "password", "harbour", "--password-stdin", stdin=PASSWORD)
    file = data / "soak.requests"
    sealed.singles(
        file,
        service,
        corpus.requests(int(RATE * (seconds + 40)), time.time(), time.time() + seconds + 40),
        form=False,
    )
    with Server(data) as server, sync_playwright() as playwright:
        generator = load.start(server.port, file, connections=CONNECTIONS, seconds=seconds + 20, rate=RATE)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport=FULL_HD if query else LAPTOP)
        log_in(page, server, f"/view/dashboard/{service.wsid}{query}")
        page.locator('#live[data-state="live"]').wait_for()
        page.wait_for_timeout(8_000)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")
        samples, used, span = [], 0.0, 0.0
        for _ in range(SAMPLES):
            began, cpu = time.monotonic(), chromium_cpu_s()[0]
            page.wait_for_timeout(1_000 * seconds / SAMPLES)
            used += chromium_cpu_s()[0] - cpu
            span += time.monotonic() - began
            samples.append(_sample(devtools))
        browser.close()
        report = generator.report()
    if report.problems:
        raise RuntimeError(f"events were refused: {report.problems}")
    return _Seen(used / span, samples)


def _sample(devtools: Any) -> _Sample:
    devtools.send("HeapProfiler.collectGarbage")
    heap = devtools.send("Runtime.getHeapUsage")["usedSize"]
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return _Sample(heap, metrics["Nodes"], metrics["JSEventListeners"])
