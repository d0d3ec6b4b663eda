# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon user|token|webservice` as people run them: as programs, on a data folder.

Most are forked from a process that has imported what they need (`ready_commands`), some are started as a shell does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration import ready_commands

Tmon = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "tmon.cli", *arguments]


def tmon_on(data: Path) -> Tmon:
    def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return ready_commands.run(
            *arguments, stdin=stdin, environ={**os.environ, "TMON_DATA": str(data), **environ}
        )

    return run


@pytest.fixture
def started_tmon(tmp_path: Path) -> Tmon:
    """The command as a shell starts it, on a data folder that is not there yet."""

    def run(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "TMON_DATA": str(tmp_path / "data"), **environ},
            check=False,
        )

    return run


@pytest.fixture
def tmon(tmp_path: Path) -> Tmon:
    """The command on a data folder that is not there yet."""
    return tmon_on(tmp_path / "data")


@pytest.fixture(scope="module")
def furnished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the users anna and ben and anna's web service 1, "a"; it stays as it is."""
    folder = tmp_path_factory.mktemp("furnished")
    for name in ("anna", "ben"):
        done(tmon_on(folder)("user", "create", name))
    done(tmon_on(folder)("webservice", "create", "a", "--owner", "anna"))
    return folder


@pytest.fixture
def furnished(furnished_folder: Path, tmp_path: Path) -> Tmon:
    """The command on a copy of that folder."""
    shutil.copytree(furnished_folder, tmp_path / "data")
    return tmon_on(tmp_path / "data")


def done(ran: subprocess.CompletedProcess[str]) -> str:
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def refused(ran: subprocess.CompletedProcess[str]) -> str:
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("tmon: ")
    assert ran.stderr.count("\n") == 1
    return ran.stderr.removeprefix("tmon: ").rstrip("\n")


def as_json(ran: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done(ran))


def test_a_web_service_is_made_from_nothing(started_tmon: Tmon, tmp_path: Path) -> None:
    assert done(started_tmon("user", "create", "anna")).startswith("user anna created\npassword: ")
    made = as_json(started_tmon("webservice", "create", "shop.example", "--owner", "anna", "--json"))
    assert list(made) == ["wsid", "name", "secret", "dsn"]
    assert (made["wsid"], made["name"]) == (1, "shop.example")
    assert len(bytes.fromhex(made["secret"])) == 32
    assert made["secret"] == made["secret"].lower()
    assert made["dsn"] == f"tmon+http://{made['secret']}@127.0.0.1:8000/1"


def test_a_data_folder_is_private(tmon: Tmon, tmp_path: Path) -> None:
    done(tmon("user", "create", "anna"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert (modes["secret_key"], modes["accounts.db"]) == (0o600, 0o600)


def test_the_data_folder_may_be_named_on_the_command_line(tmon: Tmon, tmp_path: Path) -> None:
    done(tmon("user", "create", "anna", "--data", str(tmp_path / "other" / "folder")))
    assert (tmp_path / "other" / "folder" / "accounts.db").exists()
    assert not (tmp_path / "data").exists()


def test_the_public_address_is_in_the_dsn(tmon: Tmon) -> None:
    done(tmon("user", "create", "anna"))
    ran = tmon(
        "webservice", "create", "a", "--owner", "anna", "--json", TMON_PUBLIC_URL="https://tmon.example/"
    )
    made = as_json(ran)
    assert made["dsn"] == f"tmon+https://{made['secret']}@tmon.example/1"


def test_many_first_runs_at_once_all_succeed(tmp_path: Path) -> None:
    environ = {**os.environ, "TMON_DATA": str(tmp_path / "data")}
    running = [
        subprocess.Popen(
            command("user", "create", f"user{number}"),
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    ended = [process.communicate() for process in running]
    assert [(process.returncode, err) for process, (_, err) in zip(running, ended, strict=True)] == [
        (0, "")
    ] * 4
    with sqlite3.connect(tmp_path / "data" / "accounts.db") as database:
        names = [row[0] for row in database.execute("SELECT username FROM auth_user ORDER BY username")]
    database.close()
    assert names == ["user0", "user1", "user2", "user3"]


def test_a_key_is_rotated_and_the_old_one_revoked(tmon: Tmon) -> None:
    done(tmon("user", "create", "anna"))
    first = as_json(tmon("webservice", "create", "a", "--owner", "anna", "--json"))
    second = as_json(tmon("webservice", "rotate-key", "1", "--json"))
    assert list(second) == ["wsid", "key", "secret", "dsn"]
    assert second["secret"] != first["secret"]
    assert second["dsn"] == f"tmon+http://{second['secret']}@127.0.0.1:8000/1"
    assert "has 2 active keys; revoke one of them first" in refused(tmon("webservice", "rotate-key", "1"))
    assert done(tmon("webservice", "revoke-key", "1")) == "key 1 of web service 1 revoked\n"
    assert "has 1 active key, so say which to revoke" in refused(tmon("webservice", "revoke-key", "1"))
    (row,) = as_json(tmon("webservice", "list", "--json"))
    assert [key["key"] for key in row["keys"]] == [2]
    assert done(tmon("webservice", "revoke-key", "1", "2")) == "key 2 of web service 1 revoked\n"
    assert refused(tmon("webservice", "revoke-key", "1", "2")) == "key 2 is revoked already"
    assert refused(tmon("webservice", "revoke-key", "1", "9")) == "web service 1 has no key 9"


def test_keys_and_tokens_are_nowhere_in_the_data_folder(tmon: Tmon, tmp_path: Path) -> None:
    done(tmon("user", "create", "anna"))
    secret = as_json(tmon("webservice", "create", "a", "--owner", "anna", "--json"))["secret"]
    token = as_json(tmon("token", "create", "anna", "--json"))["token"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    for text in (
        secret.encode(),
        bytes.fromhex(secret),
        token.encode(),
        token.removeprefix("tmon_").encode(),
    ):
        assert text not in kept
    assert hashlib.sha256(token.encode()).hexdigest().encode() in kept


def test_a_revoked_keys_bytes_are_gone(furnished: Tmon, tmp_path: Path) -> None:
    done(furnished("webservice", "revoke-key", "1", "1"))
    with sqlite3.connect(tmp_path / "data" / "accounts.db") as database:
        assert database.execute("SELECT sealed FROM tenants_key").fetchall() == [(b"",)]
    database.close()


def test_members_come_and_go(furnished: Tmon) -> None:
    assert done(furnished("webservice", "member", "add", "1", "ben")) == "ben is viewer of web service 1\n"
    added = furnished("webservice", "member", "add", "1", "ben", "--role", "manager")
    assert done(added) == "ben is manager of web service 1\n"
    assert (
        refused(furnished("webservice", "member", "add", "1", "anna")) == "'anna' owns web service 1 already"
    )
    removed = furnished("webservice", "member", "remove", "1", "ben")
    assert done(removed) == "ben is no longer a member of web service 1\n"
    assert (
        refused(furnished("webservice", "member", "remove", "1", "ben"))
        == "'ben' is no member of web service 1"
    )


def test_tokens_are_listed_without_their_text_and_revoked(furnished: Tmon) -> None:
    done(furnished("token", "create", "anna", "--webservice", "1", "--name", "report"))
    (row,) = as_json(furnished("token", "list", "--json"))
    assert list(row) == ["id", "user", "webservice", "name", "created", "last_used", "revoked"]
    assert (row["id"], row["user"], row["webservice"], row["name"], row["revoked"]) == (
        1,
        "anna",
        1,
        "report",
        None,
    )
    assert done(furnished("token", "revoke", "1")) == "token 1 revoked\n"
    assert refused(furnished("token", "revoke", "1")) == "token 1 is revoked already"
    (row,) = as_json(furnished("token", "list", "anna", "--json"))
    assert row["revoked"].endswith("Z")


def test_a_token_for_what_its_user_may_not_read_is_refused(furnished: Tmon) -> None:
    assert "'ben' may not read web service 1" in refused(
        furnished("token", "create", "ben", "--webservice", "1")
    )


def test_a_web_service_is_changed(tmon: Tmon) -> None:
    done(tmon("user", "create", "anna"))
    done(tmon("webservice", "create", "a", "--owner", "anna", "--timezone", "Asia/Kathmandu"))
    changes = ("--ip-policy", "truncated", "--retention-days", "30", "--timezone", "Europe/Vienna")
    assert done(tmon("webservice", "set", "1", *changes)) == "web service 1 changed\n"
    (row,) = as_json(tmon("webservice", "list", "--json"))
    assert (row["ip_policy"], row["retention_days"], row["timezone"]) == ("truncated", 30, "Europe/Vienna")
    assert "greater than or equal to 1" in refused(tmon("webservice", "set", "1", "--retention-days", "0"))


def test_a_web_service_is_deleted_with_its_data(furnished: Tmon) -> None:
    assert as_json(furnished("webservice", "delete", "1", "--json")) == {
        "wsid": 1,
        "events": 0,
        "quarantined": 0,
    }
    assert as_json(furnished("webservice", "list", "--json")) == []
    assert (
        refused(furnished("webservice", "delete", "1"))
        == "there is no web service 1; tmon webservice list shows all"
    )
    assert as_json(furnished("webservice", "create", "a", "--owner", "anna", "--json"))["wsid"] == 2


def test_a_deletion_that_the_store_did_not_do_can_be_asked_for_again(furnished: Tmon, tmp_path: Path) -> None:
    (tmp_path / "data" / "log.db").write_text("this is a letter, not a database")
    assert "not a database" in refused(furnished("webservice", "delete", "1"))
    (tmp_path / "data" / "log.db").unlink()
    assert as_json(furnished("webservice", "delete", "1", "--json")) == {
        "wsid": 1,
        "events": 0,
        "quarantined": 0,
    }


def test_a_user_name_is_erased_from_a_web_service(furnished: Tmon) -> None:
    erased = furnished("webservice", "erase", "1", "somebody", "--json")
    assert as_json(erased) == {"wsid": 1, "events": 0, "quarantined": 0}
    assert "there is no web service 2" in refused(furnished("webservice", "erase", "2", "somebody"))


def test_a_password_from_stdin_is_not_printed_and_must_be_good(started_tmon: Tmon) -> None:
    ran = started_tmon("user", "create", "anna", "--password-stdin", stdin="correct horse battery\n")
    assert done(ran) == "user anna created\n"
    short = started_tmon("user", "create", "ben", "--password-stdin", stdin="abc\n")
    assert refused(short).startswith("user 'ben' is not created: This password is too short.")
    changed = started_tmon("user", "password", "anna", "--password-stdin", stdin="another horse battery\n")
    assert done(changed) == "password of anna changed\n"
    assert refused(started_tmon("user", "password", "nobody")).startswith("there is no user 'nobody'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "create", "anna"), "user 'anna' is not created: A user with that username already exists."),
        (
            ("webservice", "create", "a", "--owner", "anna"),
            "web service 'a' is not created: Web service with this Name already exists.",
        ),
        (
            ("webservice", "create", "b", "--owner", "nobody"),
            "there is no user 'nobody'; make one with: tmon user create nobody",
        ),
        (
            ("webservice", "create", "b", "--owner", "anna", "--timezone", "../../etc/passwd"),
            (
                "web service 'b' is not created: '../../etc/passwd' is not a time zone; "
                "write an IANA name such as Europe/Vienna or UTC"
            ),
        ),
        (("webservice", "rotate-key", "2"), "there is no web service 2"),
        (
            ("webservice", "set", "2", "--name", "x"),
            "there is no web service 2; tmon webservice list shows all",
        ),
        (("token", "revoke", "7"), "there is no token 7; tmon token list shows all"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    furnished: Tmon, arguments: tuple[str, ...], message: str
) -> None:
    assert refused(furnished(*arguments)) == message


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("user",),
        ("user", "create"),
        ("webservice", "create", "a"),
        ("webservice", "rotate-key", "0"),
        ("webservice", "rotate-key", "+7"),
        ("webservice", "rotate-key", "99999999999999999999"),
        ("webservice", "set", "1"),
        ("webservice", "member", "add", "1", "ben", "--role", "king"),
    ],
)
def test_wrong_usage_ends_with_two(furnished: Tmon, arguments: tuple[str, ...]) -> None:
    ran = furnished(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_production_without_a_secret_is_refused_with_a_way_out(started_tmon: Tmon) -> None:
    message = refused(started_tmon("user", "create", "anna", TMON_STAGE="production"))
    assert message.startswith("TMON_SECRET_KEY: is required in production; make one with: python3 -c ")


def test_a_folder_that_can_not_be_made_is_named(tmon: Tmon, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    assert refused(tmon("user", "create", "anna", "--data", str(data))) == f"{tmp_path / 'file'}: File exists"


def test_an_accounts_database_that_is_none_is_said_in_one_line(tmon: Tmon, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.db").write_text("this is a letter, not a database")
    assert "file is not a database" in refused(tmon("user", "create", "anna"))


def test_the_light_commands_import_neither_django_nor_tornado() -> None:
    program = (
        "import sys; from tmon.cli import main; main(['send', '--help']); "
        "print(sorted({'django', 'tornado', 'structlog'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
