# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon import logs` of a combined log into a running server, until a question counts all of it; beside it GoAccess.

Both get the same file and both processors, one after the other. GoAccess reads and makes its report; T-Mon reads,
seals, posts, locates, stores and counts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tmon.client_api import Dsn

from .corpus import Corpus
from .parsing import combined
from .serving import HOST, Asker, Server, WebService
from .table import Table, progress

LINES: Final = 300_000
TARGET: Final = 25_000
SHARE: Final = 0.5
PATIENCE_S: Final = 600.0
PERIOD: Final = ("2025-11-20", "2025-11-24")
"""The corpus is of a day in it."""


def measure(table: Table, data: Path, service: WebService, corpus: Corpus, *, lines: int) -> None:
    """Fill the section about importing `lines` lines."""
    progress(f"importing {lines:,} lines")
    table.section(f"13. tmon import logs, a combined log of {lines:,} lines, one serving process")
    log = data / "access.log"
    log.write_bytes(b"".join(combined(corpus, lines)))
    with Server(data) as server:
        dsn = Dsn(key=service.secret, wsid=service.wsid, host=HOST, port=server.port, secure=False).reveal()
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "tmon.cli", "import", "logs", str(log)],
            env={**os.environ, "TMON_DSN": dsn},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        sent_s = time.monotonic() - began
        asker = Asker(server, service)
        counted = 0
        while counted != lines:  # a question has the views count what waits
            summary = json.loads(asker.ask(f"summary?from={PERIOD[0]}&to={PERIOD[1]}"))
            counted = summary["results"]["requests"]
            assert time.monotonic() < began + PATIENCE_S, summary
        counted_s = time.monotonic() - began
        asker.close()
    assert f"{lines:,} counted now" in done.stdout, done.stdout
    rate = lines / counted_s
    table.at_least(
        "read, sealed, posted, located, stored, counted",
        rate,
        TARGET,
        f"{rate:,.0f} lines/s",
        f"target {TARGET:,}; {lines / sent_s:,.0f} lines/s until the command ended",
    )
    goaccess = shutil.which("goaccess")
    if goaccess is None:
        table.add("beside GoAccess", "not measured", "apt-get install goaccess")
        return
    began = time.monotonic()
    subprocess.run(
        [goaccess, str(log), "--log-format=COMBINED", "--no-progress", "-o", str(data / "report.json")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    theirs = lines / (time.monotonic() - began)
    table.at_least(
        "beside GoAccess, which makes a report of the file",
        rate / theirs,
        SHARE,
        f"{rate / theirs:.2f} of its rate",
        f"target {SHARE:g}; GoAccess {theirs:,.0f} lines/s",
    )
