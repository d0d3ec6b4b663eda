# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall: what it shows and how large, its clock, and that it can be left alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Opening
from .test_stale import UNREACHABLE

FULL_HD = {"width": 1920, "height": 1080}
LARGEST = {"width": 3840, "height": 2160}
AN_HOUR_AHEAD = """
    const now = Date.now.bind(Date);
    Date.now = () => now() + 3_600_000;
"""
SHOWN_SECONDS = """() => {
    const text = document.querySelector(".wall-clock").textContent;
    const [hours, minutes, seconds] = text.split(":").map(Number);
    return hours * 3600 + minutes * 60 + seconds;
}"""
SMALLEST = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.querySelector(".wall-page"), NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const { parentElement: around } = node;
        if (!node.textContent.trim() || !around.checkVisibility({ visibilityProperty: true })) continue;
        if (around.closest(".visually-hidden, thead") || !around.getClientRects().length) continue;
        const size = parseFloat(getComputedStyle(around).fontSize) * (around.currentCSSZoom ?? 1);
        found.push([size, node.textContent.trim()]);
    }
    return found.sort(([one], [other]) => one - other)[0];
}"""
CUT = """all => all.filter(words => {
    const [size, line] = [getComputedStyle(words).fontSize, getComputedStyle(words).lineHeight].map(parseFloat);
    return line < size || line > words.clientHeight + 1;
}).map(words => words.textContent)"""
OVERFLOWS = """() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return [scrollWidth > innerWidth, scrollHeight > innerHeight];
}"""


@pytest.fixture(scope="module")
def service(server: ServerProcess) -> WebService:
    """A web service with requests of two days."""
    made = server.webservice("wall.example", "Europe/Berlin")
    traffic = Traffic()
    now = time.time()
    report(server, made, [traffic.one(now - 60 - 110 * at) for at in range(1500)])
    report(server, made, [traffic.one(now - at / 8) for at in range(400)])
    return made


def on_the_wall(opened: Opening, service: WebService, query: str = "", **options: Any) -> Page:
    page = opened(f"/view/dashboard/{service.wsid}?wall=1{query}", viewport=FULL_HD, **options).page
    expect(page.locator(".wall-page #live")).to_have_attribute("data-state", "live")
    expect(page.locator('[data-tile="requests"] .tile-value b')).not_to_have_text("\N{EN DASH}")
    expect(page.locator(".wall-ranking .still")).to_have_count(0)
    return page


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_shows_the_usual_areas_large(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None], scheme: str
) -> None:
    page = on_the_wall(opened, service, color_scheme=scheme)
    expect(page.locator(".wall-area")).to_have_count(5)
    expect(page.locator(".wall-graph canvas")).to_be_visible()
    expect(page.locator(".wall-ranking tbody tr").first).to_contain_text("Germany")
    expect(page.locator(".toolbar")).to_be_hidden()
    expect(page.get_by_role("banner")).to_have_count(0)
    size, text = page.evaluate(SMALLEST)
    assert size >= 28, text
    assert page.evaluate(OVERFLOWS) == [False, False]
    hero = page.locator(".wall-now .tile-value").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert hero >= 200
    figures = page.locator(".wall-figures .tile-value b").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert len(figures) == 3
    assert min(figures) >= 72
    clock = page.locator(".wall-clock").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert clock == pytest.approx(56)
    screenshot(page, f"wall-{scheme}")


def test_it_shows_what_the_address_names(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = on_the_wall(opened, service, "&show=requests,map,url,status,tail,errors")
    expect(page.locator(".wall-area h2:visible")).to_have_text(["Pages", "Statuses", "Requests as they come"])
    expect(page.locator(".wall-area")).to_have_count(6)
    size, text = page.evaluate(SMALLEST)
    assert size >= 28, text
    assert page.evaluate(OVERFLOWS) == [False, False]
    screenshot(page, "wall-chosen-dark")


def test_it_grows_with_the_screen(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = on_the_wall(opened, service)
    page.set_viewport_size(LARGEST)
    size, text = page.evaluate(SMALLEST)
    assert size >= 56, text
    assert page.evaluate(OVERFLOWS) == [False, False]
    screenshot(page, "wall-4k-dark")


@pytest.mark.parametrize("size", [FULL_HD, LARGEST])
def test_no_text_lies_over_another_or_is_cut_from_above(
    service: WebService, opened: Opening, size: dict[str, int]
) -> None:
    page = on_the_wall(opened, service, "&show=graph,url,status,map,tail,country")
    page.set_viewport_size(size)
    expect(page.locator(".wall-graph canvas")).to_be_visible()
    parts = [page.locator(part) for part in ("#graph-title", "#graph-legend", ".wall-graph #graph")]
    title, legend, graph = (part.bounding_box() for part in parts)
    assert title is not None
    assert legend is not None
    assert graph is not None
    beside = title["x"] + title["width"] <= legend["x"]
    assert beside or title["y"] + title["height"] <= legend["y"] + 1
    assert max(one["y"] + one["height"] for one in (title, legend)) <= graph["y"] + 1
    assert page.locator(".wall-ranking tr:not(.rest) .words").evaluate_all(CUT) == []


def test_the_clock_is_the_servers(service: WebService, opened: Opening) -> None:
    watched = opened("/login", logged_in=True, timezone_id="America/New_York", viewport=FULL_HD)
    page = watched.page
    page.add_init_script(AN_HOUR_AHEAD)
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}?wall=1")
    expect(page.locator(".wall-page #live")).to_have_attribute("data-state", "live")
    page.wait_for_function(
        """() => { const one = document.querySelector(".wall-clock"); return one.dateTime.endsWith("Z"); }"""
    )
    # The web service is in Berlin, which is whole hours from UTC.
    page.wait_for_function(
        f"""async () => {{
            const shown = ({SHOWN_SECONDS})();
            const response = await fetch("/", {{ method: "HEAD", cache: "no-store" }});
            const there = new Date(response.headers.get("Date"));
            const hours = {{ hour: "2-digit", hourCycle: "h23", timeZone: "Europe/Berlin" }};
            const inBerlin = new Intl.DateTimeFormat("en-GB", hours);
            const expected = Number(inBerlin.format(there)) * 3600 + there.getUTCMinutes() * 60 + there.getUTCSeconds();
            return Math.abs(shown - expected) <= 1;
        }}"""
    )


def test_a_clock_is_known_better_with_each_answer(opened: Opening) -> None:
    page = opened("/").page
    found = page.evaluate(
        """async () => {
            const { ServerClock } = await import("/static/js/dashboard/wall/clock.js");
            const clock = new ServerClock();
            const ahead = Date.UTC(2026, 10, 26, 12);
            const date = (at) => new Date(Math.floor((ahead + at) / 1000) * 1000).toUTCString();
            const off = () => Math.abs(clock.now() - performance.now() - ahead);
            const began = [];
            for (let at = 0; at < 60_000; at += 1037) {
                clock.heard(at, at + 8, date(at + 3));
                began.push(off());
            }
            const known = off();
            clock.heard(70_000, 70_010, date(70_005 - 3_600_000));
            return [began[0] <= 510, known < 30, Math.abs(clock.now() - performance.now() - ahead + 3_600_000) <= 510];
        }"""
    )
    assert found == [True, True, True]


def test_w_asks_what_to_show_and_escape_leaves(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = opened(f"/view/dashboard/{service.wsid}?period=7d").page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.keyboard.press("w")
    dialog = page.get_by_role("dialog", name="On the wall")
    dialog.get_by_label("Full screen").uncheck()
    dialog.get_by_label("Countries").uncheck()
    dialog.get_by_label("p95 latency").uncheck()
    dialog.get_by_label("Pages", exact=True).check()
    screenshot(page, "wall-chooser-dark")
    dialog.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("period=7d&wall=1&show=now%2Cmap%2Cvisitors%2Cerrors%2Cgraph%2Curl$"))
    expect(page.locator(".wall-ranking h2")).to_have_text("Pages")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"\?period=7d$"))
    expect(page.locator(".wall-page")).to_have_count(0)
    expect(page.locator(".surface .tile")).to_have_count(7)
    expect(page.locator(".grid > #map")).to_be_visible()
    expect(page.locator(".grid > #view-url")).to_be_visible()
    expect(page.locator(".head #live")).to_be_visible()
    page.go_back()
    expect(page.locator(".wall-page")).to_have_count(1)


def test_a_moved_pointer_shows_the_way_out(service: WebService, opened: Opening) -> None:
    page = on_the_wall(opened, service)
    leave = page.get_by_role("button", name="Leave the wall")
    expect(leave).to_be_hidden()
    page.mouse.move(400, 400)
    leave.click()
    expect(page.locator(".wall-page")).to_have_count(0)


def test_it_loads_itself_anew_for_another_release(service: WebService, opened: Opening) -> None:
    watched = opened("/", viewport=FULL_HD)
    page = watched.page
    page.add_init_script("Math.random = () => 0;")
    old = {"count": 0}

    def older(route: Any) -> None:
        """The page as another release would have made it, the first time."""
        response = route.fetch()
        if route.request.resource_type == "document" and not old["count"]:
            old["count"] = 1
            body = re.sub(r'data-release="[^"]*"', 'data-release="0.0.1-abc"', response.text())
            route.fulfill(response=response, body=body)
        else:
            route.fulfill(response=response)

    page.route(re.compile(r"/view/dashboard/\d+\?wall=1$"), older)
    page.clock.install()
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}?wall=1")
    expect(page.locator("#dashboard")).to_have_attribute("data-release", "0.0.1-abc")
    page.clock.run_for(601_000)
    expect(page.locator("#dashboard")).not_to_have_attribute("data-release", "0.0.1-abc")
    expect(page.locator(".wall-page")).to_have_count(1)


def test_it_shifts_by_two_pixels_each_ten_minutes(service: WebService, opened: Opening) -> None:
    watched = opened("/", viewport=FULL_HD)
    page = watched.page
    page.clock.install()
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}?wall=1")
    expect(page.locator(".wall-page")).to_have_count(1)
    seen = set()
    for _ in range(4):
        page.clock.run_for(600_000)
        seen.add(page.locator(".wall-page").evaluate("one => one.style.transform"))
    assert seen == {
        "translate(0px, 0px)",
        "translate(2px, 0px)",
        "translate(2px, 2px)",
        "translate(0px, 2px)",
    }


def test_without_its_server_it_is_grey_and_says_the_age_large(
    server: ServerProcess, service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    watched = opened(f"/view/dashboard/{service.wsid}?wall=1", viewport=FULL_HD)
    watched.allowed += UNREACHABLE
    page = watched.page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    server.stop()
    expect(page.locator("#live")).to_have_attribute("data-state", "stale")
    age = page.locator("#live span").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert age >= 72
    expect(page.locator("#banner-what")).to_be_visible()
    screenshot(page, "wall-stale-dark")
    server.start()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_login_that_ends_is_said_large(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    watched = opened(f"/view/dashboard/{service.wsid}?wall=1", viewport=FULL_HD)
    watched.allowed.append("status of 401")
    page = watched.page
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.context.clear_cookies()
    expect(page.locator("#banner-what")).to_have_text("You are logged out.")
    expect(page.locator("#banner-login")).to_be_visible()
    size, text = page.evaluate(SMALLEST)
    assert size >= 28, text
    screenshot(page, "wall-logged-out")
