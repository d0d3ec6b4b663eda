# SPDX-License-Identifier: GPL-3.0-or-later
"""A dashboard that is open in Chromium while events arrive, and fifty live streams of which ten are never read."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

import msgspec
from tests.chromium import ARGUMENTS

from . import load, sealed
from .corpus import Corpus
from .serving import HOST, Asker, Server, WebService, command, cpu_seconds
from .table import Table, median, progress

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE: Final = 1_000
"""Single events a second."""
CONNECTIONS: Final = 16
STREAMS: Final = 50
UNREAD: Final = 10
CALM_S: Final = 4.0
"""After which the page has drawn itself and the server's caches are warm."""
TARGET_CPU: Final = 0.25
TARGET_LAG_S: Final = 1.0
PASSWORD: Final = "correct horse battery staple"


class _Seen(NamedTuple):
    """What was seen of the page and the server over `seconds`."""

    seconds: float
    page_cpu: float
    browser_cpu: float
    """Shares of one processor: of the processes that run pages, and of all of Chromium."""
    lags_s: list[float]
    """How far the page's figure was behind the API's answer, each time they were compared."""
    memory: tuple[int, int]
    """The server's at the beginning and at the end, in bytes."""


def measure(table: Table, data: Path, service: WebService, corpus: Corpus, *, seconds: float) -> None:
    """Fill the section about an open dashboard."""
    table.section(
        f"6. A dashboard in Chromium and {STREAMS} live streams, {UNREAD} of them never read, while {RATE:,} single "
        f"events/s arrive, {seconds:g} s"
    )
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        table.add("not measured", "there is no chromium", "apt-get install chromium")
        return
    progress("an open dashboard")
    file = data / "dashboard.requests"
    now = time.time()
    count = int(RATE * (seconds + 60))
    sealed.singles(file, service, corpus.requests(count, now - 60, now), form=False)
    with Server(data) as server, _streams(server, service):
        before = server.memory()
        generator = load.start(
            server.port, file, connections=CONNECTIONS, seconds=seconds + CALM_S + 10, rate=RATE
        )
        seen = _watched(chromium, data, server, service, seconds)
        report = generator.report()
    if report.refused:
        raise RuntimeError(f"events were refused: {report.refused}")
    _fill(table, seen, report, before.rss - before.mapped if before else 0)


def _fill(table: Table, seen: _Seen, report: load.Report, empty: int) -> None:
    table.add(
        "single events while all of that is open",
        f"{report.per_second:,.0f}/s",
        f"p50 {report.latency_ms(0.5):.1f} ms, p99 {report.latency_ms(0.99):.1f} ms",
    )
    table.at_most(
        "processor time of the page",
        seen.page_cpu,
        TARGET_CPU,
        f"{seen.page_cpu:.0%} of a core",
        f"target {TARGET_CPU:.0%} or less; all of Chromium {seen.browser_cpu:.0%}",
    )
    table.at_most(
        "requests of 24 hours, page behind API",
        median(seen.lags_s),
        TARGET_LAG_S,
        f"{median(seen.lags_s):.2f} s",
        f"target {TARGET_LAG_S:g} s or less; longest {max(seen.lags_s):.2f} s of {len(seen.lags_s)} comparisons",
    )
    begin, end = seen.memory
    table.add(
        "server's memory with all streams open, without mapped files",
        f"{begin / 1e6:.0f} MB, at the end {end / 1e6:.0f} MB",
        f"{empty / 1e6:.0f} MB before the first event",
    )


def log_in(page: Page, data: Path, address: str, path: str) -> None:
    """Log in as the owner of everything, and go to this path of the server."""
    command(data, "user", "password", "harbour", "--password-stdin", stdin=PASSWORD)
    page.goto(f"{address}/login?next={quote(path)}")
    page.get_by_label("User name").fill("harbour")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def _watched(chromium: str, data: Path, server: Server, service: WebService, seconds: float) -> _Seen:
    from playwright.sync_api import sync_playwright

    address = f"http://{HOST}:{server.port}"
    with sync_playwright() as playwright, contextlib.closing(Asker(server, service)) as asker:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        log_in(page, data, address, f"/view/dashboard/{service.wsid}")
        figure = page.locator('[data-tile="requests"] .tile-value b')
        figure.filter(has_text="0").wait_for()
        page.wait_for_timeout(1_000 * CALM_S)
        began, cpu, memory = time.monotonic(), chromium_cpu_s(), _own_bytes(server)
        lags = []
        while time.monotonic() < began + seconds:
            shown = int(figure.inner_text().replace(",", "") or 0)
            told = msgspec.json.decode(asker.ask("summary"))["results"]["requests"]
            lags.append(max(0.0, (told - shown) / RATE))
            page.wait_for_timeout(230)
        took = time.monotonic() - began
        page_s, all_s = (end - begin for begin, end in zip(cpu, chromium_cpu_s(), strict=True))
        seen = _Seen(took, page_s / took, all_s / took, lags, (memory, _own_bytes(server)))
        browser.close()
    return seen


def _own_bytes(server: Server) -> int:
    memory = server.memory()
    return memory.rss - memory.mapped if memory else 0


def chromium_cpu_s() -> tuple[float, float]:
    """Processor time of our Chromium so far: of its processes that run pages, and of all."""
    pages = everything = 0.0
    for process in _descendants(os.getpid()):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{process}/cmdline").read_bytes()
            if b"chrom" in line:
                used = cpu_seconds(process)
                everything += used
                pages += used if b"--type=renderer" in line else 0.0
    return pages, everything


def _descendants(process: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _descendants(int(child))


@contextlib.contextmanager
def _streams(server: Server, service: WebService) -> Iterator[None]:
    """The live streams, those that are read by a thread of their own."""
    request = (
        f"GET /{service.wsid}/data/live HTTP/1.1\r\nHost: {HOST}:{server.port}\r\n"
        f"Authorization: Bearer {service.token}\r\n\r\n"
    ).encode()
    selector = selectors.DefaultSelector()
    opened = []
    for number in range(STREAMS):
        stream = socket.create_connection((HOST, server.port))
        stream.sendall(request)
        opened.append(stream)
        if number >= UNREAD:
            selector.register(stream, selectors.EVENT_READ)
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            for key, _ in selector.select(0.2):
                stream = key.fileobj
                assert isinstance(stream, socket.socket)
                if not stream.recv(65_536):
                    selector.unregister(stream)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
        for stream in opened:
            stream.close()
        selector.close()
