# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages on which links are made, invitations sent and accepted, and lost passwords replaced, as people see them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess

from .conftest import PASSWORD, Fresh, Opening

SIZES = [(1440, 900, "dark"), (1440, 900, "light"), (360, 800, "dark"), (360, 800, "light")]


def fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_manager_makes_copies_and_revokes_a_share_link(fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    page = opened(f"/view/settings/{service.wsid}/sharing").page
    page.get_by_label("Label").fill("Board room screen")
    page.get_by_label("Valid for").select_option("30 days")
    page.get_by_role("button", name="Make a link").click()
    address = page.locator(".rows code")
    expect(address).to_have_text(re.compile(r"^http://127\.0\.0\.1:\d+/share/[\w-]{32}$"))
    link = address.inner_text()
    guest = opened(urlsplit(link).path, logged_in=False)
    guest.allowed += ["404"]  # once it is revoked
    expect(guest.page.locator("#dashboard")).to_be_visible()
    page.get_by_text("Revoke", exact=False).first.click()
    page.get_by_role("button", name="Revoke Board room screen").click()
    expect(page.get_by_role("status")).to_contain_text("“Board room screen” is revoked.")
    expect(page.get_by_role("heading", name="No share link")).to_be_visible()


def test_what_is_looked_at_is_taken_along_into_a_share_link(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    report(server, service, [Traffic().one()])
    page = opened(f"/view/dashboard/{service.wsid}?period=7d&filter=country:AT").page
    page.get_by_role("link", name="Share", exact=True).click()
    page.wait_for_url(re.compile(r"/sharing\?period=7d&filter=country%3AAT$"))
    expect(page.get_by_label("Opens with")).to_have_value("7d")
    expect(page.get_by_label("country:AT")).to_be_checked()
    page.goto(urljoin(page.url, f"/view/dashboard/{service.wsid}?from=2026-11-01&to=2026-11-03"))
    page.get_by_role("link", name="Share", exact=True).click()
    expect(page.get_by_label("Opens with")).to_have_value("2026-11-01..2026-11-03")


def test_an_invitation_is_made_and_somebody_new_accepts_it(fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    page = opened(f"/view/settings/{service.wsid}/invitations").page
    page.get_by_label("E-mail address").fill("jo@example.org")
    page.get_by_role("button", name="Make an invitation").click()
    link = page.locator(".fresh code").inner_text()
    newcomer = opened(urlsplit(link).path, logged_in=False).page
    newcomer.get_by_label("User name").fill(f"jo-{service.wsid}")
    newcomer.get_by_label("Password", exact=True).fill(PASSWORD)
    newcomer.get_by_label("Password again").fill(PASSWORD)
    newcomer.get_by_role("button", name="Make an account and join").click()
    newcomer.wait_for_url(re.compile(rf"/view/dashboard/{service.wsid}$"))
    page.get_by_role("link", name="Invitations").click()
    expect(page.get_by_role("heading", name="No invitation waits")).to_be_visible()


def test_a_lost_password_is_replaced_by_an_administrators_link(
    server: ServerProcess, opened: Opening
) -> None:
    server.command("user", "create", "forgetful", "--password-stdin", stdin=f"{PASSWORD}\n")
    link = json.loads(server.command("user", "reset-link", "forgetful", "--json"))["url"]
    page = opened(urlsplit(link).path, logged_in=False).page
    assert link.rpartition("/")[2] not in page.url
    page.get_by_label("New password", exact=True).fill("another horse altogether")
    page.get_by_label("New password again").fill("another horse altogether")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("User name").fill("forgetful")
    page.get_by_label("Password").fill("another horse altogether")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile("/$"))


@pytest.mark.parametrize(("width", "height", "scheme"), SIZES)
def test_the_pages_fit(
    server: ServerProcess,
    fresh: Fresh,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    width: int,
    height: int,
    scheme: Any,
) -> None:
    service = fresh()
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    for label, more in (("Board room screen", ["--days", "30"]), ("A very long label of somebody " * 3, [])):
        server.command("share", "create", str(service.wsid), "--label", label.strip(), *more)
    page = opened(
        f"/view/settings/{service.wsid}/sharing?filter=country:AT&filter=username:x", **options
    ).page
    fits(page, width)
    screenshot(page, f"settings-sharing-{width}-{scheme}")
    page = opened(f"/view/settings/{service.wsid}/invitations", **options).page
    page.get_by_label("E-mail address").fill("jo@example.org")
    page.get_by_role("button", name="Make an invitation").click()
    link = page.locator(".fresh code").inner_text()
    fits(page, width)
    screenshot(page, f"settings-invitations-{width}-{scheme}")
    page = opened(urlsplit(link).path, logged_in=False, **options).page
    fits(page, width)
    screenshot(page, f"invitation-new-{width}-{scheme}")
    page = opened(urlsplit(link).path, **options).page
    fits(page, width)
    screenshot(page, f"invitation-user-{width}-{scheme}")
    for path, name in (
        ("/password/lost", "password-lost"),
        ("/password/set/MQ/nothing", "password-over"),
        ("/password/done", "password-done"),
        ("/invitation/nothing", "invitation-over"),
    ):
        watched = opened("/login", logged_in=False, **options)
        watched.allowed += ["404"]
        watched.page.goto(f"{watched.address}{path}")
        fits(watched.page, width)
        screenshot(watched.page, f"{name}-{width}-{scheme}")
    link = json.loads(server.command("user", "reset-link", "harbour", "--json"))["url"]
    page = opened(urlsplit(link).path, logged_in=False, **options).page
    fits(page, width)
    screenshot(page, f"password-set-{width}-{scheme}")
    page = opened("/settings/email", **options).page
    fits(page, width)
    screenshot(page, f"settings-email-{width}-{scheme}")
