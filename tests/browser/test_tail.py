# SPDX-License-Identifier: GPL-3.0-or-later
"""The latest requests as they come: they stand still, are narrowed and sought, and open."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Fresh, Opening

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GERMAN = {"ip": "194.25.0.60", "useragent": LINUX, "method": "GET", "host": "www.northpier.example"}
AMERICAN = {**GERMAN, "ip": "18.9.22.69"}
HOSTILE = "/<img src=x onerror=alert(1)>?a='\"&\u202e"


def hit(url: str, **more: Any) -> dict[str, Any]:
    return {**GERMAN, "url": url, "status": 200, "duration_ms": 31, **more}


def ready(opened: Opening, service: WebService, query: str = "", **options: Any) -> Page:
    """The dashboard, once it is live."""
    page = opened(f"/view/dashboard/{service.wsid}{query}", **options).page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


def urls(page: Page) -> Locator:
    return page.locator("#tail tbody .open-row")


@pytest.fixture
def service(server: ServerProcess, fresh: Fresh) -> WebService:
    """A web service with three requests."""
    made = fresh()
    report(server, made, [hit("/one"), hit("/two", status=404), hit("/three", status=502)])
    return made


def test_it_stands_still_by_its_button_and_counts_what_has_come(
    server: ServerProcess, service: WebService, opened: Opening
) -> None:
    page = ready(opened, service)
    expect(urls(page)).to_have_text(["/three", "/two", "/one"])
    page.locator("#tail-pause").click()
    page.mouse.move(0, 0)
    report(server, service, [hit("/four"), hit("/five")])
    expect(page.locator("#tail-about")).to_have_text("Paused, 2 have come since")
    expect(urls(page)).to_have_text(["/three", "/two", "/one"])
    page.get_by_role("button", name="Go on").click()
    expect(urls(page)).to_have_text(["/five", "/four", "/three", "/two", "/one"])
    expect(page.locator("#tail-about")).not_to_contain_text("Paused")


def test_space_pauses_and_goes_on(server: ServerProcess, service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    expect(urls(page)).to_have_count(3)
    page.keyboard.press("Space")
    expect(page.locator("#tail-pause")).to_have_attribute("aria-pressed", "true")
    report(server, service, [hit("/four")])
    expect(page.locator("#tail-about")).to_have_text("Paused, 1 has come since")
    page.keyboard.press("Space")
    expect(urls(page).first).to_have_text("/four")


def test_it_stands_still_under_the_pointer_and_the_focus(
    server: ServerProcess, service: WebService, opened: Opening
) -> None:
    page = ready(opened, service)
    urls(page).nth(1).hover()
    report(server, service, [hit("/four")])
    expect(page.locator("#tail-about")).to_have_text("Paused, 1 has come since")
    page.mouse.move(0, 0)
    expect(urls(page)).to_have_count(4)
    urls(page).first.focus()
    report(server, service, [hit("/five")])
    expect(page.locator("#tail-about")).to_have_text("Paused, 1 has come since")
    page.locator("#tail-search").focus()
    expect(urls(page).first).to_have_text("/five")


def test_the_filters_of_the_page_narrow_it(
    server: ServerProcess, service: WebService, opened: Opening
) -> None:
    page = ready(opened, service, "?filter=country:US")
    expect(page.locator("#tail-none")).to_have_text("No request passes the filters.")
    report(server, service, [hit("/german"), hit("/american", ip=AMERICAN["ip"])])
    expect(urls(page)).to_have_text(["/american"])
    expect(page.locator("#tail-none")).to_be_hidden()


def test_a_text_is_sought_in_all_fields(server: ServerProcess, service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    expect(urls(page)).to_have_count(3)
    page.locator("#tail-search").fill("TW")
    expect(urls(page)).to_have_text(["/two"])
    expect(page.locator("#tail-about")).to_contain_text("1 of the latest 3")
    report(server, service, [hit("/plain"), hit("/with", plan="twilight")])
    expect(urls(page)).to_have_text(["/with", "/two"])
    page.locator("#tail-search").fill("nowhere")
    expect(page.locator("#tail-none")).to_have_text("None of the latest 5 requests holds “nowhere”.")
    page.locator("#tail-search").fill("")
    expect(urls(page)).to_have_count(5)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (768, "light"), (360, "dark")])
def test_a_request_opens_with_all_of_its_fields(
    server: ServerProcess,
    service: WebService,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    width: int,
    scheme: str,
) -> None:
    extras = {"plan": "team", "<b>bold</b>": "<script>alert(1)</script>"}
    report(server, service, [hit(HOSTILE, username="alice", bytes=62_400, **extras)])
    page = ready(opened, service, viewport={"width": width, "height": 800}, color_scheme=scheme)
    urls(page).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("h2")).to_contain_text(HOSTILE)
    shown = dict(
        zip(dialog.locator("dt").all_inner_texts(), dialog.locator("dd").all_inner_texts(), strict=True)
    )
    assert shown["Country"] == "Germany (DE)"
    assert shown["Status"] == "200 OK"
    assert shown["Size"] == "62.4 kB"
    assert shown["Browser"] == "Firefox"
    assert shown["User name"] == "alice"
    assert shown["plan"] == "team"
    assert shown["<b>bold</b>"] == "<script>alert(1)</script>"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    screenshot(page, f"tail-detail-{width}-{scheme}")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(urls(page).first).to_be_focused()


def test_a_request_is_reached_and_opened_by_keys(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    expect(urls(page)).to_have_count(3)
    page.locator("#tail .tools button").last.focus()
    page.keyboard.press("Tab")
    expect(urls(page).first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(urls(page).nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator("h2")).to_have_text("200 /one")
    page.keyboard.press("Enter")  # the dialog's own button
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(urls(page).nth(2)).to_be_focused()


def test_a_request_is_copied_as_json(server: ServerProcess, service: WebService, opened: Opening) -> None:
    page = ready(opened, service, permissions=["clipboard-read", "clipboard-write"])
    urls(page).first.click()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == server.ask(service, "events", limit=1)["results"][0]


def test_a_request_narrows_the_page(service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    urls(page).nth(1).click()
    page.get_by_role("button", name="Only 404").click()
    page.wait_for_url("**filter=status%3A404*")
    expect(urls(page)).to_have_text(["/two"])


def test_large_it_lists_older_ones_and_filters_by_what_is_pressed(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = fresh()
    traffic = Traffic()
    report(server, service, [{**traffic.one(), "url": f"/page/{at}"} for at in range(450)])
    page = ready(opened, service)
    expect(urls(page)).to_have_count(16)  # what there is room for beside the map
    page.get_by_role("button", name="Open request log").click()
    page.wait_for_url("**large=tail*")
    expect(urls(page)).to_have_count(100)
    screenshot(page, "tail-large-dark")
    page.get_by_role("button", name="Older ones").click()
    expect(urls(page)).to_have_count(300)
    page.get_by_role("button", name="Older ones").click()
    expect(urls(page)).to_have_count(450)
    page.get_by_role("button", name="Older ones").click()
    page.locator('#tail [data-by="url"]').nth(4).click()
    page.wait_for_url("**filter=url%3A%2Fpage%2F445*")
    expect(urls(page)).to_have_text(["/page/445"])
    page.go_back()
    expect(urls(page)).to_have_count(450)
    page.go_back()
    expect(urls(page)).to_have_count(16)


def test_a_sample_is_called_so(server: ServerProcess, service: WebService, opened: Opening) -> None:
    page = ready(opened, service)
    expect(urls(page)).to_have_count(3)
    report(server, service, [hit(f"/many/{at}") for at in range(300)])
    expect(page.locator("#tail-about")).to_contain_text("of which at most 50 are shown")
    expect(urls(page).first).to_contain_text("/many/")
    urls(page).first.click()
    expect(page.get_by_role("dialog").locator(".notice")).to_contain_text("One of a sample")
