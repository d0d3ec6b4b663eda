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


def test_it_says_that_the_first_event_is_there_before_it_becomes_the_dashboard(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    report(server, service, [EVENT])
    expect(page.get_by_text("The first event is here")).to_be_visible()
    expect(page.locator("#tiles")).to_be_visible()


def test_an_event_that_was_rejected_is_said_and_the_quarantine_shows_it(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    wrong = {**EVENT, "useragent": "<img src=x onerror=alert(1)>"}
    del wrong["url"]
    assert server.collect(service, service.seal(wrong)).status == 400
    expect(page.get_by_text("An event was rejected: url missing")).to_be_visible()
    page.get_by_role("link", name="See the quarantine").click()
    expect(page.locator("pre")).to_contain_text("<img src=x onerror=alert(1)>")


def test_each_language_has_its_program_to_choose_with_the_keyboard(
    fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = opened(f"/view/dashboard/{fresh().wsid}").page
    expect(page.locator(".snippet:visible pre")).to_contain_text("tmon.track(")
    page.get_by_label("Python", exact=True).first.focus()
    for text in (
        "createCipheriv",
        "openssl_encrypt",
        "cipher.NewGCM",
        "AES/GCM/NoPadding",
        "new AesGcm",
        "tmon send",
    ):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".snippet:visible pre")).to_contain_text(text)
    page.locator("label", has_text="Node").click()
    screenshot(page, "first-run-node")


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
    assert len(hidden) == 7
    assert set(hidden) == {0}
    screenshot(page, "first-run-360")
