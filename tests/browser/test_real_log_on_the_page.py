# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand real requests of 2015, imported today: the dashboard shows of their four days what awk counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.integration.server_process import ServerProcess, WebService
from tests.integration.test_real_log import awk, events_of

from tmon.client_api import Client

from .conftest import Opening

PERIOD = "?from=2015-05-17&to=2015-05-20"


@pytest.fixture(scope="module")
def log(data_dir: Path) -> Path:
    found = data_dir / "logs" / "elastic_apache_logs.log"
    if not found.is_file():
        pytest.skip("logs/elastic_apache_logs.log is missing from TMON_TEST_DATA")
    return found


@pytest.fixture(scope="module")
def imported(server: ServerProcess, log: Path) -> WebService:
    service = server.webservice("semicomplete.example")
    events = events_of(log)
    with Client(server.dsn(service), source="importer") as client:
        for at in range(0, len(events), 1000):
            answer = client.send_batch(events[at : at + 1000], stream="access.log", timeout=60)
            assert answer.rejected_count == 0
    return service


@pytest.fixture
def page(imported: WebService, opened: Opening) -> Page:
    return opened(f"/view/dashboard/{imported.wsid}{PERIOD}").page


def figures(table: Locator) -> dict[str, int]:
    """A panel's rows: what each counts."""
    names = table.locator("tbody tr .name").all_inner_texts()
    counts = table.locator("tbody tr td:nth-of-type(1)").all_inner_texts()
    return {name: int(count.replace(",", "")) for name, count in zip(names, counts, strict=True)}


def test_the_totals_are_those_of_awk(page: Page, log: Path) -> None:
    ((requests, size, errors),) = awk(
        '{b += $10; e += $9 >= 500} END {printf "%d %.0f %d\\n", NR, b, e}', log
    )
    assert (requests, errors) == ("10000", "3")
    expect(page.locator('[data-tile="requests"] .tile-value b')).to_have_text("10,000")
    expect(page.locator('[data-tile="errors"] .tile-value')).to_have_text("0.03%")
    expect(page.locator('[data-tile="errors"]')).to_have_attribute("title", "3 of 10,000")
    expect(page.locator('[data-tile="bytes"] .tile-value')).to_have_text(f"{int(size) / 1e9:.2f}GB")
    expect(page.locator("#tail td.when").first).to_have_text("20 May 2015")
    expect(page.locator("#covered")).to_have_text("17 May 2015 – 20 May 2015, UTC")  # noqa: RUF001


def test_the_days_of_the_graph_are_those_of_awk(
    page: Page, log: Path, screenshot: Callable[[Page, str], None]
) -> None:
    counted = {
        day: int(count) for day, count in awk("{n[substr($4, 2, 2)]++} END {for (d in n) print d, n[d]}", log)
    }
    page.get_by_role("button", name="Day", exact=True).click()
    expect(page.locator("#graph-title")).to_have_text("Requests per day")
    page.locator("#graph-table summary").click()
    expect(page.locator("#graph-table tbody tr")).to_have_count(4)
    cells = page.locator("#graph-table tbody td").all_inner_texts()
    shown = {
        re.search(r"\d+", day)[0]: int(count.replace(",", ""))
        for day, count in zip(cells[::2], cells[1::2], strict=True)
    }  # type: ignore[index]
    assert shown == counted
    screenshot(page, "real-log")


def test_the_statuses_and_pages_are_those_of_awk(page: Page, log: Path) -> None:
    statuses = {
        status: int(count) for status, count in awk("{n[$9]++} END {for (s in n) print s, n[s]}", log)
    }
    panel = page.locator("#view-status")
    expect(panel.locator("tbody tr")).to_have_count(len(statuses))
    assert {name.split()[0]: count for name, count in figures(panel).items()} == statuses
    counted = awk(r'{sub(/\?.*/, "", $7); n[$7]++} END {for (p in n) print n[p], p}', log)
    top = sorted(counted, key=lambda row: (-int(row[0]), row[1]))
    shown = figures(page.locator("#view-url"))
    assert list(shown.items())[:8] == [(path, int(count)) for count, path in top[:8]]
    assert shown["All others"] == sum(int(count) for count, _ in top[8:])
