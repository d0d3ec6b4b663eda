# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the dashboard takes to be complete in a browser that has never seen it.

Complete is a page when every panel shows its keys and nothing it asked for (scripts, fonts, the map, questions) is
under way any more, nor anything new for 0.4 s: from then on it asks once a second for what is new. It begins with that
while the last panels are on their way, so the same question asked once more is not waited for. Time runs from the start
of the navigation, as the browser tells it. Each load is in a context of its own, whose cache is empty; the server has
been asked the same before.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from tests.chromium import ARGUMENTS

from .dashboard import PASSWORD, log_in
from .serving import HOST, Server, WebService, command
from .table import Table, median, progress

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET_S: Final = 1.0
TARGET_BYTES: Final = 250_000
WATCHED_MS: Final = 3_000
QUIET_MS: Final = 400.0

NOTE_PANELS: Final = """
window.panelsShown = 0;
new MutationObserver(() => { window.panelsShown = performance.now(); })
    .observe(document, { subtree: true, attributes: true, attributeFilter: ["aria-busy"] });
"""
ANSWERS: Final = """() => {
    const asked = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .map(one => [one.startTime, one.responseEnd, one.name, one.encodedBodySize]);
    return { asked, panels: window.panelsShown,
             busy: document.querySelectorAll('.panel-body[aria-busy="true"]').length };
}"""


class _Load(NamedTuple):
    seconds: float
    asked: int
    last: str
    """What was answered last."""
    size: int
    """Bytes of the page, its files and the answers, as they came: compressed."""
    answers: int
    """The part of them that is answers of the API."""


def measure(
    table: Table, title: str, data: Path, service: WebService, *, loads: int, target_s: float = TARGET_S
) -> None:
    """Fill the section about the first load of this store's dashboard."""
    table.section(title)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        table.add("not measured", "there is no chromium", "apt-get install chromium")
        return
    command(data, "user", "password", "harbour", "--password-stdin", stdin=PASSWORD)
    progress(f"the dashboard's first load, {loads} times")
    with Server(data) as server:
        seen = _loads(chromium, server, service, loads)
    times = [one.seconds for one in seen]
    slowest = max(seen)
    table.at_most(
        "complete, the slowest load",
        slowest.seconds,
        target_s,
        f"{slowest.seconds:.2f} s",
        f"median {median(times):.2f} s of {loads}; {slowest.asked} files and answers, the last {slowest.last}; "
        f"target {target_s:g} s",
    )
    largest = max(one.size for one in seen)
    table.at_most(
        "gzipped, page, files and answers",
        largest,
        TARGET_BYTES,
        f"{largest / 1_000:.1f} KB",
        f"{max(one.answers for one in seen) / 1_000:.1f} KB of it answers; target {TARGET_BYTES / 1_000:g} KB",
    )


def _loads(chromium: str, server: Server, service: WebService, loads: int) -> list[_Load]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        path = f"/view/dashboard/{service.wsid}"
        log_in(page, server, path)
        page.locator('[data-tile="requests"] .tile-value b').wait_for()
        login = page.context.storage_state()
        page.context.close()
        seen = []
        for _ in range(loads):
            context = browser.new_context(viewport={"width": 1440, "height": 900}, storage_state=login)
            context.add_init_script(NOTE_PANELS)
            seen.append(_loaded(context.new_page(), f"http://{HOST}:{server.port}{path}"))
            context.close()
        browser.close()
    return seen


def _loaded(page: Page, address: str) -> _Load:
    page.goto(address)
    page.wait_for_timeout(WATCHED_MS)
    answers = page.evaluate(ANSWERS)
    if answers["busy"]:
        raise RuntimeError(f"{answers['busy']} panels show nothing after {WATCHED_MS} ms")
    number, end_ms, last = 0, 0.0, ""
    size = of_answers = 0
    known = set()
    for started, ended, url, bytes_ in sorted(answers["asked"]):
        if number and started > end_ms + QUIET_MS:
            break
        if url in known:
            continue
        known.add(url)
        path = urlsplit(url).path
        number += 1
        size += bytes_
        of_answers += bytes_ if "/data/" in path else 0
        end_ms, last = max((end_ms, last), (ended, path))
    return _Load(max(end_ms, answers["panels"]) / 1_000, number, last, size, of_answers)
