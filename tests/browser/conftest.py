# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium on the pages of a real server. One of each serves all of these tests, and goes with them.

Every page that a test opens is watched: whatever it does, it may write no error to its console, break no policy, and
ask no other host for anything.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from tests.chromium import ARGUMENTS, chromium
from tests.integration.server_process import OWNER, ServerProcess, WebService

CHECKOUT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = CHECKOUT / "build" / "screenshots"
PASSWORD: Final = "correct horse battery staple"
PATIENCE_MS: Final = 30_000
"""The page itself waits ten seconds for an answer and asks again three later: a test has to outlast that twice."""
MAKE_WEB_SERVICES: Final = """
import json
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.tenants import accounts
owner = User.objects.get(username="{owner}")
made = [accounts.create_webservice(f"fresh-{batch}-{{number}}.example", owner) for number in range({count})]
print(json.dumps([(one.webservice.wsid, one.secret.hex()) for one in made]))
"""
REPORTS_VIOLATIONS: Final = """
    addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
    });
"""


class Watched:
    """A page and what it must not do. `allowed` are parts of console messages that a test brings about on purpose."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page = context.new_page()
        self.address = address
        self.allowed: list[str] = []
        self.wrong: list[str] = []
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(REPORTS_VIOLATIONS)
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("dialog", self._shown)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.allowed):
            self.wrong.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        where = urlsplit(url)
        if where.scheme not in ("data", "blob") and f"{where.scheme}://{where.netloc}" != self.address:
            self.wrong.append(f"asked elsewhere: {url}")

    def _shown(self, dialog: Any) -> None:
        self.wrong.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    path = chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose owner of everything has a password."""
    with ServerProcess(
        tmp_path_factory.mktemp("browser") / "data", TMON_WEBSERVICES_PER_USER="1000"
    ) as running:
        assert running.token
        running.command("user", "password", OWNER, "--password-stdin", stdin=f"{PASSWORD}\n")
        yield running
        assert running.troubles == []


@pytest.fixture(scope="package")
def fresh(server: ServerProcess) -> Fresh:
    return web_services(server)


def web_services(server: ServerProcess) -> Fresh:
    """A function that gives a web service that has reported nothing, each time another; two dozen are made at once."""
    left: list[WebService] = []
    batch = itertools.count()

    def fresh() -> WebService:
        if not left:
            make = MAKE_WEB_SERVICES.format(owner=OWNER, count=24, batch=next(batch))
            made = json.loads(server.run(sys.executable, "-c", make))
            left.extend(WebService(wsid, bytes.fromhex(secret), "") for wsid, secret in made)
        return left.pop()

    return fresh


@pytest.fixture(scope="package")
def address(server: ServerProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="package")
def login(browser: Browser, address: str) -> Any:
    return log_in(browser, address)


def log_in(browser: Browser, address: str) -> Any:
    """The cookies of the owner, who has logged in by the page."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/login")
    page.get_by_label("User name").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/(view/dashboard/\d+)?$"))  # to a dashboard, if there is one yet
    state = context.storage_state()
    context.close()
    return state


Opening = Callable[..., Watched]
Fresh = Callable[[], WebService]


@pytest.fixture
def opened(browser: Browser, address: str, login: Any) -> Iterator[Opening]:
    """opened(path, **options of the context): a watched page of the owner's, where the test has just gone."""
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def open_(path: str, *, logged_in: bool = True, **options: Any) -> Watched:
        given = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark", **options}
        context = browser.new_context(storage_state=login if logged_in else None, **given)
        contexts.append(context)
        watched = Watched(context, address)
        pages.append(watched)
        watched.page.goto(f"{address}{path}")
        return watched

    yield open_
    wrong = [one for watched in pages for one in watched.wrong]
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="package")
def screenshot() -> Callable[[Page, str], None]:
    """Keep a picture of a page in build/screenshots, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        print(f"screenshot: {os.path.relpath(path, CHECKOUT)}")

    return take
