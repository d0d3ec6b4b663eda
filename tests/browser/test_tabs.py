# SPDX-License-Identifier: GPL-3.0-or-later
"""Many tabs of one browser: they share one stream per web service, leave connections free, and end together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService, until

from .conftest import Fresh, Watched
from .test_stale import SEEN, UNREACHABLE

NO_WORKERS = "delete globalThis.SharedWorker;"
REFUSED = ["status of 401", "status of 404", "MIME type", "ERR_INCOMPLETE_CHUNKED_ENCODING"]
ASKED_MS = """async (path) => {
    const began = performance.now();
    const response = await fetch(path, { cache: "no-store" });
    await response.json();
    return performance.now() - began;
}"""
Tab = Callable[..., Page]


@pytest.fixture
def tab(browser: Browser, address: str, login: Any) -> Iterator[Tab]:
    """tab(path): one more tab of the same browser, in which the owner is logged in."""
    context: BrowserContext = browser.new_context(
        storage_state=login, viewport={"width": 1440, "height": 900}
    )
    tabs: list[Watched] = []

    def open_(path: str, allowed: list[str] | None = None) -> Page:
        watched = Watched(context, address)
        watched.allowed += allowed or []
        tabs.append(watched)
        watched.page.goto(f"{address}{path}")
        return watched.page

    yield open_
    context.close()
    assert [one for watched in tabs for one in watched.wrong] == []


def reported(server: ServerProcess, service: WebService, count: int = 1) -> None:
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(count)])


def live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=30_000)


def requests(page: Page) -> Any:
    return page.locator('[data-tile="requests"] .tile-value b')


def streams(server: ServerProcess) -> float:
    return server.metric("tmon_live_streams")


def test_ten_tabs_of_three_web_services_are_live_with_three_streams(
    server: ServerProcess, fresh: Fresh, tab: Tab
) -> None:
    until(lambda: streams(server) == 0, "nobody watches")
    services = [fresh() for _ in range(3)]
    for service in services:
        reported(server, service)
    opened = [(tab(f"/view/dashboard/{services[at % 3].wsid}"), services[at % 3]) for at in range(10)]
    for page, _ in opened:
        live(page)
    assert streams(server) == 3
    waited_ms = [page.evaluate(ASKED_MS, f"/{service.wsid}/data/summary") for page, service in opened]
    print("asked while ten tabs are live:", [round(ms) for ms in waited_ms], "ms")
    assert max(waited_ms) < 5_000  # without a free connection it would wait for ever
    for service in services:
        reported(server, service, 2)
    for page, _ in opened:
        expect(requests(page)).to_have_text("3", timeout=30_000)
        expect(page.locator(".tail tbody tr")).to_have_count(3)


def test_more_web_services_than_connections_are_live_too(
    server: ServerProcess, fresh: Fresh, tab: Tab
) -> None:
    until(lambda: streams(server) == 0, "nobody watches")
    services = [fresh() for _ in range(7)]
    for service in services:
        reported(server, service)
    pages = [tab(f"/view/dashboard/{service.wsid}") for service in services]
    for page in pages:
        live(page)
    assert streams(server) == 3
    for service, page in zip(services, pages, strict=True):
        reported(server, service, 2)
        expect(page.locator(".tail tbody tr")).to_have_count(3, timeout=30_000)
        expect(requests(page)).to_have_text("3", timeout=30_000)
    pages[0].close()
    until(lambda: streams(server) == 3, "the freed connection is another's")
    for page in pages[1:]:
        live(page)


def test_the_stream_ends_with_the_last_tab_that_is_seen(
    server: ServerProcess, fresh: Fresh, tab: Tab
) -> None:
    until(lambda: streams(server) == 0, "nobody watches")
    service = fresh()
    reported(server, service)
    first, second = (tab(f"/view/dashboard/{service.wsid}") for _ in range(2))
    live(first)
    live(second)
    first.evaluate(SEEN, "hidden")
    reported(server, service)
    expect(requests(second)).to_have_text("2")
    assert streams(server) == 1
    second.close()
    until(lambda: streams(server) == 0, "nobody sees it")
    first.evaluate(SEEN, "visible")
    live(first)
    expect(requests(first)).to_have_text("2")
    assert streams(server) == 1


def test_without_such_workers_a_page_has_its_own_stream(
    server: ServerProcess, fresh: Fresh, browser: Browser, address: str, login: Any
) -> None:
    service = fresh()
    reported(server, service)
    context = browser.new_context(storage_state=login)
    watched = Watched(context, address)
    watched.page.add_init_script(NO_WORKERS)
    watched.page.goto(f"{address}/view/dashboard/{service.wsid}")
    live(watched.page)
    reported(server, service)
    expect(requests(watched.page)).to_have_text("2")
    expect(watched.page.locator(".tail tbody tr")).to_have_count(2)
    context.close()
    assert watched.wrong == []


def test_all_tabs_are_stale_without_the_server_and_live_with_it(
    server: ServerProcess, fresh: Fresh, tab: Tab
) -> None:
    services = [fresh(), fresh()]
    for service in services:
        reported(server, service)
    pages = [tab(f"/view/dashboard/{service.wsid}", UNREACHABLE) for service in services * 2]
    for page in pages:
        live(page)
    server.stop()
    for page in pages:
        expect(page.locator("#live")).to_have_attribute("data-state", "stale")
    server.start()
    for page in pages:
        live(page)
    for service in services:
        reported(server, service)
    for page in pages:
        expect(requests(page)).to_have_text("2", timeout=30_000)


def test_a_login_that_ends_ends_the_stream_in_all_tabs(
    server: ServerProcess, fresh: Fresh, browser: Browser, address: str
) -> None:
    until(lambda: streams(server) == 0, "nobody watches")
    service = fresh()
    reported(server, service)
    server.command("user", "create", "passing", "--password-stdin", stdin="wandering albatross over water\n")
    server.command("webservice", "member", "add", str(service.wsid), "passing")
    context = browser.new_context()
    tabs = [Watched(context, address) for _ in range(3)]
    for one in tabs:
        one.allowed += REFUSED
    first = tabs[0].page
    first.goto(f"{address}/login?next=/view/dashboard/{service.wsid}")
    first.get_by_label("User name").fill("passing")
    first.get_by_label("Password").fill("wandering albatross over water")
    first.get_by_role("button", name="Log in").click()
    live(first)
    for one in tabs[1:]:
        one.page.goto(f"{address}/view/dashboard/{service.wsid}?period=7d")
        live(one.page)
    first.locator(".account-wide").get_by_role("button", name="Log out").click()
    for one in tabs[1:]:
        expect(one.page.locator("#banner-what")).to_have_text("You are logged out.", timeout=30_000)
        expect(one.page.locator("#banner-login")).to_have_attribute(
            "href", re.compile("^/login\\?next=/view/dashboard/")
        )
    until(lambda: streams(server) == 0, "the stream has ended")
    context.close()
    assert [wrong for one in tabs for wrong in one.wrong] == []
