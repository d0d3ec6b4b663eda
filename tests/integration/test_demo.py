# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon serve --demo`: what is made, that each request counts once, and that its process ends with the server."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.demo import SITES, Plan, Traffic

from .server_process import ServerProcess, WebService, until

MADE = re.compile(
    r"administrator: admin\n"
    r"password:      \w{20}   \(shown only now\)\n"
    r"user:          shopkeeper\n"
    r"password:      \w{20}   \(shown only now\)\n"
    r"user:          developer\n"
    r"password:      \w{20}   \(shown only now\)\n"
    r"web service:   1 \(shop\), owner shopkeeper, manager admin, viewer developer\n"
    r"web service:   2 \(docs\), owner admin, manager developer\n"
    r"web service:   3 \(api\), owner developer, viewer admin\n"
)


class Demo(ServerProcess):
    """A server with a demo, whose administrator asks."""

    def __init__(self, data: Path, days: int, processes: int = 1) -> None:
        super().__init__(data, "--demo", "--processes", str(processes), TMON_DEMO_DAYS=str(days))

    def wait_until_ready(self) -> None:
        until(lambda: "demo ready: " in self.said, "the past is made up")
        self._token = json.loads(self.command("token", "create", "admin", "--json"))["token"]

    def service(self, name: str) -> WebService:
        return WebService(self.kept["sites"][name], b"", "")

    @property
    def kept(self) -> Any:
        return json.loads((self.data / "demo" / "plan.json").read_text("utf-8"))

    @property
    def plan(self) -> Plan:
        kept = self.kept
        return Plan(kept["seed"], kept["start"], kept["days"])

    def counted(self, name: str) -> dict[int, int]:
        """The requests of each hour of the past, by the number of the hour."""
        plan = self.plan
        hours = self.ask(self.service(name), f"requests/hour/{24 * plan.days + 3}")["results"]
        counts = {
            int(dt.datetime.fromisoformat(row["t"]).timestamp()) // 3600: row["requests"] for row in hours
        }
        return {hour: counts[hour] for hour in range(plan.first_hour, plan.start // 3600)}

    def accepted(self) -> int:
        """How many events were stored since the last start."""
        text = self.connection.send("GET", "/metrics").body.decode()
        samples = re.findall(r'^tmon_events_total\{.*result="accepted".*\} (\S+)$', text, re.MULTILINE)
        return int(sum(map(float, samples)))

    def sender(self) -> int | None:
        """The number of the process that sends the traffic; None if there is none."""
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"tmon.demo" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return None


def made_up(plan: Plan, name: str) -> dict[int, int]:
    """The same, as the generator has it."""
    traffic = Traffic(next(site for site in SITES if site.name == name), plan)
    return {hour: len(traffic.hour(hour)) for hour in range(plan.first_hour, plan.start // 3600)}


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo of two days whose past is made up."""
    with Demo(tmp_path_factory.mktemp("demo"), 2) as server:
        server.wait_until_ready()
        yield server


def test_accounts_and_web_services_are_made_and_told(demo: Demo) -> None:
    assert MADE.search(demo.log)


@pytest.mark.parametrize("name", ["shop", "docs", "api"])
def test_every_hour_has_what_was_made_up_for_it(demo: Demo, name: str) -> None:
    assert demo.counted(name) == made_up(demo.plan, name)


def test_nothing_is_rejected_or_missing(demo: Demo) -> None:
    totals = [demo.ask(demo.service(name), "sources")["totals"] for name in ("shop", "docs", "api")]
    assert [(each["rejected"], each["missing"], each["repeated"]) for each in totals] == [(0, 0, 0)] * 3


def test_it_goes_on_live(demo: Demo) -> None:
    def stored() -> int:
        return int(
            sum(demo.ask(demo.service(name), "sources")["totals"]["stored"] for name in ("shop", "api"))
        )

    before = stored()
    until(lambda: stored() > before, "a request comes in live")


def test_the_incident_is_seen_where_it_was(demo: Demo) -> None:
    incident = demo.plan.incident
    moments = [dt.datetime.fromtimestamp(incident + hour * 3600, dt.UTC).isoformat() for hour in (0, 1)]
    results = demo.ask(demo.service("api"), "summary", since=moments[0], to=moments[1])["results"]
    assert 0.28 < results["errors"] / results["requests"] < 0.48
    assert results["p50_ms"] > 100


def test_visitors_come_from_the_countries_of_the_docs(demo: Demo) -> None:
    rows = demo.ask(demo.service("shop"), "users/country", since="-48h", limit=4)["results"]
    assert rows[0]["key"] == "DE"
    assert {"AT", "US"} <= {row["key"] for row in rows}


def test_the_shopkeeper_reads_his_own_shop_only(demo: Demo) -> None:
    token = json.loads(demo.command("token", "create", "shopkeeper", "--json"))["token"]
    statuses = [
        demo.connection.send("GET", f"/{wsid}/data/summary", Authorization=f"Bearer {token}").status
        for wsid in (1, 2, 3)
    ]
    assert statuses == [200, 404, 404]


def test_the_dsns_are_in_no_command_line(demo: Demo) -> None:
    sender = demo.sender()
    assert sender is not None
    assert Path(f"/proc/{sender}/cmdline").read_bytes().endswith(b"-P\0-m\0tmon.demo\0")
    assert b"tmon+http" not in Path(f"/proc/{sender}/environ").read_bytes()


def test_nothing_is_in_the_log_that_should_not_be(demo: Demo) -> None:
    assert demo.troubles == []


@pytest.mark.parametrize(("processes", "remembers"), [(1, False), (2, True)])
def test_killed_while_it_makes_the_past_up_it_goes_on_and_counts_each_once(
    tmp_path: Path, processes: int, remembers: bool
) -> None:
    server = Demo(tmp_path, 1, processes)
    with server:
        until(lambda: server.accepted() > 10_000, "the first are stored")
        assert "demo ready" not in server.log
        sender = server.sender()
        assert sender is not None
        server.kill()
        until(lambda: not runs(sender), "the sender ends", 20)
        plan = server.plan
        if not remembers:
            (tmp_path / "demo" / "progress.json").unlink()
        server.start()
        server.wait_until_ready()
        assert server.plan == plan
        assert len(MADE.findall(server.log)) == 1
        for name in ("shop", "docs", "api"):
            assert server.counted(name) == made_up(plan, name)
            totals = server.ask(server.service(name), "sources")["totals"]
            assert totals["rejected"] == 0


def test_stopped_it_ends_and_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    server = Demo(tmp_path, 1)
    with server:
        until(lambda: server.sender() is not None, "the sender is started")
        sender = server.sender()
        assert sender is not None
        server.stop()
        assert not runs(sender)
        server.command("webservice", "delete", "2")
        server.start()
        server.wait_until_ready()
        assert "web service:" not in server.said
        names = [row["name"] for row in json.loads(server.command("webservice", "list", "--json"))]
        assert names == ["shop", "api"]
        server.stop()
        server.arguments = ()
        server.start()
        assert server.sender() is None


def test_without_the_demo_nothing_is_made_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        assert "demo ready" not in server.log
        assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_elsewhere_than_in_testing_it_is_refused_and_nothing_is_made(tmp_path: Path, stage: str) -> None:
    done = serve(tmp_path / "data", TMON_STAGE=stage, TMON_SECRET_KEY="s" * 50)
    assert done.returncode == 2
    assert done.stderr == (
        f"tmon: --demo makes accounts up and prints their passwords, so not in the stage {stage}: leave it out, or "
        "unset TMON_STAGE and give the demo a data folder of its own with --data\n"
    )
    assert not (tmp_path / "data").exists()


def test_where_its_names_are_taken_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.command("user", "create", "developer")
    done = serve(tmp_path)
    assert done.returncode == 1
    assert "user 'developer' is not created" in done.stderr.splitlines()[-1]
    assert "give it a data folder of its own with --data" in done.stderr.splitlines()[-1]
    assert json.loads(server.command("webservice", "list", "--json")) == []


def serve(data: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "tmon.cli", "serve", "--demo", "--port", "0", "--data", str(data)],
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
