# SPDX-License-Identifier: GPL-3.0-or-later
"""A day of a real log has the same sessions whether it is followed, imported, or imported in shuffled pieces.

Which those are is worked out here from the lines alone. The log is not part of this project (it holds real addresses);
without it this test is skipped.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_sessions import brute
from tests.integration.server_process import OWNER, ServerProcess, WebService, until
from tests.integration.test_agent_logs import Agent
from tests.integration.test_real_log import LINE

from tmon.server.pipeline.agent import read
from tmon.server.sessions import Rule, object_of
from tmon.server.store.assets import is_asset

pytestmark = pytest.mark.slow

DAY = "18/May/2015"
RULE = Rule(objects=("/{object}",), idle_ms=1_800_000)
SET = f"""
import sys
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.modules import ruling
from tmon.server.sessions import Rule
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
owner, shop = User.objects.get(username="{OWNER}"), WebService.objects.get(pk=int(sys.argv[1]))
ruling.put(shop, audit.on_page(owner), Rule(objects=("/{{object}}",), idle_ms=1_800_000))
"""


@pytest.fixture(scope="module")
def lines(data_dir: Path) -> list[bytes]:
    """The lines of one day."""
    log = data_dir / "logs" / "elastic_apache_logs.log"
    if not log.exists():
        pytest.skip("logs/elastic_apache_logs.log is missing from TMON_TEST_DATA")
    return [line for line in log.read_bytes().splitlines(keepends=True) if f"[{DAY}:".encode() in line]


def expected(lines: list[bytes]) -> dict[str, tuple[int, float]]:
    """Sessions and seconds by object."""
    hits = []
    for line in lines:
        found = LINE.match(line.decode("utf-8", "replace").rstrip("\n"))
        assert found is not None, line
        path = found["url"].partition("?")[0]
        what = object_of(RULE.objects, path)
        useragent = None if found["useragent"] == "-" else found["useragent"]
        counts = (
            what is not None
            and not is_asset(path)
            and found["method"] in ("GET", "POST")
            and int(found["status"]) < 400
            and not (useragent and read(useragent).bot)
        )
        if counts:
            at_ms = int(datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp() * 1000)
            hits.append((at_ms, 0, "", what, (found["ip"], useragent), True))
    return brute(RULE, hits)  # type: ignore[arg-type]


def run(server: ServerProcess, service: WebService, *arguments: str | Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tmon.cli", "import", "logs", *map(str, arguments)],
        env={**os.environ, "TMON_DSN": server.dsn(service)},
        check=True,
        capture_output=True,
        timeout=300,
    )


def follow(server: ServerProcess, service: WebService, folder: Path, lines: list[bytes]) -> None:
    log = folder / "access.log"
    log.touch()
    with Agent(server, service, folder / "said", log, "--format", "combined"):
        for at in range(0, len(lines), 500):
            with log.open("ab", buffering=0) as file:
                file.write(b"".join(lines[at : at + 500]))
            arrived = min(at + 500, len(lines))
            until(lambda: counted(server, service) == arrived, f"{arrived} lines are counted")  # noqa: B023


def import_whole(server: ServerProcess, service: WebService, folder: Path, lines: list[bytes]) -> None:
    log = folder / "whole.log"
    log.write_bytes(b"".join(lines))
    run(server, service, log, "--format", "combined")


def import_pieces(server: ServerProcess, service: WebService, folder: Path, lines: list[bytes]) -> None:
    pieces = [lines[at : at + 97] for at in range(0, len(lines), 97)]
    shuffling = random.Random(7)
    shuffling.shuffle(pieces)
    for number, piece in enumerate(pieces):
        shuffling.shuffle(piece)
        (folder / f"{number}.log").write_bytes(b"".join(piece))
    for number in range(len(pieces)):
        run(server, service, folder / f"{number}.log", "--format", "combined")


def counted(server: ServerProcess, service: WebService) -> int:
    return int(server.ask(service, "summary", since="2015-05-18", to="2015-05-18")["results"]["requests"])


def used(server: ServerProcess, service: WebService) -> dict[str, tuple[int, float]]:
    """Sessions and seconds by object, as the server has them."""
    ranked = server.ask(service, "users/object", since="2015-05-18", to="2015-05-18", limit=10_000)
    return {row["key"]: (row["sessions"], row["seconds"]) for row in ranked["results"]}


WAYS: dict[str, Callable[..., None]] = {"followed": follow, "whole": import_whole, "in pieces": import_pieces}


def test_a_real_day_has_the_same_sessions_whichever_way_it_comes(tmp_path: Path, lines: list[bytes]) -> None:
    wanted = expected(lines)
    assert sum(sessions for sessions, _ in wanted.values()) > 100
    found: dict[str, Any] = {}
    with ServerProcess(tmp_path / "data") as server:
        for way, send in WAYS.items():
            folder = tmp_path / way.replace(" ", "-")
            folder.mkdir()
            service = server.webservice(way)
            subprocess.run(
                [sys.executable, "-c", SET, str(service.wsid)],
                env={**os.environ, "TMON_DATA": str(server.data)},
                check=True,
                timeout=60,
            )
            send(server, service, folder, lines)
            until(lambda: counted(server, service) == len(lines), "all lines are counted")  # noqa: B023
            until(lambda: used(server, service).keys() == wanted.keys(), "the rule holds")  # noqa: B023
            assert used(server, service) == wanted, way
            listed = server.ask(service, "sessions", since="2015-05-18", to="2015-05-18", limit=1000)
            found[way] = sorted(
                (row["object"], row["start"], row["end"], row["requests"]) for row in listed["results"]
            )
    assert found["followed"] == found["whole"] == found["in pieces"]
    assert len(found["whole"]) == min(1000, sum(sessions for sessions, _ in wanted.values()))
