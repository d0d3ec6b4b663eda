# SPDX-License-Identifier: GPL-3.0-or-later
"""Dark or light by choice, and pages that hold on large screens, at 200 % and in forced colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Opening

BACKGROUND = "() => getComputedStyle(document.documentElement).backgroundColor"
DARK = "rgb(12, 15, 15)"
LIGHT = "rgb(246, 245, 241)"
SIDEWAYS = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def service(server: ServerProcess) -> WebService:
    made = server.webservice("looks.example", "Europe/Berlin")
    traffic = Traffic()
    report(server, made, [traffic.one() for _ in range(60)])
    return made


def looked(opened: Opening, service: WebService, **options: Any) -> Page:
    page = opened(f"/view/dashboard/{service.wsid}", **options).page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


def test_light_is_chosen_kept_and_taken_back(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = looked(opened, service, color_scheme="dark")
    assert page.evaluate(BACKGROUND) == DARK
    other = page.context.new_page()
    other.goto(page.url)
    page.locator(".scheme-wide summary").click()
    screenshot(page, "colours-dark")
    page.get_by_role("button", name="Light", exact=True).click()
    assert page.evaluate(BACKGROUND) == LIGHT
    other.wait_for_function(f"({BACKGROUND})() === '{LIGHT}'")
    answer = page.reload()
    assert answer is not None
    assert 'id="light" media="all"' in answer.text()  # so it comes light, and does not become it
    assert page.evaluate(BACKGROUND) == LIGHT
    expect(page.locator('.scheme-wide [data-choose="light"]')).to_have_attribute("aria-pressed", "true")
    page.locator(".scheme-wide summary").click()
    page.get_by_role("button", name="System", exact=True).click()
    assert page.evaluate(BACKGROUND) == DARK
    assert "tmon_scheme" not in {cookie["name"] for cookie in page.context.cookies()}


def test_on_a_phone_it_is_chosen_in_the_accounts_menu(service: WebService, opened: Opening) -> None:
    page = looked(opened, service, viewport={"width": 360, "height": 780}, color_scheme="light")
    page.locator(".account-narrow summary").click()
    page.locator(".account-narrow").get_by_role("button", name="Dark", exact=True).click()
    assert page.evaluate(BACKGROUND) == DARK


def test_what_is_printed_is_dark_on_white(service: WebService, opened: Opening) -> None:
    page = looked(opened, service, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate(BACKGROUND) == LIGHT
    page.emulate_media(media="screen")
    page.locator(".scheme-wide summary").click()
    page.get_by_role("button", name="Dark", exact=True).first.click()
    page.emulate_media(media="print")
    assert page.evaluate(BACKGROUND) == LIGHT


def test_paper_has_nothing_to_press(service: WebService, opened: Opening) -> None:
    page = looked(opened, service)
    page.emulate_media(media="print")
    expect(page.locator("#covered")).to_be_visible()
    pressed = page.locator("main button:not(.tile, .name, .open-row), main select, main input")
    expect(pressed.filter(visible=True)).to_have_count(0)


def test_what_is_large_begins_on_the_first_page(service: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{service.wsid}?large=url").page
    expect(page.locator("#view-url tbody tr").first).to_be_visible()
    page.emulate_media(media="print")
    assert page.locator("#view-url").evaluate("one => getComputedStyle(one).breakInside") == "auto"


@pytest.mark.parametrize("width", [1440, 900, 720, 360])
def test_the_header_has_room_for_the_name(service: WebService, opened: Opening, width: int) -> None:
    page = looked(opened, service, viewport={"width": width, "height": 800})
    shown = page.locator(".head h1").evaluate("one => [one.scrollWidth <= one.clientWidth, one.clientHeight]")
    assert shown == [True, 20]
    assert page.locator(".head").evaluate("one => one.clientHeight") <= 60


def test_a_cookie_that_says_something_else_says_nothing(service: WebService, opened: Opening) -> None:
    page = looked(opened, service, color_scheme="dark")
    page.context.add_cookies([{"name": "tmon_scheme", "value": '"><b>', "url": page.url}])
    page.reload()
    assert page.locator("#light").get_attribute("media") == "(prefers-color-scheme: light), print"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("4k", {"viewport": {"width": 3840, "height": 2160}}),
        ("200-percent", {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2}),
        ("forced-colours", {"forced_colors": "active"}),
    ],
)
def test_it_holds_elsewhere_too(
    service: WebService,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    name: str,
    options: dict[str, Any],
) -> None:
    page = looked(opened, service, **options)
    expect(page.locator("#tail tbody tr").first).to_be_visible()
    assert page.evaluate(SIDEWAYS) <= 0
    screenshot(page, f"dashboard-{name}")
