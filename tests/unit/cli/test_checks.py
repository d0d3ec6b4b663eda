# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of `tmon doctor` that need no accounts, on real folders and files."""

from __future__ import annotations

import os
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from tests.contract.build import envelope, event
from tests.unit.pipeline.mmdb import EPOCH, write_mmdb

from tmon.cli.checks import (
    CHECKS,
    Check,
    Deployment,
    Finding,
    address,
    clock,
    disk,
    examine,
    folder,
    geoip,
    memcached,
    open_files,
    secret,
    server,
    store,
    variables,
    views,
)
from tmon.cli.owner import views as read_views
from tmon.server.store import open_store
from tmon.server.store.sqlite.driver import Connection
from tmon.server.store.sqlite.schema import FORMAT
from tmon.server.writer import WriterLock
from tmon.settings import load

SECRET = "0123456789abcdef0123456789abcdef"
Line = tuple[str, str, str | None]


def deployment(data: Path, wrong: dict[str, str] | None = None, **environ: str) -> Deployment:
    return Deployment(load({"TMON_DATA": str(data), **environ}), wrong or {})


def found(check: Callable[[Deployment], Iterable[Finding]], of: Deployment) -> list[Line]:
    return [(finding.level.value, finding.message, finding.advice) for finding in check(of)]


def only(check: Callable[[Deployment], Iterable[Finding]], of: Deployment) -> Line:
    (line,) = found(check, of)
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def stored(data: Path) -> Path:
    """A data folder whose log has an event that was received a minute ago and that no view has counted."""
    kept = open_store("sqlite:", data)
    kept.sync_views(read_views(deployment(data).settings))
    minute_ago_ms = int(time.time() * 1000) - 60_000
    kept.append([envelope(event(minute_ago_ms), received_ms=minute_ago_ms)])
    kept.close()
    return data


@pytest.fixture
def counted(stored: Path) -> Path:
    kept = open_store("sqlite:", stored)
    kept.settle()
    kept.close()
    return stored


# -- the order of things ----------------------------------------------------------------------------------------------


def test_what_a_check_raises_is_a_problem(data: Path) -> None:
    def broken(_: Deployment) -> Iterator[Finding]:
        raise RuntimeError("no luck")

    ((check, finding),) = examine(deployment(data), [Check("broken", broken)])
    assert (check.name, finding.level.value, finding.message) == (
        "broken",
        "problem",
        "cannot be checked: no luck",
    )


def test_what_depends_on_a_wrong_setting_is_not_checked(data: Path) -> None:
    check = Check("data folder", folder.check, frozenset({"TMON_DATA"}))
    ((_, finding),) = examine(deployment(data, {"TMON_DATA": "is wrong"}), [check])
    assert (finding.level.value, finding.message) == ("warning", "not checked, because TMON_DATA is wrong")


def test_no_two_checks_have_one_name() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_documentation_names_every_check() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "doctor.md").read_text("utf-8")
    rows = text.partition("## What is checked")[2].splitlines()
    assert [row.split("`")[1] for row in rows if row.startswith("| `")] == [check.name for check in CHECKS]


# -- settings and address ---------------------------------------------------------------------------------------------


def test_a_wrong_setting_is_named_with_the_way_out(data: Path) -> None:
    wrong = {"TMON_MEMCACHED": "'x' is not an address; write host:port, for instance 127.0.0.1:11211"}
    assert found(variables.check, deployment(data, wrong))[0] == (
        "problem",
        "TMON_MEMCACHED: 'x' is not an address",
        "write host:port, for instance 127.0.0.1:11211",
    )


def test_a_variable_that_no_setting_has_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMON_PUBLICURL", "https://tmon.example.org")
    assert found(variables.check, deployment(data))[0] == (
        "warning",
        "TMON_PUBLICURL is set, and no setting has that name",
        "did you mean TMON_PUBLIC_URL?",
    )


def test_outside_of_testing_a_public_address_is_missed(data: Path) -> None:
    of = deployment(data, TMON_STAGE="production", TMON_SECRET_KEY=SECRET)
    assert only(address.check, of)[::2] == (
        "warning",
        "set TMON_PUBLIC_URL to the address that people and clients use",
    )


def test_https_needs_a_proxy_that_is_trusted(data: Path) -> None:
    https = {"TMON_PUBLIC_URL": "https://tmon.example.org"}
    assert only(address.check, deployment(data, **https))[0] == "warning"
    trusting = deployment(data, **https, TMON_TRUSTED_PROXIES="127.0.0.1")
    assert only(address.check, trusting) == ("ok", "the public address is https://tmon.example.org", None)


# -- the secret -------------------------------------------------------------------------------------------------------


def test_a_missing_secret_is_made_in_testing_only(data: Path) -> None:
    assert only(secret.check, deployment(data)) == ("ok", "none yet; the first start makes one", None)
    assert only(secret.check, deployment(data, TMON_STAGE="production"))[:2] == (
        "problem",
        "TMON_SECRET_KEY is required in production",
    )


def test_a_secret_that_others_can_read_is_a_problem(data: Path) -> None:
    file = data / "secret_key"
    file.write_text(SECRET)
    file.chmod(0o640)
    assert found(secret.check, deployment(data)) == [
        ("problem", f"others can read {file} (mode 640)", f"chmod 600 {file}"),
        ("ok", f"kept in {file}", None),
    ]
    file.chmod(0o600)
    assert only(secret.check, deployment(data)) == ("ok", f"kept in {file}", None)


def test_a_secret_that_testing_has_made_goes_on_being_used(data: Path) -> None:
    (data / "secret_key").write_text(SECRET)
    assert only(secret.check, deployment(data, TMON_STAGE="production"))[::2] == (
        "problem",
        f"the stage testing has made one: set TMON_SECRET_KEY_FILE to {data}/secret_key",
    )


@pytest.mark.parametrize(
    ("mode", "levels"),
    [(0o400, ["ok"]), (0o640, ["ok"]), (0o444, ["warning", "ok"]), (0o660, ["problem", "ok"])],
)
def test_a_secret_file_of_the_operators_may_be_for_a_group(
    data: Path, monkeypatch: pytest.MonkeyPatch, mode: int, levels: list[str]
) -> None:
    file = data / "own"
    file.write_text(SECRET)
    file.chmod(mode)
    monkeypatch.setenv("TMON_SECRET_KEY_FILE", str(file))
    of = deployment(data, TMON_SECRET_KEY_FILE=str(file))
    assert [level for level, *_ in found(secret.check, of)] == levels


def test_random_bytes_are_no_secret(data: Path) -> None:
    (data / "secret_key").write_bytes(b"\xff\xfe" * 32)
    assert only(secret.check, deployment(data)) == (
        "problem",
        f"TMON_SECRET_KEY is not set and {data}/secret_key is damaged",
        "restore it from a backup",
    )


# -- folder and disk --------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_made_by_the_first_start(tmp_path: Path) -> None:
    level, message, _ = only(folder.check, deployment(tmp_path / "none"))
    assert level == "ok"
    assert message.startswith(f"{tmp_path}/none is not there yet; the first start makes it")
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert only(folder.check, deployment(tmp_path / "file"))[:2] == (
        "problem",
        f"{tmp_path}/file is not a folder",
    )
    assert only(folder.check, deployment(tmp_path / "file" / "below"))[:2] == (
        "problem",
        f"{tmp_path}/file/below cannot be reached: Not a directory",
    )


@pytest.mark.parametrize(
    ("mode", "level", "can"), [(0o750, "warning", "look into"), (0o770, "problem", "change")]
)
def test_a_folder_for_others_is_told(data: Path, mode: int, level: str, can: str) -> None:
    data.chmod(mode)
    expected = (level, f"others can {can} {data} (mode {mode:o})", f"chmod 700 {data}")
    assert only(folder.check, deployment(data)) == expected


def test_databases_that_others_can_read_are_a_problem(stored: Path) -> None:
    assert only(folder.check, deployment(stored)) == ("ok", f"{stored}, private to its user", None)
    (stored / "log.db").chmod(0o644)
    assert only(folder.check, deployment(stored)) == (
        "problem",
        f"others can read {stored}/log.db (mode 644)",
        f"chmod 600 {stored}/log.db",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_told(data: Path) -> None:
    os.chown(data, 12345, -1)
    assert only(folder.check, deployment(data))[:2] == (
        "warning",
        f"{data} belongs to 12345, and this is run as root",
    )


@pytest.mark.parametrize(
    ("free", "level", "said"),
    [
        (63 * 1024**2, "problem", "63 MiB of 100 GiB free (0%)"),
        (65 * 1024**2, "warning", "65 MiB of 100 GiB free (0%)"),
        (4 * 1024**3, "warning", "4.0 GiB of 100 GiB free (4%)"),
        (6 * 1024**3, "ok", "6.0 GiB of 100 GiB free (6%)"),
    ],
)
def test_a_disk_that_fills_is_told(
    data: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str, said: str
) -> None:
    real = os.statvfs(data)

    class Disk:
        """No disk can be filled for a test."""

        f_frsize, f_blocks, f_bavail = 1024, 100 * 1024**2, free // 1024
        f_files, f_favail = real.f_files, real.f_favail

    monkeypatch.setattr(os, "statvfs", lambda _: Disk)
    got = found(disk.check, deployment(data))[0]
    assert (got[0], got[1].partition(";")[0]) == (level, said)


def test_the_sizes_of_log_and_views_are_told(stored: Path) -> None:
    with (stored / "log.db").open("ab") as log:
        log.truncate(3 * 1024**2)
    assert "; the log takes 3.0 MiB, the views " in found(disk.check, deployment(stored))[0][1]


# -- open files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_files")
def test_few_open_files_mean_few_connections(data: Path) -> None:
    assert only(open_files.check, deployment(data)) == (
        "warning",
        "a server started from here may have 1024, so a process takes 896 connections at once instead of 4096",
        "ulimit -n 4224 before tmon serve, or LimitNOFILE=4224 in its systemd unit",
    )


@pytest.mark.usefixtures("few_files")
def test_the_limit_of_a_running_server_is_its_own(data: Path) -> None:
    with WriterLock(data):
        assert only(open_files.check, deployment(data))[1].startswith("the running server may have 1024, ")


# -- clock ------------------------------------------------------------------------------------------------------------


def test_a_clock_before_the_newest_receipt_is_a_problem(stored: Path) -> None:
    of = deployment(stored)
    of.now = 1_764_547_200.0
    level, message, _ = only(clock.check, of)
    assert level == "problem"
    assert message.startswith("it says 2025-12-01 00:00:00 UTC, ")
    assert message.endswith(" before the newest receipt in the log")


def test_the_kernel_says_whether_its_clock_is_synchronised() -> None:
    assert clock.kernel_synchronised() in {True, False, None}


# -- GeoIP ------------------------------------------------------------------------------------------------------------


def test_a_geoip_file_is_named_with_its_date(tmp_path: Path) -> None:
    write_mmdb(tmp_path / "own.mmdb", {"192.0.2.0/24": {"city": "x"}})
    of = deployment(tmp_path, TMON_GEOIP=str(tmp_path / "own.mmdb"))
    of.now = EPOCH + 90 * 86_400.0
    named = f"TMON_GEOIP: {tmp_path}/own.mmdb: Test-City of 2025-12-01"
    assert only(geoip.check, of) == ("ok", named, None)
    of.now += 86_400
    assert only(geoip.check, of)[:2] == (
        "warning",
        f"{named}, 91 days old; networks have moved since",
    )


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe9ABCDEF"]
)
def test_a_file_that_is_no_mmdb_is_a_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.mmdb").write_bytes(content)
    level, message, _ = only(geoip.check, deployment(tmp_path, TMON_GEOIP=str(tmp_path / "own.mmdb")))
    assert (level, message.partition(" (")[0]) == (
        "problem",
        f"TMON_GEOIP: {tmp_path}/own.mmdb is no MMDB file, or a damaged one",
    )


def test_a_geoip_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    assert only(geoip.check, deployment(tmp_path, TMON_GEOIP=str(tmp_path / "none.mmdb")))[:2] == (
        "problem",
        f"TMON_GEOIP: {tmp_path}/none.mmdb cannot be read: No such file or directory",
    )


# -- server, events, views --------------------------------------------------------------------------------------------


def test_an_owner_that_does_not_answer_is_a_problem(data: Path) -> None:
    assert only(server.check, deployment(data)) == ("ok", "none runs on this data folder", None)
    with WriterLock(data):
        level, message, _ = only(server.check, deployment(data))
    assert level == "problem"
    assert message.startswith(f"process {os.getpid()} owns the data folder and does not answer (")


def test_looking_for_an_owner_makes_nothing(data: Path) -> None:
    assert only(server.check, deployment(data))[0] == "ok"
    assert list(data.iterdir()) == []


def test_a_store_that_can_be_read_is_well(stored: Path) -> None:
    level, message, _ = only(store.check, deployment(stored))
    assert (level, message.partition(";")[0]) == ("ok", "the log ends at entry 2")


@pytest.mark.parametrize("name", ["log.db", "views.db"])
def test_random_bytes_are_no_store(stored: Path, name: str) -> None:
    (stored / name).write_bytes(os.urandom(8192))
    assert only(store.check, deployment(stored)) == (
        "problem",
        f"{stored}/{name}: file is not a database",
        "restore log.db and views.db from one backup",
    )


def test_a_database_whose_pages_are_damaged_is_a_problem(stored: Path) -> None:
    with (stored / "views.db").open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom((stored / "views.db").stat().st_size - 4096))
    assert only(store.check, deployment(stored))[::2] == (
        "problem",
        "restore log.db and views.db from one backup",
    )


def test_a_store_of_a_later_release_is_a_problem(stored: Path) -> None:
    with Connection(stored / "log.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert only(store.check, deployment(stored)) == (
        "problem",
        f"{stored}/log.db has format 99, this release knows {FORMAT}",
        "run the release that wrote it",
    )


def test_a_log_without_its_views_is_a_problem(stored: Path) -> None:
    (stored / "views.db").unlink()
    assert only(store.check, deployment(stored))[:2] == (
        "problem",
        f"views.db is missing beside log.db in {stored}",
    )


def test_looking_at_a_store_changes_no_file(stored: Path) -> None:
    before = {file.name: file.read_bytes() for file in stored.iterdir()}
    for check in (clock.check, store.check, views.check):
        found(check, deployment(stored))
    assert {file.name: file.read_bytes() for file in stored.iterdir()} == before


def test_views_that_wait_for_a_start_are_no_problem(stored: Path) -> None:
    level, message, _ = only(views.check, deployment(stored))
    assert level == "ok"
    assert re.fullmatch(r"2 entries and events behind the log, \d+ s; the next start catches up", message)


def test_views_that_a_running_server_cannot_write_are_a_problem(stored: Path) -> None:
    locking = Connection(stored / "views.db")
    locking.execute("BEGIN IMMEDIATE")
    with WriterLock(stored):
        level, message, _ = only(views.check, deployment(stored))
    assert level == "problem"
    assert re.fullmatch(r"2 entries and events behind the log, \d+ s", message)
    locking.close()


def test_a_view_that_the_store_does_not_count_is_told(counted: Path) -> None:
    (counted / "views").mkdir()
    (counted / "views" / "flavour.toml").write_text('title = "Flavours"\nfield = "flavour"\n')
    with WriterLock(counted):
        assert only(views.check, deployment(counted)) == (
            "warning",
            "flavour: not counted yet",
            "tmon views sync, or a restart, takes the files",
        )


def test_a_view_whose_field_changed_without_a_version_is_a_problem(counted: Path) -> None:
    (counted / "views").mkdir()
    file = counted / "views" / "flavour.toml"
    file.write_text('title = "Flavours"\nfield = "flavour"\n')
    kept = open_store("sqlite:", counted)
    kept.sync_views(read_views(deployment(counted).settings))
    kept.settle()
    kept.close()
    file.write_text('title = "Flavours"\nfield = "taste"\n')
    assert only(views.check, deployment(counted)) == (
        "problem",
        "view flavour: field has changed",
        "raise its version to have it counted anew; until then a start refuses it",
    )
    file.unlink()
    assert only(views.check, deployment(counted)) == (
        "warning",
        "flavour: counted without a file",
        "the next start takes the files; its counts go then",
    )


def test_a_wrong_view_file_is_a_problem(data: Path) -> None:
    (data / "views").mkdir()
    (data / "views" / "flavour.toml").write_text("title = ")
    level, message, _ = only(views.check, deployment(data))
    assert level == "problem"
    assert "flavour" in message


def test_views_that_are_well_are_one_line(counted: Path) -> None:
    level, message, _ = only(views.check, deployment(counted))
    assert level == "ok"
    assert re.fullmatch(r"\d+ views, all counted up to the end of the log", message)


# -- memcached --------------------------------------------------------------------------------------------------------


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """A server that answers whatever it is asked with some bytes; where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(with_: bytes) -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(200)
                connection.sendall(with_)

        threads: list[threading.Thread] = []

        def started(with_: bytes) -> str:
            threads.append(threading.Thread(target=answer, args=(with_,)))
            threads[-1].start()
            return f"127.0.0.1:{listener.getsockname()[1]}"

        yield started
        for thread in threads:
            thread.join()


def test_a_memcached_is_asked_for_its_version(data: Path, answering: Callable[[bytes], str]) -> None:
    where = answering(b"VERSION 1.6.18\r\n")
    assert only(memcached.check, deployment(data, TMON_MEMCACHED=where)) == ("ok", f"{where} answers", None)


def test_what_is_no_memcached_is_told(data: Path, answering: Callable[[bytes], str]) -> None:
    where = answering(b"HTTP/1.1 400 Bad Request\r\n")
    assert only(memcached.check, deployment(data, TMON_MEMCACHED=where))[0] == "warning"


def test_a_memcached_that_is_away_is_told(data: Path, free_port: Callable[[], int]) -> None:
    where = f"127.0.0.1:{free_port()}"
    assert only(memcached.check, deployment(data, TMON_MEMCACHED=where))[:2] == (
        "warning",
        f"TMON_MEMCACHED: {where} does not answer: Connection refused",
    )
