# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions whose time is over are deleted by the periodic work of the server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.integration.server_process import ServerProcess, until

ADD = "INSERT INTO django_session(session_key, session_data, expire_date) VALUES (?, '', ?)"


def sessions(data: Path) -> set[str]:
    with closing(sqlite3.connect(data / "accounts.db", timeout=30)) as database:
        return {key for (key,) in database.execute("SELECT session_key FROM django_session")}


def test_a_running_server_clears_expired_sessions_and_leaves_the_others(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    assert server.token  # which makes the accounts database
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as database, database:
        database.execute(ADD, ("over", "2026-01-01 00:00:00"))
        database.execute(ADD, ("to come", "2999-01-01 00:00:00"))
    assert sessions(tmp_path) == {"over", "to come"}
    with server:
        until(lambda: sessions(tmp_path) == {"to come"}, "the expired session is deleted")
        assert server.metric('tmon_periodic_failing{job="clear sessions"}') == 0
    assert server.troubles == []
