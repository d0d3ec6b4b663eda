# SPDX-License-Identifier: GPL-3.0-or-later
"""A dashboard that is open in Chromium while events arrive, and fifty live streams of which ten are never read.

How far the page is behind the API is measured in time, and from the outside: the API is asked for the requests of the
period some four times a second, the page notes when it shows which figure, and a comparison is the time from when the
API was asked until the page showed at least what it answered. That includes the time which the API took to answer, so
the page is never further behind than the largest of these, on which the verdict is.

Memory is measured on a server whose caches are full. It is given batches, 20,000 events a second, until what it has
beside mapped files has changed by less than one percent in twenty seconds, for a minute at most. Then page and streams
are opened and single events come, which fill other caches; once it is steady again, after two minutes at most, its
memory counts until the end: the largest of the second half against the largest of the first. It goes up and down, since
the server gives free memory back each minute, so one figure against another would show the moment and not growth.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import socket
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

import msgspec
from tests.chromium import ARGUMENTS

from tmon import load

from . import sealed
from .corpus import Corpus
from .serving import HOST, Asker, Memory, Server, WebService, command, cpu_seconds
from .table import Table, median, progress

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

RATE: Final = 1_000
"""Single events a second."""
CONNECTIONS: Final = 16
STREAMS: Final = 50
UNREAD: Final = 10
SENDERS: Final = 4
WARM_RATE: Final = 20_000
"""Connections on which the server gets batches while it warms up, and events a second: as many as its views can follow,
so that it has no more at once than later."""
WARM_MOST_S: Final = 60.0
CALM_MOST_S: Final = 120.0
STEADY_S: Final = 20.0
STEADY: Final = 0.01
"""Warm is a server whose memory has changed by less than this share in so many seconds."""
EACH_S: Final = 0.23
"""Between two comparisons, without the time of the API's answer."""
CAUGHT_UP_S: Final = 20.0
LONGER_S: Final = 12.0
"""For which events arrive beyond the times that are measured: the page is opened meanwhile, and catches up."""
TARGET_CPU: Final = 0.25
TARGET_LAG_S: Final = 1.0
TARGET_GROWTH: Final = 0.03
PASSWORD: Final = "correct horse battery staple"

NOTE_FIGURES: Final = """figure => {
    window.shownFigures = [];
    const note = () => window.shownFigures.push([Date.now() / 1000, figure.textContent]);
    note();
    new MutationObserver(note).observe(figure, { childList: true, characterData: true, subtree: true });
}"""


class Figure(NamedTuple):
    """How many requests were told or shown, and when: Unix seconds."""

    at: float
    requests: int


class _Seen(NamedTuple):
    """What was seen of the page and the server over `seconds`."""

    seconds: float
    page_cpu: float
    browser_cpu: float
    """Shares of one processor: of the processes that run pages, of all of Chromium, and (below) of the server."""
    server_cpu: float
    lags_s: list[float]
    """How far the page was behind the API, each time they were compared."""
    memory: list[Memory]
    """The server's, from when everything was open."""
    calm: bool
    """Whether it was steady by then."""


def measure(
    table: Table, data: Path, service: WebService, corpus: Corpus, *, seconds: float, warming: int
) -> None:
    """Fill the section about an open dashboard. The server warms up with at most `warming` events."""
    table.section(
        f"6. A dashboard in Chromium and {STREAMS} live streams, {UNREAD} of them never read, while {RATE:,} single "
        f"events/s arrive, {seconds:g} s"
    )
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        table.add("not measured", "there is no chromium", "apt-get install chromium")
        return
    progress("a server that is to warm up")
    command(data, "user", "password", "harbour", "--password-stdin", stdin=PASSWORD)
    now = time.time()
    batches = data / "warming.requests"
    sealed.batches(batches, service, corpus.requests(warming, now - 3_600, now - 60))
    singles = data / "dashboard.requests"
    calm_s = min(CALM_MOST_S, seconds)
    arriving_s = calm_s + seconds + LONGER_S
    sealed.singles(singles, service, corpus.requests(int(RATE * arriving_s), now - 60, now), form=False)
    with Server(data) as server:
        empty = _own_bytes(server)
        warm = _warmed(server, batches)
        progress("an open dashboard")
        with _streams(server, service):
            generator = load.start(
                server.port,
                singles,
                connections=CONNECTIONS,
                seconds=arriving_s,
                rate=RATE,
            )
            seen = _watched(chromium, server, service, seconds, calm_s)
            report = generator.report()
    if report.problems:
        raise RuntimeError(f"events were not taken: {report.problems}")
    _fill(
        table, seen, report, f"{empty / 1e6:.0f} MB before the first event, {warm} before anything was open"
    )


def _warmed(server: Server, batches: Path) -> str:
    """Give the server events until its memory stays as it is; returns what it has then, in words."""
    generator = load.start(
        server.port, batches, connections=SENDERS, seconds=WARM_MOST_S, rate=WARM_RATE / sealed.BATCH
    )
    steady = _steady(server, WARM_MOST_S, lambda: generator.running)
    if steady:
        generator.stop()
    else:
        generator.report()
    server.wait_for_views()
    return f"{_own_bytes(server) / 1e6:.0f} MB {'warm' if steady else 'not yet quite warm'}"


def _steady(server: Server, most_s: float, going_on: Callable[[], bool] = lambda: True) -> bool:
    """Wait until the server's memory stays as it is; returns whether it did before `most_s` or the load ended."""
    began = time.monotonic()
    seen: list[tuple[float, int]] = []
    while going_on() and time.monotonic() - began < most_s:
        time.sleep(1)
        now, own = time.monotonic(), _own_bytes(server)
        seen.append((now, own))
        lately = [one for at, one in seen if at >= now - STEADY_S]
        if now - began >= STEADY_S and max(lately) - min(lately) < STEADY * own:
            return True
    return False


def _fill(table: Table, seen: _Seen, report: load.Report, before: str) -> None:
    table.add(
        "single events while all of that is open",
        f"{report.per_second:,.0f}/s",
        f"p50 {report.latency_ms(0.5):.1f} ms, p99 {report.latency_ms(0.99):.1f} ms; "
        f"processor time of the server {seen.server_cpu:.0%} of a core",
    )
    table.at_most(
        "processor time of the page",
        seen.page_cpu,
        TARGET_CPU,
        f"{seen.page_cpu:.0%} of a core",
        f"target {TARGET_CPU:.0%} or less; all of Chromium {seen.browser_cpu:.0%}",
    )
    lags = sorted(seen.lags_s)
    table.at_most(
        "requests of 24 hours, page behind API at worst",
        lags[-1],
        TARGET_LAG_S,
        f"{lags[-1]:.2f} s",
        f"target {TARGET_LAG_S:g} s or less; p99 {lags[int(0.99 * len(lags))]:.2f} s, median {median(lags):.2f} s "
        f"of {len(lags)} comparisons",
    )
    own = [one.rss - one.mapped for one in seen.memory]
    half = len(own) // 2
    first, second = max(own[:half]), max(own[half:])
    growth = second / first - 1
    table.at_most(
        "growth of the server's memory with all streams open, without mapped files",
        growth,
        TARGET_GROWTH,
        f"{growth:.1%}, {first / 1e6:.1f} to {second / 1e6:.1f} MB",
        f"{min(own) / 1e6:.1f} to {max(own) / 1e6:.1f} all the time; target {TARGET_GROWTH:.0%} or less; {before}, "
        f"then {'steady' if seen.calm else 'not yet quite steady'}",
    )
    table.add(
        "all of the server's memory, with mapped files", f"{max(one.rss for one in seen.memory) / 1e6:.0f} MB"
    )


def log_in(page: Page, server: Server, path: str) -> None:
    """Log in as the owner of everything, and go to this path of the server."""
    page.goto(f"http://{HOST}:{server.port}/login?next={quote(path)}")
    page.get_by_label("User name").fill("harbour")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def _watched(chromium: str, server: Server, service: WebService, seconds: float, calm_s: float) -> _Seen:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, contextlib.closing(Asker(server, service)) as asker:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        figure = _opened(page, server, service)
        calm = _steady(server, calm_s)
        figure.evaluate(NOTE_FIGURES)
        began, cpu, memory = time.monotonic(), chromium_cpu_s(), [server.memory() or Memory(1, 0)]
        server_s = server.cpu_s()
        told = []
        while time.monotonic() < began + seconds:
            asked = time.time()
            told.append(Figure(asked, msgspec.json.decode(asker.ask("summary"))["results"]["requests"]))
            memory.append(server.memory() or Memory(1, 0))
            page.wait_for_timeout(1_000 * EACH_S)
        took = time.monotonic() - began
        page_s, all_s = (end - begin for begin, end in zip(cpu, chromium_cpu_s(), strict=True))
        server_s = server.cpu_s() - server_s
        shown = _shown(page, told[-1].requests)
        browser.close()
    return _Seen(took, page_s / took, all_s / took, server_s / took, behind_s(told, shown), memory, calm)


def _opened(page: Page, server: Server, service: WebService) -> Locator:
    """Log in and open the dashboard; returns the element with the requests of the period."""
    log_in(page, server, f"/view/dashboard/{service.wsid}")
    figure = page.locator('[data-tile="requests"] .tile-value b')
    figure.filter(has_text=re.compile("[0-9]")).wait_for()
    return figure


def _shown(page: Page, requests: int) -> list[Figure]:
    """What the page has shown, once it has shown so many requests."""
    until = time.monotonic() + CAUGHT_UP_S
    while time.monotonic() < until:
        shown = [Figure(at, _number(text)) for at, text in page.evaluate("window.shownFigures")]
        if shown[-1].requests >= requests:
            return shown
        page.wait_for_timeout(100)
    raise RuntimeError(f"the page does not show {requests} requests within {CAUGHT_UP_S} s")


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def behind_s(told: Sequence[Figure], shown: Sequence[Figure]) -> list[float]:
    """For each figure that the API told, seconds from when it was asked until as much was shown.

    0 where as much was shown before. Both are in the order of time; what was shown last is at least what was told last.
    """
    requests = [one.requests for one in shown]
    return [max(0.0, shown[bisect_left(requests, one.requests)].at - one.at) for one in told]


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
