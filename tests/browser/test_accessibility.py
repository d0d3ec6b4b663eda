# SPDX-License-Identifier: GPL-3.0-or-later
"""axe-core finds nothing serious on any page (WCAG 2.2 AA), in dark and light, on a wide screen and on a phone.

A page is added to PAGES: its name, its path, and what is on it when it is ready (a CSS selector). In a path `{busy}`
and `{fresh}` stand for the ids of a web service with requests and of one without any, `{slug}` for a share link's.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final, NamedTuple

import pytest
from playwright.sync_api import Page, expect
from tests.browser.traffic import Traffic, report
from tests.integration.server_process import ServerProcess

from .conftest import CHECKOUT, Fresh, Opening


class Shown(NamedTuple):
    """A page that is tested."""

    name: str
    path: str
    ready: str
    logged_in: bool = True


PAGES: Final = (
    Shown("first page", "/", "h1"),
    Shown("first page, logged out", "/", "h1", logged_in=False),
    Shown("login", "/login", "#id_username", logged_in=False),
    Shown("logout", "/logout", "h1"),
    Shown("nothing here", "/nothing-here", "h1"),
    Shown("dashboard", "/view/dashboard/{busy}", "#view-country tbody tr"),
    Shown("dashboard of now", "/view/dashboard/{busy}?period=now", "#graph canvas"),
    Shown("dashboard of latency", "/view/dashboard/{busy}?measure=latency&step=hour", "#graph-flags .flag"),
    Shown("dashboard of a year", "/view/dashboard/{busy}?period=year", "#view-country tbody tr"),
    Shown("large panel", "/view/dashboard/{busy}?large=url&filter=!device:phone", ".full tbody tr"),
    Shown("first run", "/view/dashboard/{fresh}", "#waiting"),
    Shown("live", "/view/live/{busy}", "#by-object tbody tr"),
    Shown("shared dashboard", "/share/{slug}", "#view-country tbody tr", logged_in=False),
    Shown("lost password", "/password/lost", "h1", logged_in=False),
    Shown("account", "/settings/", "h1"),
    *(Shown(f"account {name}", f"/settings/{name}", "h1") for name in ("tokens", "password", "email")),
    Shown("settings", "/view/settings/{busy}", "h1"),
    *(
        Shown(f"settings {name}", f"/view/settings/{{busy}}/{name}", "h1")
        for name in (
            "keys",
            "members",
            "invitations",
            "sharing",
            "alerts",
            "sessions",
            "modules",
            "privacy",
            "sources",
            "quarantine",
            "erase",
            "audit",
        )
    ),
    Shown(
        "settings modules, one is changed",
        "/view/settings/{busy}/modules?seek=module&edit=module-1",
        "#module h3",
    ),
    Shown("settings modules, none", "/view/settings/{fresh}/modules", ".empty"),
    Shown("settings sessions, none", "/view/settings/{fresh}/sessions", ".ready"),
    Shown("settings sessions, ready made", "/view/settings/{busy}/sessions?begin=visits", ".ready"),
    Shown("settings delete", "/view/settings/{busy}/delete", "h1"),
)
AXE: Final = CHECKOUT / "node_modules" / "axe-core" / "axe.min.js"
TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
GRAVE: Final = ("serious", "critical")
RUN: Final = """async tags => {
    const only = { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] };
    const { violations } = await axe.run(document, only);
    return violations.map(({ id, impact, help, nodes }) => (
        { id, impact, help, nodes: nodes.map((node) => `${node.html.slice(0, 200)}\\n    ${node.failureSummary}`) }
    ));
}"""


def grave(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is now, as text for people."""
    if not AXE.is_file():
        pytest.skip("axe-core is missing: `make test` fetches it")
    # Evaluated by the debugger, so the page's policy, which would rightly refuse a script of ours, does not apply.
    page.evaluate(f"() => {{ {AXE.read_text('utf-8')} }}")
    found: list[dict[str, Any]] = page.evaluate(RUN, list(TAGS))
    return [
        f"{one['id']} ({one['impact']}): {one['help']}\n  " + "\n  ".join(one["nodes"])
        for one in found
        if one["impact"] in GRAVE
    ]


MAKE: Final = """
from tmon.settings import prepare
prepare()
from tmon.server.tenants import annotating, sharing
from tmon.server.tenants.models import WebService
service = WebService.objects.get(pk={wsid})
annotating.add(service, service.owner, {at}, "Deploy v2.14.0")
from tmon.server.modules import cataloguing, ruling
from tmon.server.modules.entries import Entry
from tmon.server.modules.models import Origin
from tmon.server.tenants import audit
entries = [Entry(slug=f"module-{{number}}", language="en", categories=("a",)) for number in range(60)]
cataloguing.put(service, audit.on_page(service.owner), entries, Origin.SCAN)
ruling.put(service, audit.on_page(service.owner), ruling.COURSE_MODULES)
print(sharing.create(service)[1])
"""


@pytest.fixture(scope="module")
def ids(server: ServerProcess, fresh: Fresh) -> dict[str, int | str]:
    """What the paths name."""
    service = server.webservice("harbour.example", "Europe/Berlin")
    traffic, now = Traffic(), time.time()
    report(server, service, [traffic.one(now - 60 - 200 * at) for at in range(400)])
    slug = server.run(sys.executable, "-c", MAKE.format(wsid=service.wsid, at=now - 4 * 3600)).strip()
    return {"busy": service.wsid, "fresh": fresh().wsid, "slug": slug}


@pytest.mark.parametrize("shown", PAGES, ids=lambda one: one.name.replace(" ", "-"))
def test_nothing_serious_is_wrong_with(opened: Opening, ids: dict[str, int | str], shown: Shown) -> None:
    watched = opened(
        "/healthz",
        logged_in=shown.logged_in,
        reduced_motion="reduce",  # nothing is looked at while it fades
    )
    watched.allowed.append("404")
    page = watched.page
    page.goto(f"{watched.address}{shown.path.format(**ids)}")
    expect(page.locator(shown.ready).first).to_be_visible()
    found: dict[str, list[str]] = {}
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            expect(page.locator(".asking:visible, .still:visible")).to_have_count(
                0
            )  # paler than they will be
            if wrong := grave(page):
                found[f"{width} px, {scheme}"] = wrong
    assert found == {}
