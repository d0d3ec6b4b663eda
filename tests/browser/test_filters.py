# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: set by a click or by the form, shown as chips, kept in the address, and exact for every key."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Opening

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1"
)
ODD = ["!bang", "a*b", "axb", r"c:\dir", r"\*", "a:b", "/ü ?&#%25=+"]
"""User names with signs that mean something in a filter or an address; the n-th has n + 1 requests."""


@pytest.fixture(scope="module")
def narrow(server: ServerProcess) -> WebService:
    """A web service with 53 requests."""
    service = server.webservice("narrow.example", "Europe/Berlin")
    ts = time.time() - 300

    def requests(count: int, **fields: Any) -> list[dict[str, Any]]:
        return [{"ip": "8.8.8.8", "useragent": AGENT, "status": 200, "ts": ts, **fields}] * count

    report(
        server,
        service,
        [
            *requests(10, url="/blog/tides", ip="194.25.0.60"),
            *requests(5, url="/blog/winds", ip="194.25.0.60", useragent=PHONE),
            *requests(8, url="/shop", useragent=PHONE, status=404),
            *requests(2, url="/shop", ip="192.168.1.9", useragent=PHONE),
            *(
                one
                for at, name in enumerate(ODD)
                for one in requests(at + 1, url="/account", username=name, ip="8.8.4.4")
            ),
        ],
    )
    return service


@pytest.fixture
def looked(narrow: WebService, opened: Opening) -> Callable[..., Page]:
    """looked(query): the page of that web service, where its figures have come."""

    def look(query: str = "", **options: Any) -> Page:
        page = opened(f"/view/dashboard/{narrow.wsid}{query}", **options).page
        expect(page.locator("#view-url")).not_to_contain_text("Still loading")
        return page

    return look


def requests(page: Page) -> Locator:
    return page.locator('[data-tile="requests"] .tile-value b')


def row(page: Page, view: str, name: str) -> Locator:
    return page.locator(f"#view-{view} tbody tr").filter(
        has=page.get_by_role("button", name=name, exact=True)
    )


def filters(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("filter", [])


def test_a_click_filters_everything_and_another_one_takes_it_back(looked: Callable[..., Page]) -> None:
    page = looked()
    expect(requests(page)).to_have_text("53")
    page.locator("#view-url").get_by_role("button", name="/blog/tides", exact=True).click()
    expect(page.locator("#chips li")).to_have_text(["Page is /blog/tides"])
    expect(requests(page)).to_have_text("10")
    expect(page.locator("#view-country tbody .name")).to_have_text(["DE Germany"])
    expect(page.locator("#view-country tbody td").first).to_have_text("10")
    expect(page.locator("#map-about")).to_contain_text("10 latest requests")
    page.get_by_role("button", name="Hour", exact=True).click()
    expect(page.locator("#graph")).to_have_attribute("aria-label", re.compile("10"))
    assert filters(page) == ["url:/blog/tides"]
    chosen = page.locator("#view-url").get_by_role("button", name="/blog/tides", exact=True)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    chosen.click()
    expect(requests(page)).to_have_text("53")
    expect(page.locator("#chips")).to_be_hidden()
    assert filters(page) == []


def test_a_filter_survives_reload_and_back_and_can_be_shared(
    looked: Callable[..., Page], narrow: WebService
) -> None:
    page = looked("?period=7d")
    page.locator("#view-device").get_by_role("button", name="Phone", exact=True).click()
    expect(requests(page)).to_have_text("15")
    page.reload()
    expect(requests(page)).to_have_text("15")
    expect(page.locator("#chips li")).to_have_text(["Device is Phone"])
    shared = looked(f"?{urlsplit(page.url).query}", color_scheme="light")
    expect(requests(shared)).to_have_text("15")
    page.go_back()
    expect(requests(page)).to_have_text("53")
    page.go_forward()
    expect(requests(page)).to_have_text("15")


def test_a_row_can_be_excluded_and_a_chip_turned_and_taken_away(looked: Callable[..., Page]) -> None:
    page = looked()
    device = page.locator("#view-device")
    device.get_by_role("button", name="Phone", exact=True).focus()
    page.keyboard.press("Tab")
    expect(device.get_by_role("button", name="Exclude Phone")).to_be_focused()
    page.keyboard.press("Enter")
    chip = page.locator("#chips li")
    expect(chip).to_have_text(["Device is not Phone"])
    expect(chip).to_have_css("border-top-style", "dashed")
    expect(requests(page)).to_have_text("38")
    chip.get_by_role("button", name="ask for the opposite").click()
    expect(chip).to_have_text(["Device is Phone"])
    expect(chip).to_have_css("border-top-style", "solid")
    expect(requests(page)).to_have_text("15")
    assert filters(page) == ["device:phone"]
    expect(chip.get_by_role("button", name="ask for the opposite")).to_be_focused()
    chip.get_by_role("button", name="Remove the filter Device is Phone").click()
    expect(requests(page)).to_have_text("53")
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()


@pytest.mark.parametrize(("at", "name"), list(enumerate(ODD)))
def test_every_key_is_filtered_by_exactly(looked: Callable[..., Page], at: int, name: str) -> None:
    page = looked()
    users = page.locator("#view-username")
    users.get_by_role("button", name=name, exact=True).click()
    expect(page.locator("#chips li")).to_have_text([f"User is {name}"])
    expect(requests(page)).to_have_text(str(at + 1))
    expect(users.locator("tbody bdi")).to_have_text([name])
    page.reload()
    expect(requests(page)).to_have_text(str(at + 1))
    page.locator("#chips .turn").click()
    expect(requests(page)).to_have_text(str(53 - at - 1))


def test_the_unknown_value_is_filtered_by_too(looked: Callable[..., Page]) -> None:
    page = looked()
    row(page, "username", "Not logged in").get_by_role("button", name="Not logged in", exact=True).click()
    expect(requests(page)).to_have_text("25")
    expect(page.locator("#chips li")).to_have_text(["User is Not logged in"])
    assert filters(page) == ["username:"] or page.url.endswith("filter=username%3A")


def test_filters_of_several_views_all_hold_and_another_key_takes_the_place_of_one(
    looked: Callable[..., Page],
) -> None:
    page = looked("?filter=url:/shop")
    expect(requests(page)).to_have_text("10")
    page.locator("#view-status").get_by_role("button", name="404 Not found", exact=True).click()
    expect(requests(page)).to_have_text("8")
    page.keyboard.press("/")
    page.get_by_label("Only where").select_option("Pages")
    page.get_by_role("combobox", name="Value").fill("/blog/*")
    page.keyboard.press("Enter")
    expect(page.locator("#chips li")).to_have_text(
        ["Page is /shop", "Status is 404 Not found", "Page is like /blog/*"]
    )
    expect(requests(page)).to_have_text("0")
    expect(page.locator("#view-url")).to_contain_text("3 filters are set.")
    page.locator("#view-url").get_by_role("button", name="Clear filters").click()
    expect(requests(page)).to_have_text("53")


def test_the_form_offers_what_there_is_and_takes_a_pattern(looked: Callable[..., Page]) -> None:
    page = looked()
    page.locator("body").press("/")
    view = page.get_by_label("Only where")
    expect(view).to_be_focused()
    view.select_option("Pages")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    value = page.get_by_role("combobox", name="Value")
    expect(value).to_be_focused()
    page.keyboard.type("BLOG")
    options = page.locator("#filter-choices li")
    expect(options).to_have_text(["/blog/tides 10", "/blog/winds 5"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(value).to_have_attribute("aria-activedescendant", "filter-choice-1")
    page.keyboard.press("Enter")
    expect(page.locator("#chips li")).to_have_text(["Page is /blog/winds"])
    expect(requests(page)).to_have_text("5")
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Only where").select_option("Pages")
    page.get_by_label("Is it, or is it not").select_option("is not")
    value.fill("*s")
    page.locator("#filter-form").get_by_role("button", name="Filter").click()
    expect(page.locator("#chips li")).to_have_text(["Page is /blog/winds", "Page is not like *s"])
    expect(requests(page)).to_have_text("0")


def test_the_form_knows_countries_by_their_names(looked: Callable[..., Page]) -> None:
    page = looked()
    page.locator("body").press("/")
    page.get_by_label("Only where").select_option("Countries")
    page.get_by_role("combobox", name="Value").fill("germ")
    expect(page.locator("#filter-choices li")).to_have_text(["DE Germany 15"])
    page.get_by_role("combobox", name="Value").fill("germany")
    page.locator("#filter-form").get_by_role("button", name="Filter").click()
    expect(page.locator("#chips li")).to_have_text(["Country is Germany"])
    expect(requests(page)).to_have_text("15")
    assert filters(page) == ["country:DE"]


def test_the_form_wants_a_value_and_escape_closes_it(looked: Callable[..., Page]) -> None:
    page = looked()
    page.locator("body").press("/")
    page.locator("#filter-form").get_by_role("button", name="Filter").click()
    expect(page.locator("#filter-form .field-error")).to_have_text(
        "Type a value, or choose one of those that there are."
    )
    page.keyboard.press("Escape")
    expect(page.locator("#filter-form")).to_be_hidden()
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("filter=nonsense:1", "There is no view 'nonsense'"),
        ("filter=nonsense", "is not of the form view:value"),
        ("&".join(f"filter=!url:{n}" for n in range(17)), "at most 16"),
        ("filter=url:" + quote("*a" * 9), "more than 8 stars"),
        ("&".join("filter=!url:" + quote("ü" * 1000 + str(n)) for n in range(6)), "fit into a question"),
    ],
    ids=["view", "form", "many", "stars", "long"],
)
def test_filters_that_the_server_refuses_are_explained_and_there_is_a_way_out(
    narrow: WebService, opened: Opening, query: str, says: str
) -> None:
    watched = opened("/")
    watched.allowed += ["400", "431"]
    page = watched.page
    page.goto(f"{watched.address}/view/dashboard/{narrow.wsid}")
    expect(requests(page)).to_have_text("53")
    page.evaluate(
        "query => { history.pushState(null, '', `?${query}`); dispatchEvent(new PopStateEvent('popstate')); }",
        query,
    )
    trouble = page.get_by_role("alert").filter(has_text="These filters can't be used.")
    expect(trouble).to_contain_text(re.compile(re.escape(says), re.IGNORECASE))
    expect(page.locator("#tiles")).to_be_hidden()
    trouble.get_by_role("button", name="Remove all filters").click()
    expect(requests(page)).to_have_text("53")
    expect(trouble).to_be_hidden()
    assert filters(page) == []


def test_a_filter_that_is_none_can_be_taken_away_alone(narrow: WebService, opened: Opening) -> None:
    watched = opened("/")
    watched.allowed.append("400")
    page = watched.page
    page.goto(f"{watched.address}/view/dashboard/{narrow.wsid}?filter=nonsense:1&filter=device:phone")
    expect(page.locator("#chips li")).to_have_text(["nonsense:1 is no filter", "Device is Phone"])
    page.get_by_role("button", name="Remove the filter nonsense:1").click()
    expect(requests(page)).to_have_text("15")
    expect(page.locator("#chips li")).to_have_text(["Device is Phone"])


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 768, 360])
def test_chips_and_form_fit_every_screen(
    looked: Callable[..., Page], screenshot: Callable[[Page, str], None], width: int, scheme: str
) -> None:
    long = quote("/" + "long/" * 60)
    page = looked(
        f"?filter=!device:phone&filter=url:{long}*&filter=username:a%5C*b",
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    if width < 720:
        page.locator(".sheet-filters").click()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Only where").select_option("Users")
    page.get_by_role("combobox", name="Value").focus()
    expect(page.locator("#filter-choices li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    assert page.locator("#chips").bounding_box()["width"] <= width  # type: ignore[index]
    screenshot(page, f"filters-{width}-{scheme}")
