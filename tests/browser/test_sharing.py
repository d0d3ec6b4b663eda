# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared dashboard as a guest sees it: the password in front, figures that move, and nothing that is private."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import OWNER, ServerProcess, WebService

from .conftest import Fresh, Opening

PASSWORD = "an open secret of ours"
PUBLIC = {"country", "region", "city", "os", "browser", "device", "referrer", "url", "entry", "exit"}


def share(server: ServerProcess, service: WebService, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """A new link: its number, and its address without the server's."""
    made = json.loads(server.command("share", "create", str(service.wsid), *arguments, "--json", stdin=stdin))
    where = urlsplit(made["url"])
    return made["id"], where.path + (f"?{where.query}" if where.query else "")


def known(server: ServerProcess, service: WebService, count: int = 300) -> Traffic:
    """Have it reported some traffic."""
    traffic = Traffic()
    report(server, service, [traffic.one() for _ in range(count)])
    return traffic


def test_a_guest_answers_for_the_password_and_then_sees_figures_that_move(
    server: ServerProcess, fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None]
) -> None:
    service = fresh()
    traffic = known(server, service)
    _, path = share(
        server,
        service,
        "--label",
        "for the board",
        "--password-stdin",
        "--period",
        "7d",
        stdin=f"{PASSWORD}\n",
    )
    watched = opened(path, logged_in=False)
    page = watched.page
    field = page.get_by_label("Password of this link")
    expect(field).to_be_focused()
    screenshot(page, "share-gate-dark")
    field.fill("not this one")
    page.get_by_role("button", name="Show the dashboard").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("This is not its password"))
    page.get_by_label("Password of this link").fill(PASSWORD)
    page.keyboard.press("Enter")
    requests = page.locator('[data-tile="requests"] .tile-value b')
    expect(requests).to_have_text("300")
    assert page.url.endswith(path)
    expect(page.locator('[data-period="7d"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    report(server, service, [traffic.one() for _ in range(25)])
    expect(page.locator('[data-tile="now"] .tile-value b')).not_to_have_text(re.compile("^(0|\N{EN DASH})$"))
    expect(requests).to_have_text("325")
    page.reload()
    expect(requests).to_have_text("325")
    screenshot(page, "share-dark")


def test_a_guest_gets_the_public_panels_and_nothing_private(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    known(server, service)
    _, path = share(server, service, "--label", "for the board")
    asked: list[str] = []
    watched = opened(path, logged_in=False)
    page = watched.page
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.reload()
    expect(page.locator("#view-country tbody tr").first).to_be_visible()
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("300")
    names = page.eval_on_selector_all("[data-view]", "all => all.map(one => one.dataset.view)")
    assert set(names) == PUBLIC
    expect(page.locator("#tail")).to_have_count(0)
    source = page.content()
    for private in ("for the board", OWNER, f"/{service.wsid}/", service.secret.hex(), "/login", "Log out"):
        assert private not in source, private
    expect(page.locator("#map-about")).to_have_text(re.compile("latest requests"))
    data = {one for one in asked if "/data/" in one}
    assert data
    assert all(one.startswith(f"{path}/data/") for one in data)
    assert not any(one.endswith(("/events", "/sources", "/quarantine", "/annotations")) for one in data)


def test_filters_in_the_address_of_a_link_hold_for_the_guest(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    known(server, service)
    _, path = share(server, service)
    page = opened(f"{path}?filter=device:phone", logged_in=False).page
    requests = page.locator('[data-tile="requests"] .tile-value b')
    expect(requests).to_have_text(re.compile(r"^\d+$"))
    by_api = server.ask(service, "summary", filter="device:phone")["results"]["requests"]
    assert 0 < by_api < 300
    expect(requests).to_have_text(str(by_api))


def test_a_revoked_link_says_so_on_a_page_that_is_open(
    server: ServerProcess, fresh: Fresh, opened: Opening
) -> None:
    service = fresh()
    known(server, service, 20)
    link, path = share(server, service)
    watched = opened(path, logged_in=False)
    watched.allowed += ["404"]
    page = watched.page
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("20")
    server.command("share", "revoke", str(link))
    expect(page.locator("#banner")).to_contain_text("This link is not valid any more.")
    expect(page.locator("#tiles")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 800)])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_shared_dashboard_fits(
    server: ServerProcess,
    fresh: Fresh,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    width: int,
    height: int,
    scheme: Any,
) -> None:
    service = fresh()
    known(server, service)
    _, path = share(server, service)
    size = {"width": width, "height": height}
    page = opened(path, logged_in=False, viewport=size, color_scheme=scheme).page
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("300")
    expect(page.locator("#view-country tbody tr").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, f"share-{width}-{scheme}")
