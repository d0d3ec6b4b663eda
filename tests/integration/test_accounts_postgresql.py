# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts database on a real PostgreSQL server, which several machines may share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/pgsql/bin")]
SECRET = "one secret that both machines have been given"


def installed() -> Path:
    """Where initdb and postgres are."""
    on_path = shutil.which("initdb")
    for folder in [Path(on_path).parent] if on_path else PROGRAMS:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql runs these tests")


def unprivileged() -> dict[str, Any]:
    """How to run PostgreSQL, which refuses root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no account postgres to run it as")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A server of its own, on a free port of 127.0.0.1, with an empty database."""
    import socket

    programs, account = installed(), unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="tmon-pg-"))
    if account:
        os.chown(folder, account["user"], account["group"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **account}
    try:
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "tmon", "-A", "trust", "-N"],
            check=True,
            **options,
        )
        arguments = ["-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        server = subprocess.Popen([programs / "postgres", *arguments], **options)
        try:
            wait_for(lambda: accepts(port))
            yield f"postgresql://tmon@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def wait_for(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "PostgreSQL did not start"
        time.sleep(0.05)


def accepts(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="tmon", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """The environment of a machine, with a data folder of its own and the shared database."""

    def environ(name: str) -> dict[str, str]:
        return {
            **os.environ,
            "TMON_STAGE": "staging",
            "TMON_DATA": str(tmp_path / name),
            "DATABASE_URL": database_url,
            "TMON_SECRET_KEY": SECRET,
        }

    return environ


def start(arguments: list[str], environ: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    return out


def tmon(environ: dict[str, str], *arguments: str) -> str:
    return done(start(["-m", "tmon.cli", *arguments], environ))


FOLLOW = """
import sys, time
from tmon.settings import prepare
prepare()
from tmon.server.tenants import Keyring, Salts
keyring = Keyring()
keyring.start()
print(len(keyring.services()[1].keys), flush=True)
end = time.monotonic() + 30
while len(keyring.services()[1].keys) != 2 and time.monotonic() < end:
    time.sleep(0.01)
print(len(keyring.services()[1].keys), flush=True)
keyring.stop()
"""
LOOK = """
from tmon.settings import look
look()
from django.contrib.auth import get_user_model
from django.db import Error, connection
try:
    get_user_model().objects.update(is_active=False)
except Error as error:
    print(str(error).splitlines()[0])
connection.close()
"""
SALT = """
from tmon.settings import prepare
prepare()
from tmon.server.tenants import Salts
print(Salts().fetch(1, 86400).hex())
"""
DESTROY = """
from tmon.settings import prepare
prepare()
from tmon.server.tenants import Salts
salts = Salts()
print(list(salts.known()))
salts.destroy(1, 86400)
print(salts.fetch(1, 86400), Salts().fetch(1, 86400), list(salts.known()))
"""


def test_two_machines_share_one_accounts_database(machine: Callable[[str], dict[str, str]]) -> None:
    one, two = machine("one"), machine("two")
    users = [
        start(["-m", "tmon.cli", "user", "create", name], where)
        for name, where in (("anna", one), ("ben", two))
    ]
    assert [done(process).splitlines()[0] for process in users] == ["user anna created", "user ben created"]

    made = json.loads(tmon(one, "webservice", "create", "shop.example", "--owner", "ben", "--json"))
    assert made["wsid"] == 1
    assert tmon(two, "webservice", "member", "add", "1", "anna") == "anna is viewer of web service 1\n"
    assert not (Path(one["TMON_DATA"]) / "accounts.db").exists()

    following = start(["-c", FOLLOW], two)
    assert following.stdout is not None
    assert following.stdout.readline() == "1\n"
    assert json.loads(tmon(one, "webservice", "rotate-key", "1", "--json"))["key"] == 2
    assert done(following) == "2\n"

    salts = {done(process) for process in [start(["-c", SALT], one), start(["-c", SALT], two)]}
    assert len(salts) == 1
    assert done(start(["-c", DESTROY], one)) == "[(1, 86400)]\nNone None []\n"


def test_doctor_looks_at_accounts_without_being_able_to_change_them(
    machine: Callable[[str], dict[str, str]],
) -> None:
    environ = machine("looked-at")
    tmon(environ, "user", "create", "doctors-admin", "--admin")
    found = json.loads(tmon(environ, "doctor", "--json"))
    assert [one["level"] for one in found if one["check"] in {"secret", "accounts", "keys"}] == ["ok"] * 3
    assert done(start(["-c", LOOK], environ)) == "cannot execute UPDATE in a read-only transaction\n"


WATCH = """
import sys
from collections import namedtuple
from prometheus_client import CollectorRegistry
from tmon.settings import prepare
prepare()
from django.db import connection
from tmon.server.limits.rounds import Figures
from tmon.server.limits.watch import Watch
from tmon.server.sessions import Session
Stored = namedtuple("Stored", "number source session")
first, now = int(sys.argv[1]), 1_715_768_430
class Live:
    def live_sessions(self, wsid, since_ms, *, ended):
        # Of another number and beginning at each of them, which the table alone would take for others. Whichever is
        # first, the limit was exceeded after the other one's beginning.
        begun = (now - 700) * 1000 - first
        return [Stored(first + n, "", Session("", f"user {n}\\0", "algebra", begun, now * 1000)) for n in range(200)]
watch = Watch(Live(), Figures(CollectorRegistry()), clock=lambda: now)
print("ready", flush=True)
sys.stdin.readline()
watch.round()
watch.round()
connection.close()
"""
LIMIT = """
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from django.db import connection
from tmon.server.limits import destinations, limiting
from tmon.server.limits.warned import clear_old
from tmon.server.tenants import accounts, audit
owner = accounts.create_user("watched")[0]
shop = accounts.create_webservice("watched.example", owner).webservice
limiting.put(shop, owner, "algebra", 20)
limiting.put(shop, owner, "algebra", 10)
limiting.put(shop, owner, "x" * 500, 10)
limiting.remove(shop, owner, "x" * 500)
destinations.add(shop, audit.on_page(owner), "webhook", "https://receiver.invalid/")
clear_old()
connection.close()
"""
COUNT = """
from prometheus_client import CollectorRegistry
from tmon.settings import prepare
prepare()
from django.db import connection
from tmon.server.limits.deliverer import Deliverer
from tmon.server.limits.models import Delivery, Violation
from tmon.server.limits.rounds import Figures
print(Violation.objects.count(), Violation.objects.values("username").distinct().count(), Delivery.objects.count())
one = Deliverer(Figures(CollectorRegistry()), private=False, base_url="")
one.round()
while one._flying:
    one.stopping.wait(0.05)
    one.round()
print(Delivery.objects.exclude(error="").count())
connection.close()
"""


def test_two_machines_that_watch_at_once_warn_once(machine: Callable[[str], dict[str, str]]) -> None:
    one, two = machine("watching one"), machine("watching two")
    done(start(["-c", LIMIT], one))
    watching = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WATCH, first],
            env=where,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for first, where in (("0", one), ("1000", two))
    ]
    for process in watching:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in watching:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in watching:
        done(process)
    out, said = start(["-c", COUNT], one).communicate(timeout=120)
    assert out == "200 200 200\n200\n"  # they are years old, so one that fails gives all up
    assert "the name of its host is not known" in said
