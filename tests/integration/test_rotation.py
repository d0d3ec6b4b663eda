# SPDX-License-Identifier: GPL-3.0-or-later
"""While a key is rotated, whoever looks sees which sources still use the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.server_process import ServerProcess, WebService, until

EVENT = {"url": "/", "ip": None, "useragent": None}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("rotation")) as process:
        yield process
    assert process.troubles == []


def send(server: ServerProcess, service: WebService, source: str, run: str = "1", **fields: Any) -> None:
    document = {"source": source, "run": run, "events": [EVENT], **fields}
    assert server.collect(service, service.seal(document)).status == 200


def rotated(server: ServerProcess, service: WebService) -> WebService:
    """The web service with its new key, once the running server knows it."""
    made = json.loads(server.command("webservice", "rotate-key", str(service.wsid), "--json"))
    until(lambda: any(row["old_key"] for row in sources(server, service)), "the server knows the new key")
    return WebService(service.wsid, bytes.fromhex(made["secret"]), made["dsn"])


def sources(server: ServerProcess, service: WebService) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.ask(service, "sources")["results"]
    return found


def old(server: ServerProcess, service: WebService) -> dict[tuple[str, str], bool]:
    return {(row["source"], row["run"]): row["old_key"] for row in sources(server, service)}


def listed(server: ServerProcess, service: WebService) -> list[tuple[int, str, list[tuple[str, int]]]]:
    """What `tmon webservice keys` shows, without times."""
    rows = json.loads(server.command("webservice", "keys", str(service.wsid), "--json"))
    return [
        (row["key"], row["state"], sorted((one["source"], one["runs"]) for one in row["sources"]))
        for row in rows
    ]


def test_sources_that_use_the_old_key_are_shown_until_they_use_the_new_one(server: ServerProcess) -> None:
    shop = server.webservice("shop")
    for source, run in (("web-1", "1"), ("web-1", "2"), ("web-2", "1"), ("done", "1")):
        send(server, shop, source, run, close=source == "done")
    assert set(old(server, shop).values()) == {False}
    assert listed(server, shop) == [(1, "newest", [("web-1", 2), ("web-2", 1)])]

    new = rotated(server, shop)
    send(server, new, "web-2")
    send(server, shop, "web-1", "2")
    expected = {("web-1", "1"): True, ("web-1", "2"): True, ("web-2", "1"): False, ("done", "1"): True}
    assert old(server, shop) == expected
    assert {row["source"]: row["key"] for row in sources(server, shop)} == {"web-1": 1, "web-2": 2, "done": 1}
    assert server.ask(shop, "sources")["totals"]["old_key"] == 2
    shown = [(2, "newest", [("web-2", 1)]), (1, "old", [("web-1", 2)])]
    assert listed(server, shop) == shown

    server.kill()
    assert listed(server, shop) == shown  # without a server, from the files
    server.start()
    assert old(server, shop) == expected

    send(server, new, "web-1", "1")
    send(server, new, "web-1", "2")
    assert server.ask(shop, "sources")["totals"]["old_key"] == 0
    assert listed(server, shop) == [(2, "newest", [("web-1", 2), ("web-2", 1)]), (1, "old", [])]


def test_the_keys_are_shown_to_people_too(server: ServerProcess) -> None:
    shop = server.webservice("shop")
    send(server, shop, "web-1")
    assert server.ask(shop, "sources")["totals"]["stored"] == 1  # which counts it, if that was not done yet
    head, row = server.command("webservice", "keys", str(shop.wsid)).splitlines()
    assert head.split() == ["key", "created", "state", "sources"]
    assert row.split()[2:5] == ["newest", "web-1", "1"]
