# SPDX-License-Identifier: GPL-3.0-or-later
"""What people note about moments, on the graphs: managers write it there, everybody reads it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import PASSWORD, Fresh, Opening, Watched

GOOGLE = {"url": "/", "ip": "8.8.8.8", "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
HOUR_S = 3600
NOTE = """async ([text, t]) => {
    const token = document.querySelector("#annotation form").elements.csrfmiddlewaretoken.value;
    const response = await fetch(`${document.getElementById("dashboard").dataset.base}/data/annotations`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify({ text, t: new Date(t * 1000).toISOString() }),
    });
    return response.status;
}"""
VIEWER = "annotations-viewer"


@pytest.fixture
def service(server: ServerProcess, fresh: Fresh) -> WebService:
    made, now = fresh(), time.time()
    report(server, made, [{**GOOGLE, "ts": now - HOUR_S * at} for at in range(1, 20)])
    return made


def noted(page: Page, text: str, hours_ago: float) -> None:
    assert page.evaluate(NOTE, [text, time.time() - HOUR_S * hours_ago]) == 201


def flags(page: Page) -> Any:
    return page.locator("#graph-flags button")


def test_a_manager_notes_changes_and_deletes(
    service: WebService, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    page = opened(f"/view/dashboard/{service.wsid}?step=hour").page
    expect(page.locator("#graph canvas")).to_be_visible()
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Annotate the graphs")
    expect(dialog.get_by_label("What happened")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("Say what happened.")
    earlier = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3 * HOUR_S))
    dialog.get_by_label("When, in UTC").fill(earlier)
    dialog.get_by_label("What happened").fill("Deploy v2.14.0")
    screenshot(page, "annotation-dialog")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(flags(page)).to_have_text(["Deploy v2.14.0"])
    page.reload()
    expect(flags(page)).to_have_text(["Deploy v2.14.0"])
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table thead th").last).to_have_text("Noted")
    expect(page.locator("#graph-table tbody tr", has_text="Deploy v2.14.0")).to_have_count(1)
    flags(page).click()
    expect(dialog).to_contain_text("Noted by harbour.")
    dialog.get_by_label("What happened").fill("Deploy v2.14.1")
    dialog.get_by_role("button", name="Save").click()
    expect(flags(page)).to_have_text(["Deploy v2.14.1"])
    page.locator('[data-tile="errors"]').click()  # on every graph
    expect(flags(page)).to_have_text(["Deploy v2.14.1"])
    page.get_by_role("button", name="Minute", exact=True).click()
    expect(flags(page)).to_have_text(["Deploy v2.14.1"])
    expect(page.locator("#graph-table thead th").nth(1)).to_have_text("Errors")
    screenshot(page, "annotation")
    flags(page).click()
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("Delete “Deploy v2.14.1” from every graph?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete it").click()
    expect(dialog).to_be_hidden()
    expect(flags(page)).to_have_count(0)


def test_what_cannot_be_stored_is_said_and_stays_to_be_sent_again(
    service: WebService, opened: Opening
) -> None:
    watched = opened(f"/view/dashboard/{service.wsid}?step=hour")
    watched.allowed += ["400", "503"]
    page = watched.page
    page.get_by_role("button", name="Annotate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What happened").fill("Later")
    dialog.get_by_label("When, in UTC").fill("2199-01-01T00:00:00")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("at most 400 days ahead")
    expect(dialog.get_by_label("What happened")).to_have_value("Later")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_flags_that_would_touch_are_one_that_opens_a_list(service: WebService, opened: Opening) -> None:
    page = opened(f"/view/dashboard/{service.wsid}?step=hour").page
    for text, hours in (("First", 5.1), ("Second", 5.0), ("Third", 12), ("In the running hour", 0)):
        noted(page, text, hours)
    page.reload()
    expect(flags(page)).to_have_text(["Third", "2", ""])
    expect(flags(page).last).to_have_accessible_name(re.compile("In the running hour$"))
    flags(page).nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_text([re.compile("First$"), re.compile("Second$")])
    dialog.get_by_role("button", name="Second").click()
    expect(dialog.get_by_label("What happened")).to_have_value("Second")


def test_what_was_noted_is_plain_text(service: WebService, opened: Opening) -> None:
    text = "<img src=x onerror=alert(1)>\u202e&amp;<script>alert(2)</script>"
    page = opened(f"/view/dashboard/{service.wsid}?step=hour").page
    noted(page, text, 4)
    page.reload()
    expect(flags(page)).to_have_text([text])
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table tbody tr", has_text=text)).to_have_count(1)
    flags(page).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".noted-sure bdi")).to_have_text(text)
    assert page.locator("#graph-flags img, dialog img, #graph-table img").count() == 0


def test_a_viewer_reads_and_changes_nothing(
    server: ServerProcess, browser: Browser, service: WebService, opened: Opening, address: str
) -> None:
    noted(opened(f"/view/dashboard/{service.wsid}").page, "Deploy v3", 4)
    server.command("user", "create", VIEWER, "--password-stdin", stdin=f"{PASSWORD}\n")
    server.run(
        sys.executable,
        "-c",
        "from tmon.settings import prepare\nprepare()\n"
        "from django.contrib.auth.models import User\nfrom tmon.server.tenants import accounts\n"
        f"accounts.add_member({service.wsid}, User.objects.get(username={VIEWER!r}), 'viewer')",
    )
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Watched(context, address)
    page = watched.page
    page.goto(f"{address}/login")
    page.get_by_label("User name").fill(VIEWER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{address}/view/dashboard/{service.wsid}?step=hour")
    expect(flags(page)).to_have_text(["Deploy v3"])
    expect(page.locator("#annotate")).to_have_count(0)
    flags(page).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("What happened")).to_have_attribute("readonly", "")
    expect(dialog.get_by_role("button")).to_have_text(["Close"])
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(dialog).to_be_hidden()
    context.close()
    assert watched.wrong == []
