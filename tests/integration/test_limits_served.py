# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real server process sends, and that one that is killed in the middle of it goes on after its next start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.integration.server_process import OWNER, ServerProcess
from tests.integration.webhook_server import WebhookServer

GIVE = f"""
import sys, time
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.limits import destinations, limiting, warned
from tmon.server.limits.matching import Holds
from tmon.server.sessions import Session
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
owner, shop = User.objects.get(username="{OWNER}"), WebService.objects.get(pk=int(sys.argv[1]))
destinations.add(shop, audit.on_page(owner), "webhook", sys.argv[2])
limiting.put(shop, owner, "algebra", 1)
start = int(time.time() * 1000) - 90_000
session = Session("198.51.100.7", "anna", "algebra", start, start + 90_000)
print(warned.give(shop.wsid, [warned.Found(1, "", session, Holds("algebra", 1), start + 60_000)], time.time()))
limiting.remove(shop, owner, "algebra")
"""
LIMIT = f"""
import sys
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.limits import destinations, limiting
from tmon.server.modules import cataloguing
from tmon.server.modules.entries import Entry
from tmon.server.modules.models import Origin
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
owner, shop = User.objects.get(username="{OWNER}"), WebService.objects.get(pk=int(sys.argv[1]))
destinations.add(shop, audit.on_page(owner), "webhook", sys.argv[2])
cataloguing.put(shop, audit.on_page(owner), [Entry(slug="algebra")], Origin.HAND)
limiting.put(shop, owner, "algebra", 1)
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


def test_what_a_server_collects_is_told_within_two_seconds_and_once(tmp_path: Path) -> None:
    with WebhookServer() as receiver, ServerProcess(tmp_path, "--processes", "2") as server:
        shop = server.webservice("shop")
        done(server, LIMIT, str(shop.wsid), receiver.url())
        exceeds_at = time.time() + 2.0
        told = {"kind": "session", "session": "s1", "subject": "ben", "object": "Algebra"}
        events = [
            {**told, "state": "start", "ts": exceeds_at - 60},
            {**told, "state": "alive", "ts": time.time()},
            {**told, "session": "s2", "subject": "cleo", "state": "start", "ts": time.time()},
        ]
        server.collect(shop, shop.seal({"source": "lab", "events": events}))
        [post] = receiver.wait_for(1)
        assert 0 <= time.time() - exceeds_at < 2
        data = post.json["data"]
        assert (data["name"], data["source"], data["object"]) == ("ben", "lab", "Algebra")
        assert {one["limit"] for one in server.ask(shop, "sessions/live")["results"]} == {1}
        server.stop()
        server.start()
        [warning] = server.ask(shop, "warnings")["results"]
        assert warning["name"] == "ben"
        assert [one["state"] for one in warning["deliveries"]] == ["delivered"]
        late = [
            {**told, "state": "start", "ts": exceeds_at - 90},
            {**told, "state": "alive", "ts": time.time()},
        ]
        server.collect(shop, shop.seal({"source": "lab", "events": late}))
        watched = 'tmon_limits_last_success_seconds{part="watch",process="core"}'
        looked, until = time.time() + 2, time.monotonic() + 30
        while server.metric(watched) < looked:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert len(server.ask(shop, "warnings")["results"]) == len(receiver.posts) == 1
        assert server.troubles == []
