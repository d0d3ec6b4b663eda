# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard in a browser: what it shows is what the API says, and it shows it while it happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import OWNER, ServerProcess, WebService, until

from .conftest import Fresh, Opening

GOOGLE = {"url": "/", "ip": "8.8.8.8", "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
HOUR_S = 3600


@pytest.fixture(scope="module")
def busy(server: ServerProcess) -> WebService:
    """A web service with 600 requests of the last hours."""
    service = server.webservice("busy.example", "Europe/Berlin")
    traffic = Traffic()
    now = time.time()
    report(server, service, [traffic.one(now - 120 - 30 * at) for at in range(600)])
    return service


def figure(page: Page, tile: str) -> Any:
    """The value of a tile."""
    return page.locator(f'[data-tile="{tile}"] .tile-value b')


def rows(page: Page, view: str) -> dict[str, str]:
    """The names of a panel's rows, and their requests."""
    found = page.locator(f"#view-{view} tbody tr")
    return dict(
        zip(
            found.locator(".name").all_inner_texts(),
            found.locator("td:nth-of-type(1)").all_inner_texts(),
            strict=True,
        )
    )


def pixels(page: Page, canvas: str, counted: str) -> int:
    """How many pixels [r, g, b, a] of a canvas fulfil `counted`, a condition in JavaScript."""
    found = page.locator(canvas).evaluate(
        f"""canvas => {{
            const {{ width, height }} = canvas;
            const copy = new OffscreenCanvas(width, height).getContext("2d", {{ willReadFrequently: true }});
            copy.drawImage(canvas, 0, 0);
            const {{ data }} = copy.getImageData(0, 0, width, height);
            let count = 0;
            for (let at = 0; at < data.length; at += 4) {{
                const [r, g, b, a] = data.subarray(at, at + 4);
                if ({counted}) count += 1;
            }}
            return count;
        }}"""
    )
    assert isinstance(found, int)
    return found


def drawn(page: Page, canvas: str) -> int:
    """How many pixels of a canvas are not transparent."""
    return pixels(page, canvas, "a > 0")


def dark_accent(page: Page, canvas: str) -> int:
    """How many pixels have the accent's colour of the dark scheme, #46c8a9, whole."""
    return pixels(page, canvas, "r === 0x46 && g === 0xc8 && b === 0xa9 && a === 255")


def test_the_figures_are_those_of_the_api(server: ServerProcess, busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}?period=today").page
    summary = server.ask(busy, "summary", since="today")["results"]
    expect(figure(page, "requests")).to_have_text(f"{summary['requests']:,}")
    expect(figure(page, "visitors")).to_have_text(f"{summary['visitors']:,}")
    expect(figure(page, "bots")).to_have_text(f"{summary['bots']:,}")
    part = Decimal(100 * summary["errors"]) / summary["requests"]
    digits = Decimal("0.1") if part >= 1 else Decimal("0.01")
    # As a browser rounds, 1.25 to 1.3; Python's own formatting makes 1.2 of it.
    expect(figure(page, "errors")).to_have_text(str(part.quantize(digits, ROUND_HALF_UP)) if part else "0")
    expect(page.locator('[data-tile="errors"]')).to_have_attribute(
        "title", re.compile(f"{summary['errors']} of {summary['requests']}$")
    )
    expect(figure(page, "p95")).to_have_text(str(round(summary["p95_ms"])))


def test_there_is_a_panel_for_every_view_that_is_drawn(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    titles = page.locator("[data-view] h2").all_inner_texts()
    assert titles[:3] == ["Countries", "Regions", "Cities"]
    assert "Latency" not in titles
    assert len(titles) == 19


def test_rankings_name_their_keys_and_add_up(
    server: ServerProcess, busy: WebService, opened: Opening
) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    ranking = server.ask(busy, "users/country", limit=8)["results"]
    germany = next(row["requests"] for row in ranking if row["key"] == "DE")
    expect(page.locator("#view-country tbody tr").first).to_contain_text("DE")
    shown = rows(page, "country")
    assert shown["DE\nGermany"] == str(germany)
    assert sum(map(int, shown.values())) == 600
    expect(page.locator("#view-status tbody tr").first).to_contain_text("200")
    assert set(rows(page, "bot")) == {"People", "Bots"}


def test_a_ranking_changes_when_requests_arrive(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    report(server, service, [{**GOOGLE, "url": "/first"}])
    page = opened(f"/view/dashboard/{service.wsid}").page
    page.locator("#view-url").scroll_into_view_if_needed()
    expect(page.locator("#view-url tbody .name")).to_have_text(["/first"])
    began = time.monotonic()
    report(server, service, [{**GOOGLE, "url": "/second"}] * 2)
    expect(page.locator("#view-url tbody .name")).to_have_text(["/second", "/first"])
    assert time.monotonic() - began < 5
    expect(figure(page, "requests")).to_have_text("3")
    expect(page.locator("#tail tbody .what").first).to_have_text("/second")


def test_the_graph_moves_each_second(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    page = opened(f"/view/dashboard/{service.wsid}?step=second").page
    expect(page.locator("#graph canvas")).to_be_visible()
    expect(page.locator("#graph-title")).to_have_text("Requests per second")
    page.locator("#graph-table summary").click()
    first = page.locator("#graph-table tbody td").first
    earlier = first.inner_text()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", earlier)
    report(server, service, [GOOGLE] * 7)
    expect(page.locator("#graph")).to_have_attribute("aria-label", re.compile("at most [78], "))
    expect(first).not_to_have_text(earlier)
    expect(page.locator("#live")).to_contain_text("Live")


def test_the_map_is_drawn_and_gets_dots(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    report(server, service, [{**GOOGLE, "ip": "192.168.1.1"}])
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.locator(".map-dots")).to_have_attribute("aria-label", re.compile("requests from 0 countries"))
    until(lambda: drawn(page, ".map-land") > 50_000, "the countries are drawn")
    assert drawn(page, ".map-dots") == 0
    expect(page.locator("#map-about")).to_have_text("No located request in this period")
    report(server, service, [GOOGLE] * 3)
    expect(page.locator("#map-about")).to_have_text(
        re.compile("^3 latest requests, (at once|over [0-9]+ s)$")
    )
    until(lambda: drawn(page, ".map-dots") > 20, "a dot is drawn")
    expect(page.locator(".map-dots")).to_have_attribute("aria-label", re.compile("requests from 1 country,"))
    page.locator("#map-table summary").click()
    expect(page.locator("#map-table tbody").first).to_contain_text("United States")
    expect(page.locator("#map .attribution")).to_have_attribute("href", "https://db-ip.com")


def test_the_map_is_zoomed_by_keyboard(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    place = page.locator("#map .map")
    expect(page.locator(".map-dots")).to_have_attribute("aria-label", re.compile("latest 5"))
    page.locator(".map-dots").focus()
    page.keyboard.press("+")
    expect(place).to_have_class(re.compile("zoomed"))
    page.keyboard.press("-")
    expect(place).not_to_have_class(re.compile("zoomed"))


def test_a_panel_opens_with_every_figure_of_its_keys(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    panel = page.locator("#view-browser")
    expect(panel.locator("canvas.donut")).to_be_visible()
    assert drawn(page, "#view-browser canvas.donut") > 5_000
    panel.get_by_role("button", name="Show all").click()
    expect(panel.locator("thead th.n")).to_have_text(
        ["Requests ↓", "Share", "Visitors", "Bots", "Errors", "Mean", "Data"]
    )
    panel.get_by_role("button", name="Show less").click()
    expect(panel.locator("thead th.n")).to_have_text(["Requests", "Share"])


def test_every_panel_can_be_had_as_csv(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    expect(page.locator("#view-url tbody tr")).to_have_count(9)
    for link in ("#view-url .csv", "#graph-csv", "#map-csv"):
        with page.expect_download() as download:
            page.locator(link).click()
        text = download.value.path().read_text("utf-8-sig")
        assert len(text.splitlines()) > 10, link
    assert page.locator("#view-url .csv").get_attribute("href") == (
        f"/{busy.wsid}/data/users/url?from=-24h&limit=10000&format=csv"
    )


def test_a_tile_chooses_what_the_graph_shows(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    page.get_by_role("button", name="Hour", exact=True).click()
    page.locator('[data-tile="errors"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#graph-title")).to_have_text("Errors per hour")
    expect(page.locator('[data-tile="errors"]')).to_have_attribute("aria-pressed", "true")


def test_periods_are_in_the_address_and_can_be_gone_back_to(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    expect(figure(page, "requests")).to_have_text("600")
    page.get_by_role("button", name="7 d").click()
    expect(page).to_have_url(re.compile(r"\?period=7d$"))
    expect(page.locator("#graph-title")).to_have_text("Requests per hour")
    page.get_by_role("button", name="Custom").click()
    page.get_by_label("From", exact=True).fill("2001-01-01")
    page.get_by_label("to", exact=True).fill("2001-01-02")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?from=2001-01-01&to=2001-01-02$"))
    expect(figure(page, "requests")).to_have_text("0")
    expect(page.locator("#view-url")).to_contain_text("No pages in this period")
    page.go_back()
    expect(figure(page, "requests")).to_have_text("600")
    expect(page.get_by_role("button", name="7 d")).to_have_attribute("aria-pressed", "true")


def test_a_custom_period_must_make_sense(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    page.get_by_role("button", name="Custom").click()
    page.get_by_label("From", exact=True).fill("2026-02-03")
    page.get_by_label("to", exact=True).fill("2026-02-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("The first day is after the last.")


def test_the_switcher_leads_to_the_other_web_services(
    server: ServerProcess, busy: WebService, opened: Opening, address: str
) -> None:
    other = server.webservice("a <b>bold</b> name")
    page = opened(f"/view/dashboard/{busy.wsid}").page
    page.locator(".switcher summary").click()
    page.get_by_role("link", name="a <b>bold</b> name").click()
    expect(page).to_have_url(f"{address}/view/dashboard/{other.wsid}")
    page.goto(f"{address}/view/dashboard/")
    expect(page).to_have_url(f"{address}/view/dashboard/{other.wsid}")


def test_one_panel_fails_alone_and_can_be_tried_again(busy: WebService, opened: Opening) -> None:
    watched = opened(f"/view/dashboard/{busy.wsid}?from=2001-01-01&to=2001-01-02")
    watched.allowed.append("503")
    page = watched.page
    expect(page.locator("#view-city")).to_contain_text("No cities in this period")
    page.route(
        "**/data/users/city?*",
        lambda route: route.fulfill(status=503, json={"status_code": 503, "message": "Busy."}),
    )
    page.get_by_role("button", name="24 h").click()
    expect(page.locator("#view-city")).to_contain_text("Cities could not be loaded")
    expect(figure(page, "requests")).to_have_text("600")
    expect(page.locator("#view-country tbody tr")).to_have_count(9)
    page.unroute("**/data/users/city?*")
    page.locator("#view-city").get_by_role("button", name="Try again").click()
    expect(page.locator("#view-city tbody tr")).to_have_count(9)


def test_a_panel_that_does_not_answer_holds_up_nothing(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    watched = opened("/")
    page = watched.page
    asked: list[str] = []
    page.route("**/data/users/city?*", lambda route: asked.append(route.request.url))
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}")
    expect(page.locator("#view-country tbody tr")).to_have_count(1)
    page.locator("#view-country").scroll_into_view_if_needed()
    report(server, service, [GOOGLE] * 2)
    expect(figure(page, "requests")).to_have_text("3")
    expect(page.locator("#view-country tbody td").first).to_have_text("3")
    expect(page.locator("#view-city")).to_contain_text("Still loading")
    assert len(asked) == 1


def test_a_panel_out_of_sight_is_asked_seldom_and_at_once_when_it_is_seen(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    watched = opened("/")
    page = watched.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/users/url?" in request.url else None)
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}")
    expect(page.locator("#view-url tbody tr")).to_have_count(1)
    before = len(asked)
    for count in ("3", "5", "7"):
        report(server, service, [GOOGLE] * 2)
        expect(figure(page, "requests")).to_have_text(count)
    assert len(asked) <= before + 1  # it may have been its turn
    page.route("**/data/summary?*", lambda route: None)  # without an answer there is no further round
    page.locator("#view-url").scroll_into_view_if_needed()
    expect(page.locator("#view-url tbody td").first).to_have_text("7", timeout=8_000)


def test_the_figures_wait_for_no_panel_and_leave_connections_free(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    watched = opened("/")
    page = watched.page
    held: list[Request] = []
    at_once = []

    def hold(route: Route) -> None:
        held.append(route.request)
        at_once.append(len(held))

    page.route("**/data/users/**", hold)
    page.on(
        "requestfailed", lambda request: held.remove(request) if request in held else None
    )  # waited in vain
    page.goto(f"{watched.address}/view/dashboard/{service.wsid}")
    expect(figure(page, "requests")).to_have_text("1")
    for count in ("3", "5", "7"):
        report(server, service, [GOOGLE] * 2)
        expect(figure(page, "requests")).to_have_text(count)
    assert max(at_once) == 3


def test_a_store_that_cannot_be_asked_is_said_and_asked_again(busy: WebService, opened: Opening) -> None:
    watched = opened("/")
    watched.allowed.append("503")
    page = watched.page
    busy_now = {"status_code": 503, "message": "The store can't be asked now."}
    page.route("**/data/summary?*", lambda route: route.fulfill(status=503, json=busy_now))
    page.goto(f"{watched.address}/view/dashboard/{busy.wsid}")
    expect(page.locator("#banner")).to_contain_text(
        "The figures can't be loaded now. The store can't be asked now."
    )
    page.unroute("**/data/summary?*")
    expect(figure(page, "requests")).to_have_text("600")
    expect(page.locator("#banner")).to_be_hidden()
    page.route("**/data/requests/hour/*", lambda route: route.fulfill(status=503, json=busy_now))
    page.get_by_role("button", name="Hour", exact=True).click()
    expect(page.locator("#banner")).to_contain_text("can't be loaded now. The store can't be asked now.")
    page.unroute("**/data/requests/hour/*")
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.parametrize("said", ["<h1>a proxy</h1>", '{"results": [{"key', "[]", '{"results": null}'])
def test_what_is_no_answer_of_the_api_is_said_and_asked_again(
    busy: WebService, opened: Opening, said: str
) -> None:
    watched = opened("/")
    page = watched.page
    page.route(
        re.compile("/data/(summary|users/city)"),
        lambda route: route.fulfill(body=said, content_type="application/json"),
    )
    page.goto(f"{watched.address}/view/dashboard/{busy.wsid}")
    expect(page.locator("#banner")).to_contain_text(
        "What the server said can't be understood. This page goes on"
    )
    page.unroute(re.compile("/data/(summary|users/city)"))
    expect(figure(page, "requests")).to_have_text("600")
    expect(page.locator("#view-city tbody tr")).to_have_count(9)


def test_an_address_that_names_no_day_shows_what_is_usual_by_the_servers_clock(
    busy: WebService, opened: Opening
) -> None:
    watched = opened("/")
    page = watched.page
    page.add_init_script("const now = Date.now; Date.now = () => now() - 30 * 3_600_000;")
    page.goto(f"{watched.address}/view/dashboard/{busy.wsid}?from=2026-13-01&to=2026-14-01")
    expect(figure(page, "requests")).to_have_text("600")
    covered = page.locator("#covered")
    expect(covered).to_contain_text("The address names no period that can be shown. Instead: ")
    here = datetime.now(ZoneInfo("Europe/Berlin"))
    days = [f"{(here - timedelta(days=back)).day} {here - timedelta(days=back):%b}" for back in (1, 0)]
    assert re.findall(r"\d+ [A-Z][a-z]{2}", covered.inner_text()) == days


def test_without_the_third_party_parts_the_figures_and_tables_remain(
    busy: WebService, opened: Opening
) -> None:
    watched = opened("/")
    watched.allowed += ["404", "could not be loaded"]
    page = watched.page
    page.route("**/static/vendor/*.js*", lambda route: route.fulfill(status=404))
    page.goto(f"{watched.address}/view/dashboard/{busy.wsid}")
    expect(page.locator("#graph")).to_contain_text("The graph's parts are missing on this server.")
    expect(page.locator(".map-note")).to_contain_text("The map's parts are missing on this server.")
    expect(figure(page, "requests")).to_have_text("600")
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table tbody tr")).to_have_count(120)
    page.locator("#map-table summary").click()
    expect(page.locator("#map-table tbody tr").first).to_be_visible()
    expect(page.locator("#view-country tbody tr")).to_have_count(9)


def test_nobody_is_sent_to_the_login_and_back(busy: WebService, opened: Opening, address: str) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}", logged_in=False).page
    expect(page).to_have_url(f"{address}/login?next=/view/dashboard/{busy.wsid}")


def test_a_page_whose_login_has_ended_says_so(
    browser: Browser, busy: WebService, opened: Opening, address: str
) -> None:
    watched = opened(f"/view/dashboard/{busy.wsid}")
    watched.allowed += ["401"]
    expect(figure(watched.page, "requests")).to_have_text("600")
    watched.page.context.clear_cookies()
    expect(watched.page.locator("#banner")).to_contain_text("You are logged out.")
    expect(watched.page.get_by_role("link", name="Log in")).to_have_attribute(
        "href", f"/login?next=/view/dashboard/{busy.wsid}"
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dashboard-dark", {}),
        ("dashboard-light", {"color_scheme": "light"}),
        ("dashboard-360", {"viewport": {"width": 360, "height": 780}}),
        ("dashboard-900", {"viewport": {"width": 900, "height": 1100}}),
    ],
)
def test_it_fits_every_screen(
    busy: WebService,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    name: str,
    options: dict[str, Any],
) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}", **options).page
    expect(figure(page, "requests")).to_have_text("600")
    expect(page.locator("#view-utm_medium")).to_contain_text("No campaign media reported")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    screenshot(page, name)


def test_a_period_is_compared_with_the_one_before_it(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    now = time.time()
    report(server, service, [{**GOOGLE, "ts": now - 60}] * 6)
    report(server, service, [{**GOOGLE, "ts": now - 26 * HOUR_S}] * 4)
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(figure(page, "requests")).to_have_text("6")
    expect(page.locator('[data-tile="requests"] .tile-more')).to_have_text("↑ 50.0% from 4")
    expect(page.locator("#view-country .notch-key")).to_be_hidden()  # nobody has seen it
    page.locator("#view-country").scroll_into_view_if_needed()
    expect(page.locator("#view-country .notch-key")).to_have_text("previous 24 h")
    expect(page.locator("#view-country .moved")).to_have_text("↑ 50.0%")
    page.get_by_role("button", name="Hour", exact=True).click()
    expect(page.locator("#graph-legend")).to_have_text("This periodPrevious 24 hRunning hour")


@pytest.mark.parametrize(
    ("period", "days"),
    [("7d", 8), ("30d", 31)],
)
def test_the_period_before_ends_where_the_period_starts(
    server: ServerProcess, fresh: Fresh, opened: Opening, period: str, days: int
) -> None:
    service = fresh()
    report(server, service, [GOOGLE])
    watched = opened("/")
    page = watched.page
    with page.expect_request(lambda request: "/data/summary?from=2" in request.url) as asked:
        page.goto(f"{watched.address}/view/dashboard/{service.wsid}?period={period}")
    before = {name: value[0] for name, value in parse_qs(urlsplit(asked.value.url).query).items()}
    now = server.ask(service, "summary", since=f"-{period}")
    first, last = (datetime.fromisoformat(now[end]).replace(tzinfo=None) for end in ("from", "to"))
    assert (last - first).days == days
    assert datetime.fromisoformat(before["from"]) == first - (last - first)
    reached = datetime.fromisoformat(before["to"]) + (last - first)
    assert last - timedelta(days=1) <= reached <= last
    assert datetime.fromisoformat(before["to"]) <= first
    expect(figure(page, "requests")).to_have_text("1")


def test_the_running_step_is_not_drawn_as_if_it_were_over(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    now = time.time()
    report(server, service, [{**GOOGLE, "ts": now - 2 * HOUR_S}] * 5 + [{**GOOGLE, "ts": now}] * 2)
    page = opened(f"/view/dashboard/{service.wsid}").page
    page.get_by_role("button", name="Hour", exact=True).click()
    expect(page.locator("#graph-legend")).to_contain_text("Running hour")
    expect(page.locator("#graph")).to_have_attribute(
        "aria-label", re.compile("at most 5, last 0, so far in the running hour 2$")
    )
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table tbody td").first).to_contain_text("so far")
    page.goto(f"{page.url.partition('?')[0]}?from=2001-01-01&to=2001-01-02")
    expect(page.locator("#graph")).to_have_attribute("aria-label", re.compile("at most 0, last 0$"))


def test_a_value_without_neighbours_is_drawn(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    report(server, service, [{**GOOGLE, "ts": time.time() - 3 * HOUR_S, "duration_ms": 250}])
    page = opened(f"/view/dashboard/{service.wsid}").page
    page.get_by_role("button", name="Hour", exact=True).click()
    page.locator('[data-tile="p95"]').click()
    expect(page.locator("#graph-title")).to_have_text("Latency per hour")
    until(lambda: dark_accent(page, "#graph canvas") >= 4, "a point of the accent's colour is drawn")


def test_more_is_offered_only_where_there_is_more(busy: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{busy.wsid}").page
    offered = {
        view: page.locator(f"#view-{view} [data-more]") for view in ("country", "status", "utm_medium", "bot")
    }
    expect(offered["country"]).to_have_text("Show all")
    expect(offered["status"]).to_have_text("All figures")
    expect(offered["bot"]).to_have_text("All figures")
    expect(page.locator("#view-utm_medium")).to_contain_text("No campaign media reported")
    expect(offered["utm_medium"]).to_be_hidden()


def test_a_phone_has_room_for_the_name_and_the_account_in_a_menu(
    server: ServerProcess, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = server.webservice("shop-of-the-pier.example")
    report(server, service, [GOOGLE])
    page = opened(f"/view/dashboard/{service.wsid}", viewport={"width": 360, "height": 780}).page
    name = page.get_by_role("heading", level=1)
    expect(figure(page, "requests")).to_have_text("1")
    assert name.evaluate("name => name.clientWidth") >= 100
    assert page.locator(".head").evaluate("head => head.clientHeight") <= 60
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()
    page.locator(".account-narrow summary").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    expect(page.locator(".account-narrow .pill")).to_have_text(OWNER)
    screenshot(page, "account-360")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()


def test_a_phone_cuts_no_figure(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    now = time.time()
    report(server, service, [{**GOOGLE, "ts": now - 60, "duration_ms": 351, "bytes": 20_480}] * 600)
    report(server, service, [{**GOOGLE, "ts": now - 26 * HOUR_S, "duration_ms": 1, "bytes": 300}] * 7)
    page = opened(f"/view/dashboard/{service.wsid}", viewport={"width": 360, "height": 780}).page
    expect(page.locator('[data-tile="requests"] .tile-more')).to_contain_text("from 7")
    cut = page.locator(".tile-more").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    )
    assert cut == []


def test_a_period_without_requests_leads_to_the_days_that_have_some(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = fresh()
    report(server, service, [{**GOOGLE, "ts": "2015-05-20T10:05:03Z"}] * 3)
    page = opened(f"/view/dashboard/{service.wsid}").page
    hint = page.locator("#elsewhere")
    expect(hint).to_contain_text("Nothing happened in this period.")
    expect(hint).to_contain_text("What was received last happened on 20 May 2015.")
    screenshot(page, "elsewhere-dark")
    hint.get_by_role("button", name="Show the 7 days up to then").click()
    expect(page).to_have_url(re.compile(r"\?from=2015-05-14&to=2015-05-20$"))
    expect(figure(page, "requests")).to_have_text("3")
    expect(hint).to_be_hidden()
    page.go_back()
    expect(hint).to_be_visible()
    report(server, service, [GOOGLE])
    expect(figure(page, "requests")).to_have_text("1")
    expect(hint).to_be_hidden()
