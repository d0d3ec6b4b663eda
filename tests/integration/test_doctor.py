# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon doctor` as an operator runs it: on a folder that is not there, beside a running server, on what is broken."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from . import ready_commands
from .server_process import ServerProcess, WebService

OTHER_SECRET = "fedcba9876543210fedcba9876543210"
WRITE = """
from tmon.settings import look
look()
from django.contrib.auth import get_user_model
from django.db import Error, connection
users = get_user_model().objects
print(users.count(), "account")
try:
    users.update(is_active=False)
except Error as error:
    print(error)
connection.close()
"""
LONG_AGO = "2024-01-01 00:00:00"


class Said(NamedTuple):
    """What a run printed and how it ended."""

    status: int
    lines: list[tuple[str, str, str, str | None]]
    stderr: str

    def of(self, check: str) -> list[tuple[str, str, str | None]]:
        return [line[1:] for line in self.lines if line[0] == check]

    @property
    def problems(self) -> set[str]:
        return {check for check, level, *_ in self.lines if level == "problem"}


def run(data: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`tmon doctor` as a shell starts it."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tmon.cli", "doctor", "--data", str(data), *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def doctor(data: Path, **environ: str) -> Said:
    done = ready_commands.run("doctor", "--data", str(data), "--json", environ={**os.environ, **environ})
    found = json.loads(done.stdout)
    assert all(list(one) == ["check", "level", "message", "advice"] for one in found)
    assert "Traceback" not in done.stderr
    return Said(done.returncode, [tuple(one.values()) for one in found], done.stderr)


class Deployed(NamedTuple):
    """A server and its web services, by the state of their keys."""

    server: ServerProcess
    fresh: WebService
    old: WebService
    rotated: WebService
    keyless: WebService


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    data = tmp_path_factory.mktemp("deployed")
    data.chmod(0o700)
    with ServerProcess(data, TMON_LOG_LEVEL="error") as server:
        made = Deployed(server, *(server.webservice(name) for name in ("fresh", "old", "rotated", "keyless")))
        event = {"url": "/", "ip": None, "useragent": None}
        batch = {
            "v": 1,
            "source": "till",
            "run": "1",
            "seq": 1,
            "sent_at": int(time.time()),
        }
        assert server.collect(made.rotated, made.rotated.seal({**batch, "events": [event]})).status == 200
        server.ask(made.rotated, "summary")
        yield made


@pytest.fixture(scope="module")
def neglected(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of its data folder, as nobody looked after it for long."""
    data = copy(deployed, tmp_path_factory.mktemp("neglected") / "data")
    for command in (
        ["webservice", "rotate-key", str(deployed.rotated.wsid)],
        ["webservice", "revoke-key", str(deployed.keyless.wsid), "4"],
    ):
        subprocess.run(
            [sys.executable, "-m", "tmon.cli", *command, "--data", str(data)], capture_output=True, check=True
        )
    with sqlite3.connect(data / "accounts.db") as accounts:
        accounts.execute(
            "UPDATE tenants_key SET created = ? WHERE webservice_id = ?", (LONG_AGO, deployed.old.wsid)
        )
        for key, days in ((3, 60), (5, 31)):
            ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
            accounts.execute(
                "UPDATE tenants_key SET created = ? WHERE id = ?", (f"{ago:%Y-%m-%d %H:%M:%S}", key)
            )
    accounts.close()
    return data


def copy(deployed: Deployed, to: Path) -> Path:
    """The data folder as a stopped server leaves it: whole databases, without what lies beside them."""
    to.mkdir(mode=0o700)
    shutil.copy(deployed.server.data / "secret_key", to)
    for name in ("accounts.db", "log.db", "views.db"):
        with sqlite3.connect(deployed.server.data / name) as source, sqlite3.connect(to / name) as target:
            source.backup(target)
        source.close()
        target.close()
        (to / name).chmod(0o600)
    return to


@pytest.fixture
def stopped(deployed: Deployed, tmp_path: Path) -> Path:
    return copy(deployed, tmp_path / "data")


# -- what is well -----------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_no_problem_and_is_not_made(tmp_path: Path) -> None:
    said = doctor(tmp_path / "none")
    assert (said.status, said.problems, said.stderr) == (0, set(), "")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_runs_well_has_no_problem(deployed: Deployed) -> None:
    said = doctor(deployed.server.data, TMON_LOG_LEVEL="error")
    assert (said.status, said.problems, said.stderr) == (0, set(), "")
    pid = deployed.server.pid
    assert said.of("server") == [("ok", f"process {pid} owns the data folder and is ready", None)]
    assert said.of("secret")[0][:2] == (
        "ok",
        f"kept in {deployed.server.data}/secret_key; it opens all 4 keys",
    )
    assert said.of("keys") == [("ok", "4 active, none older than a year, no rotation left unfinished", None)]
    assert said.of("accounts") == [
        ("warning", "there is no active administrator", "tmon user create NAME --admin")
    ]


def test_a_server_with_other_settings_is_told(deployed: Deployed) -> None:
    said = doctor(deployed.server.data, TMON_LOG_LEVEL="debug", TMON_PUBLIC_URL="http://tmon.example.org")
    different = "TMON_PUBLIC_URL, TMON_LOG_LEVEL"
    assert said.of("server")[0][:2] == (
        "warning",
        f"process {deployed.server.pid} was started with other values of {different} than this check sees",
    )


def test_a_stopped_one_is_looked_at_without_changing_it(stopped: Path) -> None:
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in stopped.iterdir()}
    said = doctor(stopped)
    assert (said.status, said.problems) == (0, set())
    assert said.of("server") == [("ok", "none runs on this data folder", None)]
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in stopped.iterdir()} == before


def test_people_get_aligned_lines_and_below_them_what_to_do(stopped: Path) -> None:
    done = run(stopped)
    lines = done.stdout.splitlines()
    assert "server       ok       none runs on this data folder" in lines
    at = lines.index("accounts     warning  there is no active administrator")
    assert lines[at + 1] == "                      -> tmon user create NAME --admin"


def test_who_only_looks_can_change_no_account(stopped: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-W", "error", "-c", WRITE],
        env={**os.environ, "TMON_DATA": str(stopped)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.stdout, refused.stderr) == ("1 account\nattempt to write a readonly database\n", "")


# -- what is neglected or broken --------------------------------------------------------------------------------------


def test_neglected_keys_are_told_with_who_uses_them(deployed: Deployed, neglected: Path) -> None:
    old, rotated, keyless = deployed.old.wsid, deployed.rotated.wsid, deployed.keyless.wsid
    days = (dt.datetime.now(dt.UTC) - dt.datetime(2024, 1, 1, tzinfo=dt.UTC)).days
    assert doctor(neglected).of("keys") == [
        (
            "warning",
            f"web service {old} (old): its newest key is {days} days old",
            f"tmon webservice rotate-key {old}",
        ),
        (
            "warning",
            f"web service {rotated} (rotated): key 3 is still active 31 days after its rotation; used by till",
            f"give these the new DSN, then: tmon webservice revoke-key {rotated}",
        ),
        (
            "warning",
            f"web service {keyless} (keyless) has no active key, so nothing can be reported for it",
            f"tmon webservice rotate-key {keyless}",
        ),
    ]


def test_another_secret_opens_no_key(deployed: Deployed, stopped: Path) -> None:
    said = doctor(stopped, TMON_SECRET_KEY=OTHER_SECRET)
    assert (said.status, said.problems, said.stderr) == (1, {"secret"}, "tmon: 1 problem found\n")
    assert said.of("secret")[0][1] == (
        "from TMON_SECRET_KEY; it does not open the keys of web services 1, 2, 3, 4"
    )


def test_a_lost_secret_is_told_before_a_start_makes_another(stopped: Path) -> None:
    (stopped / "secret_key").unlink()
    assert doctor(stopped).of("secret")[0][:2] == (
        "problem",
        f"{stopped}/secret_key is gone, which alone opens 4 keys",
    )


def test_production_without_anything_else_asks_for_a_secret(stopped: Path) -> None:
    said = doctor(stopped, TMON_STAGE="production")
    assert (said.status, said.problems) == (1, {"secret"})
    assert said.of("accounts")[0][0] == "warning"


def test_wrong_settings_are_named_and_the_rest_is_checked(stopped: Path) -> None:
    said = doctor(stopped, TMON_LOG_LEVEL="loud", TMON_TRUSTED_PROXIES="proxy")
    assert said.problems == {"settings"}
    assert [message.partition(":")[0] for _, message, _ in said.of("settings")] == [
        "TMON_TRUSTED_PROXIES",
        "TMON_LOG_LEVEL",
    ]
    assert said.of("address") == [
        ("warning", "not checked, because TMON_TRUSTED_PROXIES is wrong", "see to that first")
    ]
    assert said.of("keys")[0][0] == "ok"


@pytest.mark.parametrize(
    ("name", "check"),
    [("log.db", "events"), ("views.db", "events"), ("accounts.db", "accounts"), ("secret_key", "secret")],
)
def test_random_bytes_are_one_problem_and_hide_nothing_else(stopped: Path, name: str, check: str) -> None:
    (stopped / name).write_bytes(os.urandom(8192))
    said = doctor(stopped)
    assert (said.status, said.problems, said.stderr) == (1, {check}, "tmon: 1 problem found\n")


def test_a_data_folder_that_is_a_file_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert doctor(tmp_path / "file").problems == {"data folder"}


def test_an_accounts_database_that_is_away_is_one_problem(stopped: Path) -> None:
    said = doctor(stopped, DATABASE_URL="postgresql://tmon:hush-hush@127.0.0.1:1/tmon")
    assert said.problems == {"accounts"}
    assert "hush" not in str(said)


def test_an_accounts_database_of_another_release_is_told(stopped: Path) -> None:
    with sqlite3.connect(stopped / "accounts.db") as accounts:
        accounts.execute(
            "INSERT INTO django_migrations(app, name, applied) VALUES ('tenants', '9999_later', ?)",
            (LONG_AGO,),
        )
    accounts.close()
    assert doctor(stopped).of("accounts")[0][:2] == (
        "problem",
        "the accounts database is of a later release (tenants 9999_later)",
    )


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_listed_without_secrets(tmp_path: Path) -> None:
    done = run(tmp_path, "--settings", "--json", TMON_SECRET_KEY=OTHER_SECRET)
    listed = {one["setting"]: one for one in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (0, "")
    assert OTHER_SECRET not in done.stdout
    assert (listed["TMON_SECRET_KEY"]["value"], listed["TMON_DATA"]["value"]) == ("set", str(tmp_path))
    assert listed["TMON_LOG_LEVEL"]["value"] == "info"


def test_settings_are_listed_where_some_are_wrong(tmp_path: Path) -> None:
    done = run(tmp_path, "--settings", TMON_LOG_LEVEL="loud")
    assert (done.returncode, done.stderr) == (1, "tmon: 1 setting is wrong\n")
    lines = done.stdout.splitlines()
    at = lines.index("TMON_LOG_LEVEL = loud")
    assert lines[at + 1] == "    wrong:   'loud' is none of debug, info, warning, error"
