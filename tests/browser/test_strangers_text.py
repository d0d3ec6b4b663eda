# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever strangers write is text: it is shown as it is, and nothing of it runs.

The server of these tests has a GeoIP database whose place names are hostile too, and a view of a sender's own field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import OWNER, ServerProcess, WebService
from tests.unit.pipeline.mmdb import write_mmdb

from .conftest import PASSWORD, Opening, log_in

CORPUS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "';alert(3);//",
    "</bdi></th></table><svg onload=alert(4)>",
    "javascript:alert(5)",
    "<iframe srcdoc='<script>parent.alert(6)</script>'></iframe>",
    "&lt;img src=x onerror=alert(7)&gt;",
    "{{7*7}}${alert(8)}<!--",
    "__proto__",
    "\N{RIGHT-TO-LEFT OVERRIDE}<a href=x onclick=alert(9)>\N{ZERO WIDTH SPACE}",
]
"""The n-th has as many requests as there are after it, itself included, so that the order on the page is known."""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VIEWS = {
    "team": 'title = "<b>Teams</b>"\nfield = "team"\n',
    "agent": 'title = "Agents"\nfield = "useragent"\n',
    "pie": 'title = "<i>Pie</i>"\nfield = "team"\npanel = "pie"\n',
    "constructor": 'title = "Constructors"\nfield = "team"\n',
}


def address_of(at: int) -> str:
    return f"198.51.{at}.7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("strangers")
    names = folder / "views"
    names.mkdir()
    for name, text in VIEWS.items():
        (names / f"{name}.toml").write_text(text)
    places = folder / "places.mmdb"
    networks = {
        f"198.51.{at}.0/24": {
            "country": {"iso_code": "DE"},
            "subdivisions": [{"names": {"en": f"R{text}"}}],
            "city": {"names": {"en": f"C{text}"}},
            "location": {"latitude": 10.0 + at * 3, "longitude": 10.0},
        }
        for at, text in enumerate(CORPUS)
    }
    write_mmdb(places, networks, ip_version=4)
    with ServerProcess(folder / "data", TMON_GEOIP=str(places), TMON_VIEWS=str(names)) as running:
        assert running.token
        running.command("user", "password", OWNER, "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running
        assert running.troubles == []


@pytest.fixture(scope="module")
def address(server: ServerProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def login(browser: Browser, address: str) -> Any:
    return log_in(browser, address)


@pytest.fixture(scope="module")
def hostile(server: ServerProcess) -> WebService:
    service = server.webservice(f"hostile {CORPUS[1]}")
    report(
        server,
        service,
        [event(at, text) for at, text in enumerate(CORPUS) for _ in range(len(CORPUS) - at)],
    )
    return service


def event(at: int, text: str) -> dict[str, Any]:
    return {
        "url": f"/{text}",
        "ip": address_of(at),
        "useragent": f"{BROWSER} {text}",
        "referrer": f"https://example.net/{text}",
        "username": text,
        "host": text,
        "method": text[:16],
        "status": 200,
        "team": text,
        f"x-{at}": text,
    }


def nothing_was_made_of_it(page: Page) -> None:
    assert page.locator("img, iframe, script:not([src]), [onload], [onerror], [onclick]").count() == 0
    assert page.locator("main a[href^='javascript' i], main svg[onload], main b b, h2 b, h2 i").count() == 0


@pytest.mark.parametrize(
    ("view", "before"),
    [
        ("url", "/"),
        ("username", ""),
        ("host", ""),
        ("city", "C"),
        ("region", "R"),
        ("team", ""),
        ("constructor", ""),
    ],
)
def test_hostile_keys_are_shown_as_text(hostile: WebService, opened: Opening, view: str, before: str) -> None:
    page = opened(f"/view/dashboard/{hostile.wsid}?large={view}").page
    expect(page.locator(f"#view-{view} tbody bdi")).to_have_text([f"{before}{text}" for text in CORPUS])
    for at, text in enumerate(CORPUS):
        title = page.locator(f"#view-{view} tbody button[title]:not(.exclude)").nth(at)
        expect(title).to_have_attribute("title", f"{before}{text}")
    nothing_was_made_of_it(page)


def test_hostile_text_runs_nowhere_on_the_page(
    server: ServerProcess, hostile: WebService, opened: Opening
) -> None:
    page = opened(f"/view/dashboard/{hostile.wsid}").page
    expect(page.locator("#tail tbody .what").first).to_be_visible()
    expect(page.locator("h1")).to_have_text(f"hostile {CORPUS[1]}")
    expect(page.locator("#view-team h2")).to_have_text("<b>Teams</b>")
    expect(page.locator("#view-agent tbody bdi").first).to_have_text(f"{BROWSER} {CORPUS[0]}")
    expect(page.locator("#view-pie tbody bdi").first).to_have_text(CORPUS[0])
    page.locator("#map-table summary").click()
    expect(page.locator("#map-table tbody").first).to_contain_text(f"C{CORPUS[0]}")
    report(server, hostile, [event(2, CORPUS[2])])
    expect(page.locator("#tail tbody .what").first).to_have_text(f"/{CORPUS[2]}")
    page.locator("#map .map-dots").hover()
    for panel in page.locator("[data-table]").all():
        panel.click()
    expect(page.locator("#view-pie canvas")).to_have_count(0)
    nothing_was_made_of_it(page)


@pytest.mark.parametrize("text", CORPUS)
def test_hostile_text_is_text_as_a_suggestion_a_chip_and_a_search(
    hostile: WebService, opened: Opening, text: str
) -> None:
    page = opened(f"/view/dashboard/{hostile.wsid}?large=team").page
    expect(page.locator("#view-team tbody bdi")).to_have_count(len(CORPUS))
    page.locator("body").press("/")
    page.get_by_label("Only where").select_option("Users")
    page.get_by_role("combobox", name="Value").fill(text.replace("*", ""))
    options = page.locator("#filter-choices bdi")
    expect(options).to_have_count(8 if text == "" else 1 if "*" not in text else 0)
    nothing_was_made_of_it(page)
    page.get_by_role("combobox", name="Value").fill(text.replace("*", r"\*"))
    page.locator("#filter-form").get_by_role("button", name="Filter").click()
    expect(page.locator("#chips bdi")).to_have_text([text])
    expect(page.locator("#chips bdi")).to_have_attribute("title", text)
    expect(page.locator("#view-team tbody bdi")).to_have_text([text])
    page.locator("#view-team").get_by_role("button", name="Search <b>Teams</b>").click()
    page.keyboard.type("no such <b>text</b>")
    expect(page.locator("#view-team .nothing")).to_contain_text("contain “no such <b>text</b>”")
    page.get_by_role("searchbox").fill(text[:-1])
    expect(page.locator("#view-team tbody bdi")).to_have_text([text])
    page.reload()
    expect(page.locator("#chips bdi")).to_have_text([text])
    nothing_was_made_of_it(page)


@pytest.mark.parametrize(
    "text", ["<img src=x onerror=alert(1)>", "team:<script>alert(1)</script>", "no:<b>x</b>"]
)
def test_hostile_filters_from_the_address_are_text(hostile: WebService, opened: Opening, text: str) -> None:
    watched = opened("/")
    watched.allowed.append("400")
    page = watched.page
    page.goto(f"{watched.address}/view/dashboard/{hostile.wsid}?filter={text}&large={text}")
    expect(page.locator("#chips li")).to_contain_text([text.removeprefix("team:")])
    expect(page.locator("#filter-trouble") if "team" not in text else page.locator("#tiles")).to_be_visible()
    nothing_was_made_of_it(page)


def test_a_country_that_is_none_breaks_nothing(server: ServerProcess, opened: Opening) -> None:
    service = server.webservice("nowhere.example")
    report(server, service, [{"url": "/", "ip": None, "useragent": None}])
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.locator("#view-country")).to_contain_text("No countries reported")


@pytest.mark.parametrize("width", [1440, 360])
def test_a_name_without_spaces_makes_no_page_wider(
    server: ServerProcess, opened: Opening, width: int
) -> None:
    service = server.webservice(f"{width}{'W' * 90}")
    report(server, service, [{"url": "/", "ip": None, "useragent": None}])
    watched = opened("/", viewport={"width": width, "height": 800})
    page = watched.page
    for path in ("/", "/settings/", f"/view/dashboard/{service.wsid}", f"/view/settings/{service.wsid}"):
        page.goto(f"{watched.address}{path}")
        expect(page.get_by_text(f"{width}WWW").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
