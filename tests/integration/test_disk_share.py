# SPDX-License-Identifier: GPL-3.0-or-later
"""A web service that has used up its share of the disk is told so; the others and what is stored are left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.server_process import ServerProcess, until

EVENT = {"url": "/", "ip": None, "useragent": None, "note": "x" * 1_000}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("share"), TMON_LOG_MEGABYTES="2") as process:
        yield process
    assert process.troubles == []


def test_beyond_its_share_a_web_service_is_refused_and_nothing_acknowledged_is_lost(
    server: ServerProcess,
) -> None:
    shop, other = server.webservice("shop"), server.webservice("other")
    server.command("webservice", "set", str(shop.wsid), "--log-megabytes", "1")
    first = shop.seal([EVENT] * 1_200)
    assert server.collect(shop, first).status == 200
    assert server.collect(other, other.seal([EVENT] * 1_200)).status == 200
    server.kill()
    server.start()

    until(lambda: server.collect(shop, shop.seal(EVENT)).status == 429, "the share is used up")
    refused = server.collect(shop, shop.seal(EVENT))
    assert (refused.status, refused.json()["status_code"], refused.headers["retry-after"]) == (
        429,
        429,
        "300",
    )
    again = server.collect(shop, first)
    assert (again.status, again.json()["accepted"], again.json()["duplicate"]) == (200, 1_200, True)
    assert server.collect(other, other.seal(EVENT)).status == 200
    assert server.metric("tmon_over_share_total") >= 2
    before = server.ask(shop, "summary")["results"]["requests"]
    assert before >= 1_200

    server.command("webservice", "set", str(shop.wsid), "--log-megabytes", "0")  # 2, as the setting says
    until(lambda: server.collect(shop, shop.seal(EVENT)).status == 200, "there is room again")
    assert server.ask(shop, "summary")["results"]["requests"] == before + 1
