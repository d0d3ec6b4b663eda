# SPDX-License-Identifier: GPL-3.0-or-later
"""The map in a browser, as people use it: with requests from known places, also where maps go wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.test_dashboard import drawn, pixels
from tests.integration.server_process import OWNER, ServerProcess, WebService, until
from tests.unit.pipeline.mmdb import write_mmdb

from .conftest import PASSWORD, Fresh, Opening, web_services

FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SCRIPT: Final = "<img src=x onerror=alert(1)>"
PLACES: Final = {
    "berlin": ("DE", "Berlin (Bezirk Mitte)", 52.52, 13.4),
    "potsdam": ("DE", "Potsdam", 52.4, 13.06),
    "paris": ("FR", "Paris", 48.86, 2.35),
    "suva": ("FJ", "Suva", -18.14, 178.44),
    "apia": ("WS", "Apia", -13.83, -171.76),
    "anadyr": ("RU", "Uelen", 66.16, -169.81),
    "longyearbyen": ("SJ", "Longyearbyen", 78.22, 15.64),
    "mcmurdo": ("AQ", "McMurdo Station", -77.85, 166.67),
    "cayenne": ("GF", "Cayenne", 4.94, -52.33),
    "sydney": ("AU", "Sydney", -33.87, 151.21),
    "hostile": ("US", SCRIPT, 40.0, -100.0),
}
ADDRESSES: Final = {name: f"10.{number}.0.1" for number, name in enumerate(PLACES)}
"""Of private networks, which the crafted database locates."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that knows these places and no others."""
    folder = tmp_path_factory.mktemp("map")
    records = {
        f"10.{number}.0.0/16": {"country_code": code, "city": city, "latitude": lat, "longitude": lon}
        for number, (code, city, lat, lon) in enumerate(PLACES.values())
    }
    write_mmdb(folder / "places.mmdb", records)
    with ServerProcess(folder / "data", TMON_GEOIP=str(folder / "places.mmdb")) as running:
        assert running.token
        running.command("user", "password", OWNER, "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running
        assert running.troubles == []


@pytest.fixture(scope="module")
def address(server: ServerProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def login(browser: Browser, address: str) -> Any:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/login")
    page.get_by_label("User name").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/(view/dashboard/\d+)?$"))
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="module")
def fresh(server: ServerProcess) -> Fresh:
    return web_services(server)


SETTLED: Final = """() => new Promise((resolve) => {{
    let last = scrollY, since = performance.now();
    const look = (now) => {{
        if (scrollY !== last) [last, since] = [scrollY, now];
        if (now - since > {ms}) resolve();
        else requestAnimationFrame(look);
    }};
    requestAnimationFrame(look);
}})"""
"""Resolves when the page has not scrolled for so long."""
COUNTS_RINGS: Final = """() => {
    window.rings = 0;
    const arc = OffscreenCanvasRenderingContext2D.prototype.arc;
    OffscreenCanvasRenderingContext2D.prototype.arc = function (...given) {
        window.rings += 1;
        return arc.apply(this, given);
    };
}"""
"""A ring is over before a busy machine has looked at the pixels. Nothing else is drawn off the page."""


def hit(place: str, **fields: Any) -> dict[str, Any]:
    return {"url": "/", "ip": ADDRESSES[place], "useragent": FIREFOX, "status": 200, **fields}


@pytest.fixture(scope="module")
def world(server: ServerProcess) -> WebService:
    """A web service with requests from everywhere, a minute ago."""
    made = server.webservice("world.example")
    then = time.time() - 60
    events = [hit("berlin", ts=then, duration_ms=40, bytes=1000) for _ in range(40)]
    events += [hit("potsdam", ts=then, duration_ms=40, bytes=1000) for _ in range(5)]
    events += [
        hit("paris", ts=then, duration_ms=160, bytes=90_000, status=200 if at < 24 else 503)
        for at in range(30)
    ]
    events += [hit("sydney", ts=then, status=500) for _ in range(3)]
    events += [hit(name, ts=then) for name in PLACES if name not in ("berlin", "potsdam", "paris", "sydney")]
    report(server, made, events)
    return made


def report(server: ServerProcess, service: WebService, events: list[dict[str, Any]]) -> None:
    """Have them reported on a connection of their own: between tests an idle one would be closed."""
    connection = server.connect()
    assert connection.collect(service.wsid, service.seal(events)).json()["accepted"] == len(events)
    connection.close()


def map_of(opened: Opening, service: WebService, query: str = "", **options: Any) -> Page:
    """The dashboard with the map in view, drawn and told of its requests."""
    page = opened(f"/view/dashboard/{service.wsid}{query}", **options).page
    page.locator("#map").scroll_into_view_if_needed()
    until(lambda: drawn(page, ".map-land") > 2_000, "the countries are drawn")
    expect(page.locator("#map-about")).to_contain_text("request")
    until(lambda: rests(page), "the map stays where it is")
    return page


def rests(page: Page) -> bool:
    """Whether what is above the map has come: a click beside a dot would hit it where the map moves by some pixels."""
    before = page.locator("#map").bounding_box()
    page.wait_for_timeout(300)
    return before == page.locator("#map").bounding_box()


def at(page: Page, lon: float, lat: float) -> dict[str, float]:
    """Where a place is on the canvas, told by the module that draws it."""
    found = page.evaluate(
        """async ([lon, lat]) => {
            const { Globe } = await import("/static/js/dashboard/map/globe.js");
            const { viewOf } = await import("/static/js/dashboard/map/view.js");
            const { vendor } = document.getElementById("dashboard").dataset;
            const { geoEqualEarthRaw } = await import(`${vendor}geography.js`);
            const canvas = document.querySelector(".map-dots");
            const globe = new Globe(geoEqualEarthRaw);
            globe.resize(canvas.clientWidth, canvas.clientHeight);
            const given = viewOf(new URLSearchParams(location.search).get("map"));
            if (given) globe.look(given);
            return globe.project(lon, lat);
        }""",
        [lon, lat],
    )
    return {"x": found[0], "y": found[1]}


def asked_of(page: Page) -> dict[str, list[str]]:
    """What the page's address says now; Page.url may lag behind."""
    return parse_qs(urlsplit(page.evaluate("location.href")).query)


def view(page: Page) -> list[float]:
    """The view in the page's address: latitude, longitude, zoom; the first view where there is none."""
    text = asked_of(page).get("map", ["20,11,1"])[0]
    return [float(part) for part in text.split(",")]


def is_home(page: Page) -> bool:
    return "map" not in asked_of(page)


def box(page: Page) -> list[float]:
    """The box of the question of the CSV link: north, east, south, west."""
    link = page.locator("#map-csv").get_attribute("href") or ""
    return [float(part) for part in urlsplit(link).path.split("/")[-4:]]


def card(page: Page) -> Locator:
    return page.locator(".map-details")


def names(page: Page, table: int = 0) -> list[str]:
    """The first column of one of the tables: 0 is that of the places, 1 that of the countries."""
    if page.locator("#map-table").get_attribute("open") is None:
        page.locator("#map-table summary").click()
    expect(page.locator("#map-table table")).to_have_count(2)
    return page.locator("#map-table table").nth(table).locator("tbody th").all_inner_texts()


def filters(page: Page) -> list[str]:
    return asked_of(page).get("filter", [])


def test_a_country_is_told_of_and_filtered_by(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world)
    dots = page.locator(".map-dots")
    dots.hover(position=at(page, -0.5, 43.9))
    expect(page.locator("#map .tip")).to_contain_text("France")
    expect(page.locator("#map .tip")).to_contain_text("Requests 30")
    dots.click(position=at(page, -0.5, 43.9))
    expect(card(page)).to_contain_text("France")
    expect(card(page).locator(".details-figures")).to_contain_text("Errors620.0%")
    expect(card(page).locator(".details-figures")).to_contain_text("160 ms")
    card(page).get_by_role("button", name="Only this country").click()
    assert filters(page) == ["country:FR"]
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("30")
    expect(page.locator("#map-about")).to_contain_text("30 latest requests")
    card(page).get_by_role("button", name="Exclude").click()
    assert filters(page) == ["!country:FR"]
    card(page).get_by_role("button", name="All countries").click()
    assert filters(page) == []
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()


def test_a_dot_lists_its_places_and_one_city_can_be_asked_for(
    world: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = map_of(opened, world)
    page.locator(".map-dots").click(position=at(page, 13.4, 52.52))
    expect(card(page)).to_contain_text("2 places, 45 requests")
    screenshot(page, "map-places-dark")
    card(page).get_by_role("button", name="Potsdam").click()
    expect(card(page)).to_contain_text("Potsdam, Germany")
    card(page).get_by_role("button", name="Only this city").click()
    assert filters(page) == ["city:Potsdam", "country:DE"]
    expect(page.locator("#map-about")).to_contain_text("5 latest requests")
    card(page).get_by_role("button", name="Zoom in").click()
    until(lambda: not is_home(page), "the view is in the address")
    lat, lon, zoom = view(page)
    assert (round(lat, 1), round(lon, 1)) == (52.4, 13.1)
    assert zoom > 5
    page.go_back()
    assert filters(page) == []


@pytest.mark.parametrize(
    ("query", "place", "crosses"),
    [
        ("?map=-16,-176,10", "suva", True),
        ("?map=66,-175,8", "anadyr", True),
        ("?map=-17,178.4,20", "suva", True),
    ],
)
def test_the_antimeridian_is_like_any_other(
    world: WebService, opened: Opening, query: str, place: str, crosses: bool
) -> None:
    page = map_of(opened, world, query)
    _, city, lat, lon = PLACES[place]
    assert city in names(page)
    north, east, south, west = box(page)
    assert (west > east) is crosses or (west, east) == (-180, 180)
    assert south < lat < north
    until(lambda: drawn(page, ".map-dots") > 20, "the dot is drawn")
    page.locator(".map-dots").click(position=at(page, lon, lat))
    expect(card(page)).to_contain_text(city)


def test_islands_on_both_sides_of_the_antimeridian_are_seen_together(
    world: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = map_of(opened, world, "?map=-16,-177,12")
    assert sorted(names(page)) == ["Apia", "Suva"]
    x = {name: at(page, PLACES[name][3], PLACES[name][2])["x"] for name in ("suva", "apia")}
    assert 0 < x["suva"] < x["apia"] < 900
    assert names(page, 1) == ["Fiji", "Samoa"]
    page.locator(".map-dots").hover(position=at(page, 178.0, -17.8))
    expect(page.locator("#map .tip")).to_contain_text("Fiji")
    screenshot(page, "map-antimeridian-dark")


@pytest.mark.parametrize(
    ("query", "place", "country"),
    [("?map=80,15,9", "longyearbyen", "Svalbard"), ("?map=-84,166,4", "mcmurdo", "Antarctica")],
)
def test_near_a_pole_every_longitude_is_asked_for(
    world: WebService, opened: Opening, query: str, place: str, country: str
) -> None:
    page = map_of(opened, world, query)
    north, east, south, west = box(page)
    assert (west, east) == (-180, 180)
    assert north == 90 or south == -90
    _, city, lat, lon = PLACES[place]
    assert city in names(page)
    page.locator(".map-dots").click(position=at(page, lon, lat))
    expect(card(page)).to_contain_text(city)
    card(page).get_by_role("button", name="Only this city").click()
    expect(page.locator("#map-about")).to_have_text(re.compile("^The latest request"))
    page.keyboard.press("Escape")
    spot = {"longyearbyen": (17.0, 78.9), "mcmurdo": (150.0, -80.0)}[place]
    page.locator(".map-dots").click(position=at(page, *spot))
    expect(card(page)).to_contain_text(country)


def test_what_lies_overseas_has_its_own_code(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world, "?map=4,-53,12")
    page.locator(".map-dots").hover(position=at(page, -53.2, 3.6))
    expect(page.locator("#map .tip")).to_contain_text("French Guiana")
    expect(page.locator("#map .tip")).to_contain_text("Requests 1")


def test_only_what_is_in_view_is_asked_for_and_not_in_every_moment_of_a_drag(
    world: WebService, opened: Opening
) -> None:
    page = map_of(opened, world, "?map=50,10,12")
    assert set(names(page)) == {"Berlin (Bezirk Mitte)", "Potsdam", "Paris"}
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/locations/" in request.url else None)
    place = page.locator(".map-dots").bounding_box()
    assert place
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 31):
        page.mouse.move(x - 10 * step, y)
    page.mouse.up()
    until(lambda: view(page)[1] > 15, "the view is in the address")
    expect(page.locator("#map-about")).to_have_text(re.compile("^45 latest requests here"))
    assert len({urlsplit(url).path for url in asked}) <= 2
    until(lambda: set(names(page)) == {"Berlin (Bezirk Mitte)", "Potsdam"}, "the table has what is in view")
    assert box(page)[3] > 2.35
    page.reload()
    expect(page.locator("#map-about")).to_have_text(re.compile("^45 latest requests here"))


def test_a_city_can_be_looked_at_closely(
    world: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = map_of(opened, world)
    assert "countries-detailed" not in page.content()
    with (
        page.expect_response(lambda response: "countries-detailed.json" in response.url),
        page.expect_response(lambda response: "/cities.json" in response.url),
    ):
        page.goto(f"{page.url}?map=52.46,13.23,80")
    page.locator("#map").scroll_into_view_if_needed()
    expect(page.locator("#map-about")).to_have_text(re.compile("^45 latest requests here"))
    x = {name: at(page, PLACES[name][3], PLACES[name][2])["x"] for name in ("berlin", "potsdam")}
    assert x["berlin"] - x["potsdam"] > 40
    page.locator(".map-dots").click(position=at(page, 13.06, 52.4))
    expect(card(page)).to_contain_text("Potsdam, Germany")
    expect(card(page)).to_contain_text("Latest requests5")
    screenshot(page, "map-city-dark")
    for _ in range(8):
        page.get_by_role("button", name="Zoom in", exact=True).last.click()
    until(lambda: view(page)[2] > 80, "it goes nearer")


def test_land_is_drawn_wherever_the_view_has_been_before(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world)
    whole = drawn(page, ".map-land")
    page.locator(".map-dots").focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
    until(lambda: not is_home(page), "the view is in the address")
    page.keyboard.press("0")
    until(lambda: is_home(page), "it is the whole world")
    until(lambda: drawn(page, ".map-land") == whole, "all of it is drawn again")


def test_the_measure_of_the_shades_is_chosen_and_kept_in_the_address(
    world: WebService, opened: Opening
) -> None:
    page = map_of(opened, world)
    expect(page.locator("#map-key")).to_have_text("0121020+")
    page.get_by_label("Shade by").select_option("Error rate")
    expect(page).to_have_url(re.compile(r"\?shade=error_rate$"))
    # Sydney has three requests, which are too few for a rate.
    expect(page.locator(".map-per")).to_have_text("Error rate, from 20 requests on")
    expect(page.locator("#map-key li").last).to_have_text("20.0%+")
    page.locator(".map-dots").hover(position=at(page, 133, -25))
    expect(page.locator("#map .tip")).to_contain_text("Error rate \N{EN DASH}")
    page.locator(".map-dots").hover(position=at(page, -0.5, 43.9))
    expect(page.locator("#map .tip")).to_contain_text("Error rate 20.0%")
    page.get_by_label("Shade by").select_option("Mean duration")
    expect(page.locator("#map-key li").last).to_have_text(re.compile(r"^\d+ ms\+$"))
    page.reload()
    expect(page.get_by_label("Shade by")).to_have_value("duration")
    page.go_back()
    expect(page.get_by_label("Shade by")).to_have_value("error_rate")


def test_the_keyboard_does_all_of_it(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world)
    dots = page.locator(".map-dots")
    dots.focus()
    for _ in range(5):
        page.keyboard.press("+")
    until(lambda: view(page)[2] > 2, "it is larger")
    before = view(page)
    page.keyboard.press("ArrowRight")
    until(lambda: view(page)[1] > before[1], "it has moved east")
    page.keyboard.press("ArrowUp")
    until(lambda: view(page)[0] > before[0], "it has moved north")
    page.keyboard.press("0")
    until(lambda: is_home(page), "it is the whole world")
    page.keyboard.press("Enter")  # the middle is in Libya or Niger
    expect(card(page)).to_be_visible()
    expect(card(page).get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    expect(dots).to_be_focused()
    names(page)
    first = page.locator("#map-table tbody button").first
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#map-table tbody button").nth(1)).to_be_focused()
    assert page.locator('#map-table tbody button[tabindex="0"]').count() == 1
    page.keyboard.press("Enter")
    expect(card(page)).to_contain_text("Paris, France")
    page.keyboard.press("Escape")
    expect(page.locator("#map-table tbody button").nth(1)).to_be_focused()


def test_the_wheel_scrolls_the_page_until_the_map_is_meant(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world)
    page.evaluate("scrollTo(0, 300)")
    dots = page.locator(".map-dots")
    dots.hover(position={"x": 300, "y": 300})
    scrolled = page.evaluate("scrollY")
    page.mouse.wheel(0, -120)
    expect(page.locator(".map-hint")).to_have_text("Click the map, or hold Ctrl, to zoom with the wheel")
    page.wait_for_function(f"() => scrollY < {scrolled}")
    assert is_home(page)
    dots.hover(position={"x": 300, "y": 300})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    until(lambda: view(page)[2] > 1, "it is larger")
    still = page.evaluate("scrollY")
    before = view(page)[2]
    dots.click(position={"x": 460, "y": 330})
    page.mouse.wheel(0, -120)
    until(lambda: view(page)[2] > before, "it is larger")
    assert page.evaluate("scrollY") == still


def test_live_requests_are_dots_if_they_pass_the_filters_and_are_in_view(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [hit("berlin"), hit("paris")])
    page = map_of(opened, service, "?filter=country:DE&map=50,10,6")
    expect(page.locator("#map-about")).to_have_text("The latest request here")
    page.route("**/data/users/locations/**", lambda route: None)  # from now on only the stream tells
    report(server, service, [hit("paris"), hit("sydney"), hit("berlin", status=503), hit("potsdam")])
    expect(page.locator("#tail tbody tr")).to_have_count(3)  # what the filter lets through
    expect(page.locator("#map-about")).to_have_text(re.compile("^3 latest requests here"))
    names(page)
    until(lambda: names(page) == ["Berlin (Bezirk Mitte)", "Potsdam"], "both are listed")
    rows = page.locator("#map-table table").first.locator("tbody tr")
    expect(rows.first).to_contain_text("Germany21")


def test_rings_mark_what_arrives_and_stand_still_for_those_who_want_that(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    for options in ({}, {"reduced_motion": "reduce"}):
        service = fresh()
        report(server, service, [hit("berlin")])
        page = map_of(opened, service, **options)
        until(lambda page=page: pixels(page, ".map-rings", "a > 0") == 0, "nothing arrives")
        page.evaluate(COUNTS_RINGS)
        report(server, service, [hit("sydney")] * 3)
        until(lambda page=page: page.evaluate("rings") > 0, "a ring is drawn")
        until(lambda page=page: pixels(page, ".map-rings", "a > 0") == 0, "it is gone")


def test_names_of_strangers_are_text(world: WebService, opened: Opening) -> None:
    page = map_of(opened, world, "?map=40,-100,6")
    assert names(page) == [SCRIPT]
    dots = page.locator(".map-dots")
    dots.hover(position=at(page, -100, 40))
    expect(page.locator("#map .tip")).to_contain_text(SCRIPT)
    dots.click(position=at(page, -100, 40))
    expect(card(page)).to_contain_text(SCRIPT)
    card(page).get_by_role("button", name="Only this city").click()
    assert filters(page) == [f"city:{SCRIPT}", "country:US"]
    expect(page.locator("#map-about")).to_have_text("The latest request here")
    assert page.locator("#map img").count() == 0


@pytest.mark.parametrize(
    "wanted", ["map=1,2", "map=91,0,1", "map=a,b,c", "map=0,0,1e9", "map=,,", "shade=constructor"]
)
def test_what_the_address_can_not_mean_is_the_usual(world: WebService, opened: Opening, wanted: str) -> None:
    page = map_of(opened, world, f"?{wanted}")
    expect(page.get_by_role("button", name="Show the whole world")).to_be_hidden()
    expect(page.get_by_label("Shade by")).to_have_value("requests")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_on_a_phone_one_finger_scrolls_the_page_and_two_move_the_map(
    world: WebService, opened: Opening, screenshot: Callable[[Page, str], None], scheme: str
) -> None:
    page = map_of(
        opened,
        world,
        viewport={"width": 360, "height": 780},
        has_touch=True,
        is_mobile=True,
        color_scheme=scheme,
    )
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    # Nine tenths of the requests are in Germany and France, so that is what is seen first.
    expect(page.get_by_role("button", name="Show the whole world")).to_be_visible()
    zoomed = view(page)[2]
    touch = page.context.new_cdp_session(page)
    place = page.locator(".map-dots").bounding_box()
    assert place
    x, y = place["x"] + 160, place["y"] + 120

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": one, "y": two, "id": at} for at, (one, two) in enumerate(points)],
            },
        )

    scrolled = page.evaluate("scrollY")
    fingers("touchStart", (x, y))
    for step in range(1, 12):
        fingers("touchMove", (x, y - 10 * step))
    fingers("touchEnd")
    page.wait_for_function(f"() => scrollY > {scrolled}")
    expect(page.locator(".map-hint")).to_have_text("Move the map with two fingers")
    still = SETTLED.format(ms=400)  # a page that still scrolls takes further fingers for itself
    page.evaluate(still)
    page.evaluate(f"scrollTo(0, {scrolled})")
    page.evaluate(still)
    place = page.locator(".map-dots").bounding_box()
    assert place
    x, y = place["x"] + 160, place["y"] + 120
    fingers("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 12):
        fingers("touchMove", (x - 20 - 6 * step, y), (x + 20 + 6 * step, y))
    fingers("touchEnd")
    until(lambda: view(page)[2] > zoomed * 1.5, "it is larger")
    page.get_by_role("button", name="Show the whole world").click()
    until(lambda: is_home(page), "it is the whole world")
    place = page.locator(".map-dots").bounding_box()  # the page has scrolled, and panels above have filled
    assert place
    page.touchscreen.tap(place["x"] + at(page, -0.5, 43.9)["x"], place["y"] + at(page, -0.5, 43.9)["y"])
    expect(card(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    screenshot(page, f"map-360-{scheme}")


def test_without_the_detailed_borders_the_others_remain(world: WebService, opened: Opening) -> None:
    watched = opened("/")
    watched.allowed += ["404", "could not be loaded"]
    page = watched.page
    for name in ("countries-detailed", "cities"):
        page.route(f"**/{name}.json*", lambda route: route.fulfill(status=404))
    page.goto(f"{watched.address}/view/dashboard/{world.wsid}?map=50,10,10")
    until(lambda: drawn(page, ".map-land") > 50_000, "the countries are drawn")
    expect(page.locator("#map-about")).to_have_text(re.compile("latest requests here"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("map-1440-light", {"color_scheme": "light"}),
        ("map-768-dark", {"viewport": {"width": 768, "height": 1024}}),
        ("map-forced-colors", {"forced_colors": "active"}),
    ],
)
def test_it_fits_every_screen(
    world: WebService,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    name: str,
    options: dict[str, Any],
) -> None:
    page = map_of(opened, world, "?map=45,10,3.5", **options)
    page.locator(".map-dots").click(position=at(page, -0.5, 43.9))
    expect(card(page)).to_contain_text("France")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    screenshot(page, name)
