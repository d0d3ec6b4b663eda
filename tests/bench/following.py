# SPDX-License-Identifier: GPL-3.0-or-later
"""What `tmon agent logs` takes while a log gets 1,000 lines a second: its processor time, and how far it is behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tmon.client_api import Dsn

from .corpus import Corpus
from .parsing import combined
from .serving import HOST, Asker, Server, WebService, cpu_seconds
from .table import Table, progress

RATE: Final = 1_000
SECONDS: Final = 30.0
TARGET_SHARE: Final = 0.10
BEHIND_TARGET_S: Final = 2.0
PERIOD: Final = ("2025-11-20", "2025-11-24")
"""The corpus is of a day in it."""
TICK_S: Final = 0.02


def measure(table: Table, data: Path, service: WebService, corpus: Corpus, *, seconds: float) -> None:
    """Fill the section about following a log."""
    count = round(RATE * seconds)
    progress(f"following {RATE:,} lines/s for {seconds:g} s")
    table.section(f"14. tmon agent logs, a combined log that gets {RATE:,} lines/s for {seconds:g} s")
    lines = combined(corpus, count)
    log = data / "access.log"
    log.touch()
    with Server(data) as server:
        asker = Asker(server, service)

        def counted() -> int:
            answer = json.loads(asker.ask(f"summary?from={PERIOD[0]}&to={PERIOD[1]}"))
            return int(answer["results"]["requests"])

        dsn = Dsn(key=service.secret, wsid=service.wsid, host=HOST, port=server.port, secure=False).reveal()
        agent = subprocess.Popen(
            [sys.executable, "-m", "tmon.cli", "agent", "logs", str(log)],
            env={**os.environ, "TMON_DSN": dsn},
            stderr=subprocess.DEVNULL,
        )
        try:
            with log.open("ab", buffering=0) as file:
                file.write(lines[0])
                while not counted():
                    time.sleep(TICK_S)
                before_s, began = cpu_seconds(agent.pid), time.monotonic()
                written = 1
                while written < count:
                    due = min(round((time.monotonic() - began) * RATE) + 1, count)
                    file.write(b"".join(lines[written:due]))
                    written = due
                    time.sleep(TICK_S)
            ended = time.monotonic()
            while counted() < count:
                assert time.monotonic() - ended < 30, f"{counted():,} of {count:,} lines were counted"
                time.sleep(TICK_S)
            behind_s = time.monotonic() - ended
            share = (cpu_seconds(agent.pid) - before_s) / (time.monotonic() - began)
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(30)
            asker.close()
    table.at_most(
        "processor time of the agent",
        share,
        TARGET_SHARE,
        f"{share:.1%} of a core",
        f"target {TARGET_SHARE:.0%} or less",
    )
    table.at_most(
        "the last line, until it is counted",
        behind_s,
        BEHIND_TARGET_S,
        f"{behind_s:.2f} s",
        f"target {BEHIND_TARGET_S:g} s or less",
    )
