# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server process sends, and that one that is killed in the middle of it goes on after its next start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.server_process import OWNER, ServerProcess
from tests.integration.webhook_server import WebhookServer

GIVE = f"""
import sys, time
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.limits import destinations, limiting, warned
from tmon.server.sessions import Session
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
owner, shop = User.objects.get(username="{OWNER}"), WebService.objects.get(pk=int(sys.argv[1]))
destinations.add(shop, audit.on_page(owner), "webhook", sys.argv[2])
limiting.put(shop, owner, "algebra", 1)
start = int(time.time() * 1000) - 90_000
session = Session("198.51.100.7", "anna", "algebra", start, start + 90_000)
print(warned.give(shop.wsid, [warned.Found(1, session, 1, start + 60_000)], time.time()))
limiting.remove(shop, owner, "algebra")
"""
FORGET_THE_CLAIM = """
from tmon.settings import prepare
prepare()
from django.utils import timezone
from tmon.server.limits.models import Delivery
Delivery.objects.update(due=timezone.now())
"""


def done(server: ServerProcess, program: str, *arguments: str) -> str:
    environment = {**os.environ, "TMON_DATA": str(server.data)}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_a_server_that_is_killed_while_it_sends_sends_again_after_its_start(tmp_path: Path) -> None:
    with WebhookServer() as receiver, ServerProcess(tmp_path) as server:
        shop = server.webservice("shop")
        receiver.does["*"] = "hangs"
        assert "warnings=1, deliveries=1" in done(server, GIVE, str(shop.wsid), receiver.url())
        receiver.wait_for(1)
        server.kill()
        receiver.does.clear()
        done(server, FORGET_THE_CLAIM)  # which would otherwise hold for a minute
        server.start()
        first, second = receiver.wait_for(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert json.loads(second.body)["data"]["name"] == "anna"
        figures = server.connection.send("GET", "/metrics").content.decode()
        assert 'tmon_limits_failing{part="watch"} 0.0' in figures
        assert 'tmon_limits_failing{part="deliver"} 0.0' in figures
