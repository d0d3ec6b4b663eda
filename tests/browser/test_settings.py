# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings pages in a browser: on a wide screen and a phone, dark and light, with scripts and without."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Fresh, Opening

NUMBERS = itertools.count()
PAGES = {
    "general": "",
    "keys": "/keys",
    "members": "/members",
    "alerts": "/alerts",
    "sessions": "/sessions",
    "modules": "/modules",
    "privacy": "/privacy",
    "sources": "/sources",
    "quarantine": "/quarantine",
    "erase": "/erase",
    "audit": "/audit",
    "delete": "/delete",
}
ACCOUNT = {"account": "/settings/", "tokens": "/settings/tokens", "password": "/settings/password"}
LOOKS: dict[str, dict[str, Any]] = {
    "1440-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "1440-light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "360-dark": {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
    "360-light": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light"},
}
HOSTILE = "<img src=x onerror=alert(1)>\u202e" + "long" * 40


RULE_AND_MODULES = """
import sys
from tmon.settings import prepare
prepare()
from tmon.server.modules import cataloguing, ruling
from tmon.server.modules.entries import Entry
from tmon.server.modules.models import Origin
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
shop = WebService.objects.get(pk=int(sys.argv[1]))
by = audit.on_page(shop.owner)
ruling.put(shop, by, ruling.COURSE_MODULES)
found = [Entry(slug=f"module_{number:02}", name=f"Module {number}", language="en") for number in range(60)]
cataloguing.put(shop, by, found, Origin.SCAN)
odd = Entry(slug="a" * 200, name=sys.argv[2], language="sgn-CH-DE-x-very-long-indeed", categories=("x" * 60, "y"))
cataloguing.put(shop, by, [odd], Origin.HAND)
"""


@pytest.fixture(scope="module")
def furnished(server: ServerProcess, fresh: Fresh) -> WebService:
    """A web service with members, two keys, a source that lost something, rejected payloads, a rule, modules."""
    service = fresh()
    for name in ("pierwatch", "tideclock", "w" * 150):
        server.command("user", "create", name)
        server.command("webservice", "member", "add", str(service.wsid), name)
    server.command("webservice", "member", "add", str(service.wsid), "pierwatch", "--role", "manager")
    traffic = Traffic()
    for number, source in enumerate(["web-1", "edge-log", HOSTILE]):
        events: list[dict[str, Any]] = [{**traffic.one(), "username": "jo"} for _ in range(20)]
        document: dict[str, Any] = {
            "source": source,
            "run": f"r{number}",
            "seq": 1,
            "sent": 20,
            "close": False,
        }
        if source == HOSTILE:
            events += [
                {"ip": "192.0.2.1", "useragent": HOSTILE},
                {"url": HOSTILE, "ip": None, "useragent": None, "ts": 0},
            ]
            document |= {"sent": 191, "lost": {"queue_full": 120}}
        answer = server.collect(service, service.seal({**document, "events": events}))
        assert answer.status == 200, answer
    server.command("webservice", "rotate-key", str(service.wsid))
    server.run(sys.executable, "-c", RULE_AND_MODULES, str(service.wsid), HOSTILE[:200])
    return service


def place(service: WebService, page: str = "") -> str:
    return f"/view/settings/{service.wsid}{page}"


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_fits_and_says_what_it_is(
    furnished: WebService, opened: Opening, screenshot: Callable[[Page, str], None], look: str
) -> None:
    watched = opened(place(furnished), **LOOKS[look])
    page = watched.page
    for name, path in {**{name: place(furnished, path) for name, path in PAGES.items()}, **ACCOUNT}.items():
        page.goto(f"{watched.address}{path}")
        expect(page.locator(".title h2")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, name
        cut = page.locator(".settings-body").evaluate(
            "body => [...body.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > innerWidth + 1"
            " && getComputedStyle(one).position !== 'absolute').map(one => one.outerHTML.slice(0, 80))"
        )
        assert cut == [], name
        if look.startswith("360"):
            low = page.locator(".settings-body .button:visible, .settings-body summary:visible").evaluate_all(
                "all => all.filter(one => one.getBoundingClientRect().height < 24).map(one => one.textContent)"
            )
            assert low == [], name
        screenshot(page, f"settings-{name}-{look}")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_modules_are_kept_on_their_page(opened: Opening, fresh: Fresh, scripts: bool) -> None:
    page = opened(place(fresh(), "/modules"), java_script_enabled=scripts, **LOOKS["360-light"]).page
    expect(page.get_by_role("heading", name="No module yet")).to_be_visible()
    page.get_by_label("Folder", exact=True).fill("math")
    page.get_by_label("Name", exact=True).fill("Maths")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_contain_text("Maths: Added.")
    page.get_by_label("File", exact=True).set_input_files(
        files=[{"name": "m.csv", "mimeType": "text/csv", "buffer": b"slug,name\nart,Art\nmath,Mathematics\n"}]
    )
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("status")).to_contain_text("Imported: 1 added, 1 changed, 0 unchanged.")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV").click()
    assert downloading.value.path().read_text().splitlines()[1:] == ["art,Art,,,,,", "math,Mathematics,,,,,"]
    page.get_by_role("searchbox").or_(page.get_by_label("Seek a module")).fill("mathem")
    page.get_by_role("button", name="Seek").click()
    expect(page.locator(".module")).to_have_count(1)
    page.get_by_role("link", name="Change math").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mathematics")
    page.get_by_label("Folder", exact=True).fill("maths")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Mathematics: Saved.")
    expect(page.locator(".module")).to_have_count(2)
    page.get_by_text("Remove art").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_contain_text("art is taken out.")
    expect(page.locator(".module")).to_contain_text(["Mathematics"])


def test_a_rule_of_sessions_begins_with_one_that_is_ready_made(opened: Opening, fresh: Fresh) -> None:
    page = opened(place(fresh(), "/sessions")).page
    page.get_by_role("link", name="course modules (Module Gaze)").click()
    expect(page.get_by_label("What is used")).to_have_value("/uploads/modules/{object}\n/modules/{object}")
    expect(page.get_by_label("Each user", exact=False)).to_be_checked()
    page.get_by_label("What is used").fill("/modules")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("has to say {object} once")
    page.get_by_label("What is used").fill("/modules/{object}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.get_by_role("button", name="Make no more sessions of requests").click()
    expect(page.get_by_text("No sessions are made of requests yet.")).to_be_visible()


def test_the_dashboard_leads_to_the_settings_and_back(furnished: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{furnished.wsid}").page
    page.locator(".account-wide").get_by_role("link", name="Settings").click()
    expect(page.locator(".title h2")).to_have_text("General")
    page.get_by_role("link", name="Audit log").click()
    expect(page.locator("table")).to_contain_text("made a key")
    page.get_by_role("link", name="← Dashboard").click()
    expect(page.locator("#tiles")).to_be_visible()
    page.locator(".account-wide").get_by_role("link", name="Your account").click()
    expect(page.locator(".title h2")).to_have_text("Web services")


def test_on_a_phone_the_sections_are_behind_a_button(furnished: WebService, opened: Opening) -> None:
    page = opened(place(furnished), **LOOKS["360-light"]).page
    sections = page.locator(".sections-narrow")
    expect(sections.get_by_role("link", name="Keys")).not_to_be_visible()
    sections.locator("summary").click()
    sections.get_by_role("link", name="Keys").click()
    expect(page.locator(".title h2")).to_have_text("Keys")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_web_service_lives_and_dies_on_the_pages(
    server: ServerProcess, opened: Opening, screenshot: Callable[[Page, str], None], scripts: bool
) -> None:
    name = f"life-{next(NUMBERS)}.example"
    watched = opened("/settings/", java_script_enabled=scripts)
    page = watched.page
    page.get_by_label("Name").fill(name)
    page.get_by_label("Time zone").select_option("Asia/Kathmandu")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()
    dsn = re.sub(r"\s", "", page.locator("#dsn").text_content() or "")
    found = re.fullmatch(r"tmon\+http://([0-9a-f]{64})@127\.0\.0\.1:\d+/(\d+)", dsn)
    assert found is not None
    service = WebService(int(found[2]), bytes.fromhex(found[1]), dsn)
    page.goto(f"{watched.address}{place(service, '/keys')}")
    page.get_by_role("button", name="New key").click()
    expect(page.get_by_role("status")).to_contain_text("Give its DSN to every sender")
    page.locator("li", has_text="newer").get_by_text("Show the DSN").click()
    newer = page.locator("li", has_text="newer").locator("code").text_content() or ""
    assert newer.endswith(f"/{service.wsid}")
    assert newer != dsn
    older = page.locator("li", has_text="older")
    older.get_by_text("Revoke", exact=True).click()
    older.get_by_role("button", name=re.compile("Revoke key")).click()
    expect(page.get_by_role("status")).to_contain_text("is revoked.")
    service = service._replace(secret=bytes.fromhex(newer.split("//")[1].split("@")[0]))
    report(server, service, [{"url": "/", "ip": None, "useragent": None, "username": "jo"}])

    page.goto(f"{watched.address}{place(service, '/erase')}")
    page.get_by_label("User name").fill("jo")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    expect(page.get_by_label("To confirm")).to_have_attribute("aria-invalid", "true")
    if scripts:
        screenshot(page, "settings-erase-error")
    page.get_by_label("To confirm").fill(name)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("status")).to_contain_text("The name is erased from 1 event")

    page.get_by_role("link", name="Delete", exact=True).first.click()
    page.get_by_label("To confirm").fill(name)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_contain_text(f"{name} is deleted, with 1 event.")
    expect(page.locator(".rows")).not_to_contain_text(name)


def test_a_token_is_shown_once_and_may_be_copied(
    opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = opened("/settings/tokens").page
    page.get_by_label("What it is for").fill("monthly report")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#token")).to_have_text(re.compile(r"tmon_[\w-]{43}"))
    screenshot(page, "settings-token")
    text = page.locator("#token").text_content() or "nothing"
    page.get_by_role("link", name="API tokens").first.click()
    assert text not in page.content()
    row = page.locator("li", has_text="monthly report")
    row.get_by_text("Revoke").first.click()
    row.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("is revoked.")


def test_a_member_gets_another_role_with_the_keyboard_alone(furnished: WebService, opened: Opening) -> None:
    page = opened(place(furnished, "/members")).page
    page.get_by_label("Role of tideclock").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator(":focus-visible")).to_have_text("Change")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("tideclock is a manager now.")
