# SPDX-License-Identifier: GPL-3.0-or-later
"""A SQLite file can be read without leaving a trace, and with what its write-ahead log holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tmon.settings import read_only_address


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database in WAL mode whose one row is in the file itself; its name needs quoting."""
    file = tmp_path / "a b?#%.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=WAL")
    with connection:
        connection.execute("CREATE TABLE t(x)")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    return file


def rows(file: Path) -> list[tuple[int]]:
    connection = sqlite3.connect(read_only_address(file), uri=True)
    try:
        return connection.execute("SELECT x FROM t").fetchall()
    finally:
        connection.close()


def test_reading_makes_no_file_beside_the_database(database: Path) -> None:
    assert rows(database) == [(1,)]
    assert list(database.parent.iterdir()) == [database]


def test_what_only_the_write_ahead_log_holds_is_read(database: Path) -> None:
    writing = sqlite3.connect(database)
    with writing:
        writing.execute("INSERT INTO t VALUES (2)")
    assert rows(database) == [(1,), (2,)]
    writing.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        rows(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []
