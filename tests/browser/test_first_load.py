# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser that has nothing yet is sent for a dashboard: how much, and that it need not ask for it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Request, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess

from .conftest import Fresh, Watched

MOST_BYTES = 207_000
"""Of the page and its files, without the map's detail. The answers of the API come on top: `make bench` weighs all."""
TINY_BYTES = 300
"""What is no larger may come as it is: compressed it would be larger still."""
UNHASHED = {"vendor", "img"}


@pytest.fixture
def cold(browser: Browser, address: str, login: Any) -> Iterator[Watched]:
    """A page of a browser that has only the cookies of the owner."""
    context = browser.new_context(storage_state=login, viewport={"width": 1440, "height": 900})
    watched = Watched(context, address)
    yield watched
    context.close()
    assert watched.wrong == []


def test_the_page_and_its_files_are_small_and_what_was_built_is_kept_for_ever(
    cold: Watched, server: ServerProcess, fresh: Fresh, address: str
) -> None:
    service = fresh()
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(200)])
    finished: list[Request] = []
    # A lambda, since playwright marks what it is to call, and a method of a list cannot be marked.
    cold.page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108
    cold.page.goto(f"{address}/view/dashboard/{service.wsid}")
    expect(cold.page.locator("#live")).to_have_attribute("data-state", "live", timeout=30_000)
    expect(cold.page.locator('[data-tile="requests"] .tile-value b')).to_have_text("200")
    expect(cold.page.locator("#graph canvas").first).to_be_visible()
    expect(cold.page.locator("#map canvas").first).to_be_visible()

    sent = {
        one.url.removeprefix(address): one.sizes()["responseBodySize"]
        for one in finished
        if "/data/" not in one.url
    }
    worker = cold.page.locator("#dashboard").get_attribute("data-worker")
    assert worker
    with httpx.stream("GET", f"{address}{worker}", headers={"Accept-Encoding": "gzip"}) as answer:
        sent[worker] = len(b"".join(answer.iter_raw()))
    assert "/static/vendor/countries.json" in sent
    print(sum(sent.values()), "bytes of", len(sent), "files")
    assert sum(sent.values()) < MOST_BYTES, sorted(sent.items(), key=lambda one: -one[1])
    ours = [url for url in sent if url.startswith("/static/") and url.split("/")[2] not in UNHASHED]
    assert len(ours) < 16, ours
    for url in ours:
        assert url.startswith("/static/built/"), (
            f"{url}: is what was built older than its sources (make web)?"
        )
        headers = httpx.head(f"{address}{url}", headers={"Accept-Encoding": "gzip"}).headers
        assert "immutable" in headers["Cache-Control"], url
        assert (
            headers.get("Content-Encoding") == "gzip" or url.endswith(".woff2") or sent[url] <= TINY_BYTES
        ), url
