# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a web service that has reported nothing yet."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess

from .conftest import Fresh, Opening

EVENT = {"url": "/hello", "ip": "8.8.8.8", "useragent": "curl/8.5.0"}


def test_it_shows_the_dsn_and_becomes_the_dashboard_with_the_first_event(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = fresh()
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    expect(page.locator("#dsn")).to_have_text(server.dsn(service))
    expect(page.locator(".covered-key")).to_have_css("font-size", "0px")
    screenshot(page, "first-run-dark")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".covered-key")).not_to_have_css("font-size", "0px")
    report(server, service, [EVENT])
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("1")
    assert server.dsn(service) not in page.content()


def test_events_of_years_ago_are_noticed_too(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    report(server, service, [{**EVENT, "ts": "2015-05-17T10:05:03Z"}])
    expect(page.locator("#tiles")).to_be_visible()


def test_a_phone_shows_it_without_scrolling_sideways(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = fresh()
    page = opened(
        f"/view/dashboard/{service.wsid}", viewport={"width": 360, "height": 780}, color_scheme="light"
    ).page
    expect(page.locator("#answers")).to_contain_text("127.0.0.1")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    hidden = page.locator("pre").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
    assert hidden == [0, 0]
    screenshot(page, "first-run-360")
