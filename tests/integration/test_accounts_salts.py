# SPDX-License-Identifier: GPL-3.0-or-later
"""A day has one salt in all processes until it is destroyed, and then none ever again."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tmon.server.tenants import MISSING, Salts, SaltsUnavailable
from tmon.server.tenants import salts as module

DAYS = itertools.count(1_700_000_000, 86_400)
WSID = 4_000_000


@pytest.fixture
def day(prepared: Path) -> int:
    """A day that no other test uses."""
    return next(DAYS)


def test_a_salt_is_made_once_and_read_back(day: int) -> None:
    salts = Salts()
    assert salts.cached(WSID, day) is MISSING
    salt = salts.fetch(WSID, day)
    assert salt is not None
    assert len(salt) == 32
    assert salts.cached(WSID, day) == salt
    assert Salts().fetch(WSID, day) == salt


def test_days_and_web_services_have_salts_of_their_own(day: int) -> None:
    salts = Salts()
    other_day = next(DAYS)
    found = {salts.fetch(WSID, day), salts.fetch(WSID, other_day), salts.fetch(WSID + 1, day)}
    assert len(found) == 3


def test_processes_that_ask_at_once_get_one_value(day: int, prepared: Path) -> None:
    program = (
        "from tmon.settings import prepare; prepare(); from tmon.server.tenants import Salts; import sys; "
        f"sys.stdin.read(1); print(Salts().fetch({WSID}, {day}).hex())"
    )
    environ = {**os.environ, "TMON_DATA": str(prepared)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(input="x")[0].strip() for process in running]
    own = Salts().fetch(WSID, day)
    assert own is not None
    assert set(outputs) == {own.hex()}


def test_threads_that_ask_at_once_get_one_value(day: int) -> None:
    from django.db import connections

    found: list[bytes | None] = []
    salts = [Salts() for _ in range(8)]
    barrier = threading.Barrier(8)

    def ask(one: Salts) -> None:
        barrier.wait()
        found.append(one.fetch(WSID, day))
        connections.close_all()

    threads = [threading.Thread(target=ask, args=(one,)) for one in salts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert found[0] is not None


def test_a_destroyed_salt_stays_destroyed(day: int) -> None:
    salts = Salts()
    salts.fetch(WSID, day)
    assert (WSID, day) in salts.known()
    salts.destroy(WSID, day)
    salts.destroy(WSID, day)
    assert salts.cached(WSID, day) is None
    assert salts.fetch(WSID, day) is None
    assert Salts().fetch(WSID, day) is None
    assert (WSID, day) not in salts.known()


def test_a_day_that_was_closed_before_it_had_a_salt_never_gets_one(day: int) -> None:
    Salts().destroy(WSID, day)
    assert Salts().fetch(WSID, day) is None


def test_another_process_forgets_a_destroyed_salt(day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    salts = Salts()
    monkeypatch.setattr(module, "REMEMBERED_S", -1.0)
    salts.fetch(WSID, day)
    Salts().destroy(WSID, day)
    assert salts.cached(WSID, day) is MISSING
    assert salts.fetch(WSID, day) is None


def test_a_process_holds_a_bounded_number_of_salts(day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    salts = Salts()
    days = [day, next(DAYS), next(DAYS)]
    for one in days:
        salts.fetch(WSID, one)
    assert [salts.cached(WSID, one) is MISSING for one in days] == [True, False, False]


def test_salts_are_kept_sealed_and_destroyed_ones_are_gone_from_the_file(day: int, prepared: Path) -> None:
    salts = Salts()
    salt = salts.fetch(WSID, day)
    assert salt is not None
    database = sqlite3.connect(prepared / "accounts.db")
    try:
        where = "FROM tenants_salt WHERE wsid = ? AND day = ?"
        (sealed,) = database.execute(f"SELECT sealed {where}", (WSID, day)).fetchone()
        assert len(sealed) == 12 + 32 + 16
        assert salt not in sealed
        salts.destroy(WSID, day)
        assert database.execute(f"SELECT sealed {where}", (WSID, day)).fetchone() == (None,)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()
    assert sealed not in (prepared / "accounts.db").read_bytes()


def test_a_salt_made_under_a_lost_server_secret_is_replaced(day: int) -> None:
    from django.conf import settings

    own = settings.SECRET_KEY
    try:
        settings.SECRET_KEY = "a server secret that will be lost, long enough"
        lost = Salts().fetch(WSID, day)
    finally:
        settings.SECRET_KEY = own
    replaced = Salts().fetch(WSID, day)
    assert replaced is not None
    assert replaced != lost
    assert Salts().fetch(WSID, day) == replaced


def test_an_accounts_database_that_does_not_answer_is_no_salt(day: int, prepared: Path) -> None:
    from django.db import connection

    connection.close()
    database = prepared / "accounts.db"
    away = prepared / "accounts.away"
    database.rename(away)
    database.mkdir()
    try:
        with pytest.raises(SaltsUnavailable, match="the accounts database gave no salt"):
            Salts().fetch(WSID, day)
        with pytest.raises(SaltsUnavailable):
            Salts().destroy(WSID, day)
        with pytest.raises(SaltsUnavailable):
            Salts().known()
    finally:
        database.rmdir()
        away.rename(database)
    assert Salts().fetch(WSID, day) is not None


def test_many_days_are_read_or_made_together(day: int) -> None:
    days = [day + 43_200 + number * 86_400 for number in range(12)]  # at noon begins no other test's
    made = Salts().fetch(WSID, days[0])
    Salts().destroy(WSID, days[1])
    salts = Salts()
    salts.fetch_many(WSID, days)
    found = [salts.cached(WSID, one) for one in days]
    assert found[0] == made
    assert found[1] is None
    assert len({*found[2:]} - {None, MISSING}) == 10
    assert [Salts().fetch(WSID, one) for one in days] == found


def test_a_destroyed_salt_leaves_the_write_ahead_log_too(day: int, prepared: Path) -> None:
    salts = Salts()
    salts.fetch(WSID, day)
    with sqlite3.connect(prepared / "accounts.db") as database:
        row = database.execute("SELECT sealed FROM tenants_salt WHERE wsid = ? AND day = ?", (WSID, day))
        (sealed,) = row.fetchone()
    database.close()
    salts.destroy(WSID, day)
    assert all(bytes(sealed) not in file.read_bytes() for file in prepared.glob("accounts.db*"))
