# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the dashboard: what they do, where they keep out of the way, and that they can be switched off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Opening


@pytest.fixture(scope="module")
def service(server: ServerProcess) -> WebService:
    """A web service that has reported something, beside another one."""
    server.webservice("other-keys.example", "Europe/Berlin")
    made = server.webservice("keys.example", "Europe/Berlin")
    traffic = Traffic()
    report(server, made, [traffic.one() for _ in range(20)])
    return made


def ready(opened: Opening, service: WebService, query: str = "", **options: object) -> Page:
    """The dashboard, once it is live: then its modules run."""
    page = opened(f"/view/dashboard/{service.wsid}{query}", **options).page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (360, "light")])
def test_the_help_lists_the_keys(
    service: WebService,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    page = ready(opened, service, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_.locator("dt", has_text="Help")).to_be_visible()
    expect(help_.locator("dl > div", has_text="Switch web service").locator("kbd")).to_have_text("S")
    screenshot(page, f"keys-{width}-{scheme}")
    page.keyboard.press("Escape")
    expect(help_).to_have_count(0)


def test_the_help_opens_by_its_button_and_gives_the_focus_back(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    button = page.locator(".head [data-help]")
    button.press("Enter")
    page.get_by_role("dialog", name="Keys").get_by_role("button", name="Close").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_keys_can_be_switched_off_and_stay_off(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    page.keyboard.press("?")
    page.get_by_role("switch").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.keyboard.press("s")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("details.switcher")).not_to_have_attribute("open", "")
    page.locator(".head [data-help]").click()
    page.get_by_role("switch").check()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.locator("details.switcher")).to_have_attribute("open", "")


def test_a_key_with_a_modifier_is_the_browsers(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    page.keyboard.press("Control+s")
    expect(page.locator("details.switcher")).not_to_have_attribute("open", "")


def test_s_leads_to_the_other_web_services(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    page.keyboard.press("s")
    expect(page.locator("details.switcher nav a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.switcher summary")).to_be_focused()


def test_who_types_presses_no_key(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    page.get_by_role("button", name="Custom").click()
    page.locator("#custom input[name=from]").focus()
    page.keyboard.press("?")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("details.switcher")).not_to_have_attribute("open", "")
