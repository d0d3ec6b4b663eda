# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings page of alerts in a browser: added, tested and removed by clicks, on a wide screen and a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.integration.webhook_server import WebhookServer

from .conftest import Fresh, Opening

LOOKS: dict[str, dict[str, Any]] = {
    "1440-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "360-light": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_webhook_is_added_tested_and_removed(
    fresh: Fresh, opened: Opening, screenshot: Callable[[Page, str], None], look: str
) -> None:
    service = fresh()
    with WebhookServer() as receiver:
        page = opened(f"/view/settings/{service.wsid}/alerts", **LOOKS[look]).page
        expect(page.get_by_text("No destination")).to_be_visible()
        page.get_by_label("Address", exact=True).fill("no address")
        page.get_by_role("button", name="Add the webhook").click()
        expect(page.get_by_role("alert")).to_contain_text("An address has no blanks")
        long = receiver.url("/" + "long" * 60)
        page.get_by_label("Address", exact=True).fill(long)
        page.get_by_role("button", name="Add the webhook").click()
        expect(page.get_by_role("status")).to_contain_text("Added.")
        page.get_by_role("button", name=f"Test {long}").click()
        expect(page.get_by_role("status")).to_contain_text("The test has arrived.")
        receiver.does["*"] = 500
        page.get_by_role("button", name=f"Test {long}").click()
        expect(page.get_by_role("alert")).to_contain_text(
            "The test did not arrive: it answered with status 500."
        )
        page.get_by_role("button", name="Show secret").click()
        secret = page.locator(".code-line code").inner_text()
        assert all(post.is_signed_with(secret) for post in receiver.posts)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
        screenshot(page, f"settings-alerts-filled-{look}")
    page.locator("summary", has_text="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("No destination")).to_be_visible()
