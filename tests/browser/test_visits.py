# SPDX-License-Identifier: GPL-3.0-or-later
"""Visits on the dashboard: their figures, the pages they begin and end with, and what a filter makes of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Fresh, Opening

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
NOON = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
"""Yesterday's: no visit goes on over midnight."""
DAY = f"?period=custom&from={NOON:%Y-%m-%d}&to={NOON:%Y-%m-%d}"


def figure(page: Page, name: str) -> Locator:
    return page.locator(f'[data-visits="{name}"] b')


@pytest.fixture
def visited(server: ServerProcess, fresh: Fresh) -> WebService:
    """Two visits: one of three pages in 90 s, with an asset and an error; and one that left after its first page."""
    service = fresh()
    then = NOON.timestamp()
    first = {"ip": "192.0.2.1", "useragent": AGENTS[0], "status": 200}
    second = {"ip": "192.0.2.2", "useragent": AGENTS[1], "status": 200}
    report(
        server,
        service,
        [
            {**first, "url": "/", "ts": then},
            {**first, "url": "/style.css", "ts": then + 1},
            {**first, "url": "/prices", "ts": then + 30},
            {**first, "url": "/broken", "ts": then + 60, "status": 500},
            {**first, "url": "/order", "ts": then + 90},
            {**second, "url": "/prices", "ts": then},
        ],
    )
    return service


def test_figures_of_visits_stand_beside_each_other(visited: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{visited.wsid}{DAY}").page
    expect(figure(page, "visits")).to_have_text("2")
    expect(figure(page, "pages")).to_have_text("2")
    expect(figure(page, "bounces")).to_have_text("50.0%")
    expect(figure(page, "mean")).to_have_text("45 s")


def test_entry_and_exit_pages_filter_by_their_page(visited: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{visited.wsid}{DAY}").page
    entries, exits = page.locator("#view-entry tbody tr"), page.locator("#view-exit tbody tr")
    expect(entries.locator(".name")).to_have_text(["/", "/prices"])
    expect(exits.locator(".name")).to_have_text(["/order", "/prices"])
    exits.filter(has_text="/order").locator(".name").click()
    expect(page).to_have_url(re.compile(r"filter=url(:|%3A)(/|%2F)order"))
    expect(figure(page, "visits")).to_have_text("1")  # the whole visit, of which that page is a part
    expect(figure(page, "mean")).to_have_text("1:30")
    expect(entries.locator(".name")).to_have_text(["/"])


def test_a_large_panel_of_visits_is_sorted_by_its_own_measures(visited: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{visited.wsid}{DAY}&large=entry").page
    panel = page.locator("#view-entry")
    expect(panel.locator("thead th")).to_have_text(
        [re.compile("^Name"), "Visits ↓", "Share", "After one page", "Pages", "Mean"]
    )
    panel.get_by_role("button", name="After one page").click()
    expect(panel.locator("tbody .name")).to_have_text(["/prices", "/"])
