# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: what is sought in them, their pages and orders, large, full screen and as a table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess, WebService, until

from .conftest import Fresh, Opening

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGES = 130


def request(**fields: Any) -> dict[str, Any]:
    return {"url": "/", "ip": "8.8.8.8", "useragent": AGENT, "status": 200, "ts": time.time() - 60, **fields}


@pytest.fixture(scope="module")
def wide(server: ServerProcess) -> WebService:
    """A web service with 130 pages: page 1 with 3 requests, 2 to 9 with 2 each, the others with 1; 140 in all."""
    service = server.webservice("wide.example", "Europe/Berlin")
    events = [
        request(url=f"/Seite/{n:03}", bytes=n * 1000, ip="194.25.0.60" if n % 2 else "8.8.8.8")
        for n in range(1, PAGES + 1)
        for _ in range(3 if n == 1 else 2 if n < 10 else 1)
    ]
    report(server, service, events)
    return service


@pytest.fixture
def looked(wide: WebService, opened: Opening) -> Callable[..., Page]:
    """looked(query): the page of that web service, where its figures have come."""

    def look(query: str = "", **options: Any) -> Page:
        page = opened(f"/view/dashboard/{wide.wsid}{query}", **options).page
        expect(page.locator(".panel.large tbody tr, #view-url tbody tr").first).to_be_visible()
        return page

    return look


def names(page: Page, view: str) -> Locator:
    return page.locator(f"#view-{view} tbody .name")


def shown(page: Page, view: str) -> int:
    """The sum of the requests in a panel's rows."""
    cells = page.locator(f"#view-{view} tbody td:nth-of-type(1)").all_inner_texts()
    return sum(int(text.replace(",", "")) for text in cells)


# -- search -----------------------------------------------------------------------------------------------------------


def test_a_search_looks_through_every_key_and_totals_stay_exact(looked: Callable[..., Page]) -> None:
    page = looked()
    panel = page.locator("#view-url")
    panel.get_by_role("button", name="Search Pages").click()
    box = panel.get_by_role("searchbox", name="Search Pages")
    expect(box).to_be_focused()
    page.keyboard.type("seite/12")
    expect(names(page, "url")).to_have_text([f"/Seite/{n}" for n in range(120, 128)] + ["Everything else"])
    assert shown(page, "url") == 140
    box.fill("SEITE/129")
    expect(names(page, "url")).to_have_text(["/Seite/129", "Everything else"])
    expect(panel.locator("tbody td:nth-of-type(2)")).to_have_text(["0.71%", "99.3%"])
    assert "search=SEITE%2F129" in (panel.locator(".csv").get_attribute("href") or "")
    box.fill("nowhere")
    expect(panel).to_contain_text("No pages contain “nowhere”")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(panel.get_by_role("button", name="Search Pages")).to_be_focused()
    expect(names(page, "url").first).to_have_text("/Seite/001")


def test_countries_are_sought_by_their_names(looked: Callable[..., Page]) -> None:
    page = looked()
    panel = page.locator("#view-country")
    panel.get_by_role("button", name="Search Countries").click()
    page.keyboard.type("germ")
    expect(names(page, "country")).to_have_text(["DE Germany", "Everything else"])
    assert shown(page, "country") == 140


def test_what_was_found_filters_everything(looked: Callable[..., Page]) -> None:
    page = looked()
    page.locator("#view-url").get_by_role("button", name="Search Pages").click()
    page.keyboard.type("/130")
    page.locator("#view-url").get_by_role("button", name="/Seite/130", exact=True).click()
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("1")
    expect(page.locator("#chips li")).to_have_text(["Page is /Seite/130"])


# -- large, pages, orders ---------------------------------------------------------------------------------------------


def test_all_keys_are_paged_through(looked: Callable[..., Page]) -> None:
    page = looked()
    panel = page.locator("#view-url")
    panel.get_by_role("button", name="Show all of Pages").click()
    expect(page).to_have_url(re.compile(r"\?large=url$"))
    pager = panel.get_by_role("navigation", name="Pages of Pages")
    expect(pager).to_contain_text("1\N{EN DASH}50 of 130")
    expect(names(page, "url")).to_have_count(51)
    expect(names(page, "url").last).to_have_text("80 more")
    assert shown(page, "url") == 140
    expect(pager.get_by_role("button", name="Previous page")).to_have_attribute("aria-disabled", "true")
    pager.get_by_role("button", name="Next page").click()
    expect(pager).to_contain_text("51\N{EN DASH}100 of 130")
    expect(names(page, "url").first).to_have_text("/Seite/051")
    assert shown(page, "url") == 140
    pager.get_by_role("button", name="Next page").click()
    expect(pager).to_contain_text("101\N{EN DASH}130 of 130")
    expect(names(page, "url")).to_have_count(31)
    expect(pager.get_by_role("button", name="Next page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(pager).to_contain_text("101\N{EN DASH}130 of 130")
    panel.get_by_role("button", name="Search Pages").click()
    page.keyboard.type("/00")
    expect(pager).to_contain_text("9 in all")
    expect(names(page, "url")).to_have_count(10)


def test_a_large_panel_is_sorted_by_any_measure(looked: Callable[..., Page]) -> None:
    page = looked("?large=url")
    panel = page.locator("#view-url")
    expect(names(page, "url").first).to_have_text("/Seite/001")
    panel.get_by_role("button", name="Data").click()
    expect(names(page, "url").first).to_have_text("/Seite/130")
    expect(panel.locator('th[aria-sort="descending"]')).to_have_text("Data ↓")
    expect(panel.get_by_role("button", name="Data")).to_be_focused()
    panel.get_by_role("button", name="Name", exact=True).click()
    expect(names(page, "url").first).to_have_text("/Seite/001")
    expect(panel.locator('th[aria-sort="ascending"]')).to_contain_text("Name ↑")
    assert "sort=key" in (panel.locator(".csv").get_attribute("href") or "")


def test_large_hides_the_others_and_escape_goes_back_to_where_one_was(looked: Callable[..., Page]) -> None:
    page = looked()
    opener = page.locator("#view-device").get_by_role("button", name="Devices: open large")
    opener.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 0
    opener.click()
    expect(page.locator("#tiles")).to_be_hidden()
    expect(page.locator("#view-url")).to_be_hidden()
    expect(page.get_by_role("button", name="24 h")).to_be_visible()
    expect(page.locator("#view-device")).to_be_in_viewport()
    expect(page.locator("#view-device thead th.n")).to_have_count(7)
    page.keyboard.press("Escape")
    expect(page.locator("#tiles")).to_be_visible()
    expect(opener).to_be_focused()
    until(lambda: abs(page.evaluate("scrollY") - before) < 40, "the page is where it was")
    expect(page.locator("#view-device canvas.donut")).to_be_visible()
    expect(page.locator("#view-device thead th.n")).to_have_count(2)
    page.go_back()
    expect(page.locator("#tiles")).to_be_hidden()
    page.reload()
    expect(page.locator("#view-device thead th.n")).to_have_count(7)
    page.locator("#view-device").get_by_role("button", name="Devices: close").click()
    expect(page.locator("#tiles")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "panel", "part"),
    [("graph", ".surface", "#graph canvas"), ("map", "#map", ".map-land"), ("tail", "#tail", "#tail")],
)
def test_graph_map_and_latest_requests_open_large_too(
    looked: Callable[..., Page], name: str, panel: str, part: str
) -> None:
    page = looked()
    at = page.locator(panel)
    drawn = page.locator(part)
    expect(drawn).to_be_visible()
    drawn.scroll_into_view_if_needed()
    small = drawn.bounding_box()
    at.get_by_role("button", name="open large").click()
    expect(page).to_have_url(re.compile(rf"\?large={name}$"))
    expect(page.locator("#view-url")).to_be_hidden()

    def larger() -> bool:
        box = drawn.bounding_box()
        assert small is not None
        return box is not None and box["height"] > small["height"] + 50

    until(larger, "it has grown")
    page.keyboard.press("Escape")
    expect(page.locator("#view-url")).to_be_visible()

    def as_before() -> bool:
        box = drawn.bounding_box()
        return box is not None and small is not None and abs(box["height"] - small["height"]) < 2

    until(as_before, "it is as it was")


def test_keys_open_large_as_a_table_and_full_screen(looked: Callable[..., Page]) -> None:
    page = looked()
    browsers = page.locator("#view-browser")
    browsers.scroll_into_view_if_needed()
    browsers.locator("h2").hover()
    page.keyboard.press("t")
    expect(browsers.locator("canvas.donut")).to_have_count(0)
    expect(browsers.locator("thead th.n")).to_have_count(7)
    expect(browsers.get_by_role("button", name="Browsers as a table")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("t")
    expect(browsers.locator("canvas.donut")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("large=browser"))
    page.keyboard.press("Escape")
    expect(page.locator("#tiles")).to_be_visible()
    browsers.locator("h2").hover()
    page.locator("body").press("f")
    until(lambda: page.evaluate("document.fullscreenElement?.id") == "view-browser", "it fills the screen")
    expect(browsers.locator("thead th.n")).to_have_count(7)
    browsers.get_by_role("button", name="leave full screen").click()
    until(lambda: page.evaluate("document.fullscreenElement") is None, "it does no longer")
    expect(page.locator("#tiles")).to_be_visible()
    page.locator("#graph-title").hover()
    page.keyboard.press("t")
    expect(page.locator("#graph-table tbody tr").first).to_be_visible()


def test_a_panel_of_nothing_opens_large_as_well(wide: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{wide.wsid}?large=utm_medium").page
    expect(page.locator("#view-utm_medium")).to_contain_text("No campaign media reported")
    page.locator("#view-utm_medium").get_by_role("button", name="Show less").click()
    expect(page.locator("#tiles")).to_be_visible()


# -- while it lives ---------------------------------------------------------------------------------------------------


def test_rows_are_kept_and_stay_under_the_pointer(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [request(url="/a")] * 3 + [request(url="/b")] * 2)
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(names(page, "url")).to_have_text(["/a", "/b"])
    page.locator("#view-url tbody").evaluate(
        "list => { for (const row of list.children) row.marked = true; }"
    )
    second = page.locator("#view-url").get_by_role("button", name="/b", exact=True)
    second.hover()
    report(server, service, [request(url="/b")] * 5)
    expect(page.locator("#view-url tbody td:nth-of-type(1)")).to_have_text(["3", "7"])
    expect(names(page, "url")).to_have_text(["/a", "/b"])
    page.mouse.move(0, 0)
    report(server, service, [request(url="/c")])
    expect(names(page, "url")).to_have_text(["/b", "/a", "/c"])
    marked = page.locator("#view-url tbody tr").evaluate_all("rows => rows.map((row) => row.marked === true)")
    assert marked == [True, True, False]


def test_a_row_that_moves_keeps_the_focus(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    report(server, service, [request(url="/a")] * 3 + [request(url="/b")] * 2)
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(names(page, "url")).to_have_text(["/a", "/b"])
    second = page.locator("#view-url").get_by_role("button", name="/b", exact=True)
    second.focus()
    report(server, service, [request(url="/b")] * 5)
    expect(names(page, "url")).to_have_text(["/b", "/a"])
    expect(second).to_be_focused()


def test_a_page_of_a_large_panel_stays_where_it_is(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [request(url=f"/{n:03}") for n in range(60)])
    page = opened(f"/view/dashboard/{service.wsid}?large=url").page
    page.locator("#view-url").get_by_role("button", name="Next page").click()
    expect(page.locator("#view-url .pager")).to_contain_text("51\N{EN DASH}60 of 60")
    report(server, service, [request(url="/new")])
    expect(page.locator("#view-url .pager")).to_contain_text("51\N{EN DASH}61 of 61")


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 768, 360])
def test_large_panels_fit_every_screen(
    looked: Callable[..., Page], screenshot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    page = looked("?large=url", viewport={"width": width, "height": 900}, color_scheme=scheme)
    expect(page.locator("#view-url .pager")).to_contain_text("1\N{EN DASH}50 of 130")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    screenshot(page, f"large-{width}-{scheme}")
