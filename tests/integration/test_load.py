# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon load` as a subprocess against a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from .server_process import ServerProcess, WebService, until

TMON = [sys.executable, "-m", "tmon.cli"]
KEY = "00" * 32


def load(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TMON, "load", *arguments],
        env={**os.environ, "TMON_DSN": dsn},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def dsn_of(server: ServerProcess, service: WebService) -> str:
    return f"tmon+http://{service.secret.hex()}@127.0.0.1:{server.port}/{service.wsid}"


def test_a_load_is_counted_to_the_last_event_and_a_stall_of_the_server_shows(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        shop = server.webservice("shop")
        calm = load(dsn_of(server, shop), "--rate", "400", "--duration", "0.5", "--batch", "7", "--json")
        assert calm.returncode == 0, calm.stderr
        assert json.loads(calm.stdout)["accepted"] == 29
        assert server.ask(shop, "summary")["results"]["requests"] == 200
        (run,) = server.ask(shop, "sources")["results"]
        assert (run["source"], run["sent"], run["stored"], run["missing"]) == ("tmon-load", 200, 200, 0)

        def stall() -> None:
            until(lambda: server.ask(shop, "summary")["results"]["requests"] > 220, "the load has begun")
            os.kill(server.pid, signal.SIGSTOP)
            threading.Timer(1.0, os.kill, (server.pid, signal.SIGCONT)).start()

        stalling = threading.Thread(target=stall)
        stalling.start()
        stalled = load(dsn_of(server, shop), "--rate", "100", "--duration", "3", "--json")
        stalling.join()
        assert stalled.returncode == 0, stalled.stderr
        figures = json.loads(stalled.stdout)
        assert figures["accepted"] == 300
        # A third of the envelopes was due in that second; 32 connections show 32 late ones in a closed loop.
        assert figures["latency_ms"]["p90"] > 300
        assert figures["latency_ms"]["max"] > 800


def test_another_machine_another_key_and_nobody_are_told() -> None:
    elsewhere = load(f"tmon+http://{KEY}@192.0.2.1:8000/7")
    assert (elsewhere.returncode, elsewhere.stdout) == (2, "")
    assert "192.0.2.1 is not this machine" in elsewhere.stderr
    secure = load(f"tmon+https://{KEY}@localhost/7")
    assert secure.returncode == 2
    assert "speaks plain HTTP" in secure.stderr
    too_much = load(f"tmon+http://{KEY}@127.0.0.1:1/7", "--rate", "200000", "--duration", "3600")
    assert too_much.returncode == 2
    assert "can be sealed ahead" in too_much.stderr
    nobody = load(f"tmon+http://{KEY}@127.0.0.1:1/7")
    assert nobody.returncode == 1
    assert "127.0.0.1:1" in nobody.stderr
    assert KEY not in "".join(run.stderr for run in (elsewhere, secure, too_much, nobody))
