# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard on a phone: the toolbar is a sheet, and the parts of the page are reached from its bottom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Opening

PHONE = {"width": 360, "height": 780}


@pytest.fixture(scope="module")
def service(server: ServerProcess) -> WebService:
    made = server.webservice("phone.example", "Europe/Berlin")
    traffic = Traffic()
    report(server, made, [traffic.one() for _ in range(60)])
    return made


def on_a_phone(opened: Opening, service: WebService, query: str = "", **options: Any) -> Page:
    page = opened(f"/view/dashboard/{service.wsid}{query}", viewport=PHONE, has_touch=True, **options).page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_period_is_chosen_in_a_sheet(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None], scheme: str
) -> None:
    page = on_a_phone(opened, service, color_scheme=scheme)
    expect(page.locator("#periods")).to_be_hidden()
    page.locator(".sheet-period").tap()
    sheet = page.get_by_role("dialog", name="Filters and period")
    expect(sheet.get_by_role("button", name="Show 60 requests")).to_be_focused()
    screenshot(page, f"sheet-360-{scheme}")
    sheet.get_by_role("combobox", name="Period").select_option("Today")
    sheet.get_by_role("button", name="Show 60 requests").tap()
    expect(sheet).to_be_hidden()
    expect(page.locator(".sheet-period")).to_have_text("Today")
    page.wait_for_url("**period=today*")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_filters_are_counted_and_cleared(service: WebService, opened: Opening) -> None:
    page = on_a_phone(opened, service, "?filter=country:DE&filter=!device:bot")
    expect(page.locator(".sheet-filters")).to_have_text("Filters2")
    page.locator(".sheet-filters").tap()
    page.get_by_role("dialog").get_by_role("button", name="Clear", exact=True).tap()
    expect(page.locator(".sheet-filters .count")).to_be_hidden()
    assert "filter" not in page.url


def test_the_navigation_leads_to_the_parts(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = on_a_phone(opened, service)
    nav = page.get_by_role("navigation", name="Parts of this page")
    nav.get_by_role("link", name="Map").tap()
    expect(page.locator("#map")).to_be_in_viewport(ratio=0.5)
    nav.get_by_role("link", name="Requests").tap()
    page.wait_for_url("**large=tail*")
    expect(nav.get_by_role("link", name="Requests")).to_have_attribute("aria-current", "page")
    screenshot(page, "phone-requests")
    nav.get_by_role("link", name="Overview").tap()
    expect(nav.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")
    assert "large" not in page.url


def test_with_room_the_toolbar_is_part_of_the_page(service: WebService, opened: Opening) -> None:
    page = on_a_phone(opened, service)
    page.set_viewport_size({"width": 1024, "height": 780})
    expect(page.locator("#periods")).to_be_visible()
    expect(page.locator(".phone-bar")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Parts of this page")).to_be_hidden()
