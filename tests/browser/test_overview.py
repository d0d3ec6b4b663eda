# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles, graph and periods: what they show of which time, and the ways to look at another one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService, until

from .conftest import Fresh, Opening

SOME = re.compile(r"^(4[89]|50)\d$")
"""How many requests the busy one has in 24 hours and the running one."""
GOOGLE = {"url": "/", "ip": "8.8.8.8", "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
HOUR_S, DAY_S = 3600, 86_400


@pytest.fixture(scope="module")
def busy(server: ServerProcess) -> WebService:
    """A web service with 480 requests in each of the last three days."""
    service = server.webservice("overview.example", "Europe/Berlin")
    traffic, now = Traffic(), time.time()
    report(server, service, [traffic.one(now - 60 - 180 * at) for at in range(1440)])
    return service


def figure(page: Page, tile: str) -> Any:
    return page.locator(f'[data-tile="{tile}"] .tile-value b')


def under(page: Page, tile: str) -> Any:
    return page.locator(f'[data-tile="{tile}"] .tile-more')


def asked(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def plot(page: Page) -> dict[str, float]:
    """Where the graph's plot is, once it is drawn."""
    over = page.locator("#graph .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box is not None
    return {"left": box["x"], "width": box["width"], "middle": box["y"] + box["height"] / 2}


# -- periods ------------------------------------------------------------------------------------------------------


def test_now_is_the_last_ten_minutes_and_says_what_is_not(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service, now = fresh(), time.time()
    timed = {**GOOGLE, "duration_ms": 40, "bytes": 1000, "status": 200}
    report(
        server,
        service,
        [
            *({**timed, "ts": now - at} for at in (5, 100, 500)),
            {**timed, "ts": now - 300, "status": 500},
            *({**timed, "ts": now - at} for at in (700, 900)),
            {**timed, "ts": now - 1500},
        ],
    )
    page = opened(f"/view/dashboard/{service.wsid}?period=now").page
    expect(figure(page, "requests")).to_have_text("4")
    expect(under(page, "requests")).to_have_text("↑ 100.0% from 2")
    expect(figure(page, "errors")).to_have_text("25.0")
    expect(page.locator('[data-tile="bytes"] .tile-value')).to_have_text("4kB")
    expect(under(page, "p95")).to_have_text(re.compile(r"^of (.* )?\d\d:\d\d – (.* )?\d\d:\d\d$"))  # noqa: RUF001
    expect(page.locator("#panels-period")).to_contain_text("whole hours")
    expect(page.locator("#covered")).to_have_text("Last 10 min, UTC")
    expect(page.locator("#graph-title")).to_have_text("Requests per second")
    expect(page.locator("#graph-legend")).to_contain_text("10 min before")
    screenshot(page, "overview-now")
    report(server, service, [GOOGLE] * 3)
    expect(figure(page, "requests")).to_have_text("7")


def test_under_a_filter_seconds_and_the_rate_are_those_of_what_matches(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service, now = fresh(), time.time()
    report(server, service, [{**GOOGLE, "url": "/a", "ts": now - 30}] * 3 + [{**GOOGLE, "ts": now - 30}] * 4)
    page = opened(f"/view/dashboard/{service.wsid}?step=second&filter=url:/a").page
    expect(page.locator("#graph")).to_have_attribute("aria-label", re.compile("at most 3,"))
    expect(under(page, "now")).to_have_text("3 in the last minute")
    report(server, service, [GOOGLE] * 5 + [{**GOOGLE, "url": "/a"}] * 2)
    expect(under(page, "now")).to_have_text("5 in the last minute")
    expect(figure(page, "requests")).to_have_text("5")


def test_a_period_is_moved_by_buttons_and_keys(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}?period=today").page
    expect(page.locator("#later")).to_be_disabled()
    page.locator("#earlier").click()
    expect(page.locator("#later")).to_be_enabled()
    yesterday = asked(page)
    assert yesterday["from"] == yesterday["to"]
    page.keyboard.press("ArrowLeft")
    assert asked(page)["to"] < yesterday["from"]
    page.keyboard.press("ArrowRight")
    assert asked(page) == yesterday
    page.keyboard.press("5")
    assert asked(page) == {"period": "7d"}
    expect(page.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")


def test_a_phone_has_a_list_of_periods(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}", viewport={"width": 360, "height": 780}).page
    page.locator(".sheet-period").click()
    expect(page.locator("#periods")).to_be_hidden()
    page.locator("#period").select_option("Yesterday")
    expect(page).to_have_url(re.compile(r"\?period=yesterday$"))
    page.locator("#earlier").click()
    expect(page.locator("#period")).to_have_value("custom")


# -- compared -----------------------------------------------------------------------------------------------------


def test_the_comparison_is_turned_off_in_the_address(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    expect(page.locator("#graph-legend")).to_contain_text("Previous 24 h")
    page.locator("#view-country").scroll_into_view_if_needed()
    expect(page.locator("#view-country .notch-key")).to_have_text("previous 24 h")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(r"\?compare=0$"))
    expect(page.locator("#graph-legend")).not_to_contain_text("Previous")
    expect(page.locator("#view-country .notch-key")).to_have_count(1)
    expect(page.locator("#view-country .notch-key")).to_be_hidden()
    page.reload()
    expect(figure(page, "requests")).to_have_text(SOME)
    expect(page.get_by_label("Compare")).not_to_be_checked()
    page.get_by_label("Compare").check()
    expect(page.locator("#graph-legend")).to_contain_text("Previous 24 h")
    assert asked(page) == {}


def test_where_there_is_nothing_to_compare_with_that_is_said(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.locator("#compare-with")).to_have_text("previous 24 h: no data")
    expect(under(page, "requests")).to_have_text("")


# -- the graph ----------------------------------------------------------------------------------------------------


def test_latency_has_three_lines_by_hour_and_by_minute_the_mean(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service, now = fresh(), time.time()
    hours = [now - HOUR_S * at for at in range(1, 20)]
    report(
        server,
        service,
        [
            {**GOOGLE, "ts": at, "duration_ms": ms}
            for at in hours
            for ms in [*(20,) * 90, *(200,) * 8, 2000, 2000]
        ],
    )
    page = opened(f"/view/dashboard/{service.wsid}?measure=latency&step=hour").page
    expect(page.locator("#graph-title")).to_have_text("Latency per hour")
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table thead th")).to_have_text(["From", "p50", "p95", "p99"])
    cells = page.locator("#graph-table tbody tr").nth(1).locator("td").all_inner_texts()
    assert [round(float(one.split()[0]), -1 if one.endswith("ms") else 1) for one in cells[1:]] == [
        20,
        200,
        1.9,
    ]
    screenshot(page, "overview-latency")
    page.get_by_role("button", name="Minute", exact=True).click()
    expect(page.locator("#graph-title")).to_have_text("Mean latency per minute")
    expect(page.locator("#graph-note")).to_have_text(
        "By minute only the mean is kept; hours and days have p50, p95 and p99."
    )
    page.keyboard.press("m")
    expect(page.locator("#graph-title")).to_have_text("Data out per minute")
    page.keyboard.press("u")
    expect(page.locator("#graph-title")).to_have_text("Data out per hour")


def test_the_newest_part_of_the_period_can_be_shown_alone(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table tbody tr")).to_have_count(120)
    page.locator("#span").select_option("Last 1 h")
    expect(page.locator("#graph-table tbody tr")).to_have_count(60)
    assert asked(page) == {"span": "3600"}
    page.reload()
    expect(page.locator("#graph-legend")).to_contain_text("Last 1 h of this period")


@pytest.mark.parametrize("touch", [False, True])
def test_dragging_over_the_graph_looks_into_that_time(
    busy: WebService, opened: Opening, *, touch: bool
) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}?step=hour", has_touch=touch).page
    expect(figure(page, "requests")).to_have_text(SOME)
    where = plot(page)
    first, last = where["left"] + where["width"] * 0.3, where["left"] + where["width"] * 0.6
    if touch:
        session = page.context.new_cdp_session(page)

        def finger(kind: str, x: float | None) -> None:
            points = [] if x is None else [{"x": x, "y": where["middle"]}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        finger("touchStart", first)
        for at in range(1, 6):
            finger("touchMove", first + (last - first) * at / 5)
        expect(page.locator(".graph-selection")).to_be_visible()
        finger("touchEnd", None)
    else:
        page.mouse.move(first, where["middle"])
        page.mouse.down()
        page.mouse.move(last, where["middle"] + 20, steps=4)
        expect(page.locator(".graph-selection")).to_be_visible()
        page.mouse.up()
    expect(page).to_have_url(re.compile("from=.*&to="))
    address = asked(page)
    since, until_ = (time.mktime(time.strptime(address[end], "%Y-%m-%dT%H:%MZ")) for end in ("from", "to"))
    assert 6 * HOUR_S <= until_ - since <= 10 * HOUR_S
    expect(figure(page, "requests")).to_have_text(str(int((until_ - since) / 180)))
    page.go_back()
    expect(figure(page, "requests")).to_have_text(SOME)


def test_the_graph_is_walked_and_zoomed_by_keys(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}?period=7d&step=day").page
    expect(page.locator("#graph")).to_have_attribute("aria-label", re.compile("^Requests per day"))
    plot(page)
    page.locator("#graph").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#graph-spoken")).to_have_text(re.compile("This day 480"))
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#graph-spoken")).to_have_text(re.compile("^Selected 2, to "))
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d"))
    address = asked(page)
    days = [time.mktime(time.strptime(address[end], "%Y-%m-%d")) for end in ("from", "to")]
    assert days[1] - days[0] == 2 * DAY_S


def test_a_time_that_is_not_of_whole_hours_is_added_up_from_its_minutes(
    busy: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    start = int(time.time() // HOUR_S) * HOUR_S - 5 * HOUR_S + 900
    period = [time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(start + length)) for length in (0, 5400)]
    page = opened(f"/view/dashboard/{busy.wsid}?from={period[0]}&to={period[1]}").page
    expect(figure(page, "requests")).to_have_text("30")
    expect(under(page, "visitors")).to_have_text("for the first time that day")
    expect(page.locator("#compare-with")).to_have_text("90 min before")
    expect(page.locator("#covered")).to_have_text(re.compile(r"\d\d:15:00 – (.* )?\d\d:45:00, Berlin$"))  # noqa: RUF001
    expect(page.locator("#panels-period")).to_contain_text("kept by whole hours")
    rows = page.locator("#view-status tbody td:nth-of-type(1)")
    expect(rows.first).to_be_visible()
    until(lambda: sum(map(int, rows.all_inner_texts())) in (39, 40, 41), "the panels show two hours")
    screenshot(page, "overview-exact")


def test_how_far_the_figures_are_complete_is_said(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service, now = fresh(), time.time()
    report(server, service, [{**GOOGLE, "ts": now - 60}])
    page = opened(f"/view/dashboard/{service.wsid}?period=7d").page
    expect(page.locator("#graph-legend")).to_contain_text("later days can still grow")
    expect(page.locator("#as-of")).to_have_text(
        re.compile(r"^Complete until \d+ \w+; later days can still grow\. Everything received before ")
    )
    page.get_by_role("button", name="Today", exact=True).click()
    expect(page.locator("#as-of")).to_have_text(
        re.compile("^What is reported late can still add to this period")
    )


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 768, 360])
def test_it_fits(
    busy: WebService, opened: Opening, screenshot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    page = opened(
        f"/view/dashboard/{busy.wsid}?measure=latency&step=hour",
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    ).page
    expect(figure(page, "requests")).to_have_text(SOME)
    plot(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    screenshot(page, f"overview-{scheme}-{width}")
