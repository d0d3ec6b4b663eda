# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dashboard says while its server is away, and that it goes on by itself when it is back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, until

from .conftest import PASSWORD, Fresh, Opening, Watched

SEEN = """state => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
UNREACHABLE = [
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_EMPTY_RESPONSE",
]


def test_a_page_without_its_server_is_stale_and_recovers_by_itself(
    server: ServerProcess, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = server.webservice("stale.example", "Europe/Berlin")
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(200)])
    watched = opened(f"/view/dashboard/{service.wsid}")
    watched.allowed += UNREACHABLE
    page = watched.page
    requests = page.locator('[data-tile="requests"] .tile-value b')
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(requests).to_have_text("200")
    expect(page.locator("#view-country tbody tr")).to_have_count(9)
    server.stop()
    expect(page.locator("#live")).to_have_attribute("data-state", "stale")
    expect(page.locator("#banner")).to_have_text(
        re.compile(r"Connection lost \d+ s ago\. Figures are as of \d\d:\d\d:\d\d\.")
    )
    expect(page.locator('[data-tile="now"] .tile-value b')).to_have_text("\N{EN DASH}")
    expect(requests).to_have_text("200")
    expect(page.locator("#view-country tbody tr")).to_have_count(9)
    screenshot(page, "stale-dark")
    server.start()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#banner")).to_be_hidden()
    report(server, service, [traffic.one() for _ in range(5)])
    expect(requests).to_have_text("205")


@pytest.mark.parametrize("member", [True, False])
def test_figures_are_hidden_when_somebody_else_logs_in_in_another_tab(
    server: ServerProcess, fresh: Fresh, browser: Browser, address: str, member: bool
) -> None:
    service = fresh()
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(5)])
    names = [f"{name}-{service.wsid}" for name in ("first", "second")]
    for name in names:
        server.command("user", "create", name, "--password-stdin", stdin=f"{PASSWORD}\n")
    for name in names[: 2 if member else 1]:
        server.command("webservice", "member", "add", str(service.wsid), name)
    context = browser.new_context()
    old, new = (Watched(context, address) for _ in range(2))
    for one in (old, new):
        one.allowed += ["status of 401", "status of 404", "MIME type", *UNREACHABLE]

    def log_in_as(name: str, page: Page) -> None:
        page.goto(f"{address}/login?next=/view/dashboard/{service.wsid}")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()

    figures = old.page.locator(".surface, .grid, .toolbar, dialog")
    log_in_as(names[0], old.page)
    expect(old.page.locator('[data-tile="requests"] .tile-value b')).to_have_text("5")
    old.page.locator(".tail .open-row").first.click()
    expect(old.page.get_by_role("dialog")).to_be_visible()
    new.page.goto(f"{address}/")
    new.page.locator(".account-wide").get_by_role("button", name="Log out").click()
    log_in_as(names[1], new.page)
    expect(new.page.locator(".account-wide .pill")).to_have_text(names[1])
    expect(old.page.locator("#banner-what")).to_have_text("Somebody else has logged in.")
    expect(figures.filter(visible=True)).to_have_count(0)
    new.page.goto(f"{address}/")
    new.page.locator(".account-wide").get_by_role("button", name="Log out").click()
    log_in_as(names[0], new.page)
    expect(old.page.locator("#banner")).to_be_hidden()
    expect(old.page.locator('[data-tile="requests"] .tile-value b')).to_be_visible()
    context.close()
    assert old.wrong + new.wrong == []


def test_a_tab_that_nobody_sees_asks_for_nothing(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(3)])
    page = opened(f"/view/dashboard/{service.wsid}").page
    requests = page.locator('[data-tile="requests"] .tile-value b')
    expect(requests).to_have_text("3")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    streams = server.metric("tmon_live_streams")
    page.evaluate(SEEN, "hidden")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    report(server, service, [traffic.one() for _ in range(4)])
    until(lambda: server.metric("tmon_live_streams") < streams, "the stream is closed")
    other = opened(f"/view/dashboard/{service.wsid}").page.locator('[data-tile="requests"] .tile-value b')
    expect(other).to_have_text("7")
    report(server, service, [traffic.one()])
    expect(other).to_have_text("8")  # so the hidden one could have asked by now
    assert asked == []
    page.evaluate(SEEN, "visible")
    expect(requests).to_have_text("8")
