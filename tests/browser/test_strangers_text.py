# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever strangers write is text: it is shown as it is, and nothing of it runs."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess

from .conftest import Opening

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
QUOTED = "';alert(3);//"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def event(text: str) -> dict[str, Any]:
    return {
        "url": f"/{text}",
        "ip": "8.8.8.8",
        "useragent": f"{BROWSER} {text}",
        "referrer": f"https://example.net/{text}",
        "username": text,
        "host": text,
        "method": text[:16],
        "status": 200,
    }


def test_hostile_text_is_shown_as_text(server: ServerProcess, opened: Opening) -> None:
    service = server.webservice(f"hostile {IMAGE}")
    # Their ranks are 3, 2, 1, so that the order on the page is known.
    report(server, service, [event(text) for text in (SCRIPT, SCRIPT, SCRIPT, IMAGE, IMAGE, QUOTED)])
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.locator("#view-url tbody bdi")).to_have_text([f"/{SCRIPT}", f"/{IMAGE}", f"/{QUOTED}"])
    expect(page.locator("#view-username tbody bdi")).to_have_text([SCRIPT, IMAGE, QUOTED])
    expect(page.locator("#view-host tbody bdi")).to_have_text([SCRIPT, IMAGE, QUOTED])
    expect(page.locator("#tail tbody .what")).to_have_count(6)
    expect(page.locator("h1")).to_have_text(f"hostile {IMAGE}")
    report(server, service, [event(QUOTED)])
    expect(page.locator("#tail tbody .what").first).to_have_text(f"/{QUOTED}")
    page.locator("#view-username [data-more]").click()
    expect(page.locator("#view-username tbody bdi")).to_have_count(3)
    assert page.locator("img, iframe, script:not([src])").count() == 0


def test_a_country_that_is_none_breaks_nothing(server: ServerProcess, opened: Opening) -> None:
    service = server.webservice("nowhere.example")
    report(server, service, [{"url": "/", "ip": None, "useragent": None}])
    page = opened(f"/view/dashboard/{service.wsid}").page
    expect(page.locator("#view-country")).to_contain_text("No countries reported")
