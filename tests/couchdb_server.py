# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that speak CouchDB's protocol: npm's pouchdb-server, started here, and the one that TMON_TEST_COUCHDB names.

A test that takes the fixture `couchdb` runs against each of them. The first is there wherever Node is, and differs from
Apache CouchDB: no name has a `/`, `_all_dbs` ignores its parameters, dropping what isn't there is no error, and a
database is open to all until it has a `_security`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlsplit

import pytest
from tests.node_program import node_program

PROGRAM: Final = Path(__file__).resolve().parent.parent / "node_modules" / ".bin" / "pouchdb-server"
ELSEWHERE: Final = "TMON_TEST_COUCHDB"
PREFIX: Final = "tmon-test-"
PATIENCE_S: Final = 60.0
KINDS: Final = ("pouchdb-server", *([ELSEWHERE] if os.environ.get(ELSEWHERE) else []))


@dataclass(frozen=True)
class Couch:
    """A server and its administrator. `prefix` is one that the names of nobody else's databases begin with."""

    host: str
    port: int
    user: str
    password: str
    prefix: str = field(default_factory=lambda: f"{PREFIX}{secrets.token_hex(4)}")

    def url(self, *nodes: str) -> str:
        """What TMON_STORE is to be, by way of these nodes (`host:port`), or of the server itself."""
        name, secret = quote(self.user, safe=""), quote(self.password, safe="")
        return f"couchdb://{name}:{secret}@{','.join(nodes) or self.node}/{self.prefix}"

    @property
    def node(self) -> str:
        """Its host and port."""
        return f"{self.host}:{self.port}"

    def ask(
        self, method: str, path: str, body: Any = None, login: tuple[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer; as the administrator, or by `login`, ("", "") being nobody."""
        name, password = (self.user, self.password) if login is None else login
        headers = {"Content-Type": "application/json"}
        if name:
            token = base64.b64encode(f"{name}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")

    def names(self) -> list[str]:
        """The databases that begin with the prefix."""
        return sorted(name for name in self.ask("GET", "/_all_dbs")[1] if name.startswith(self.prefix))

    def clear(self) -> None:
        """Drop the databases that begin with the prefix."""
        for name in self.names():
            self.ask("DELETE", f"/{quote(name, safe='')}")


class PouchServer:
    """A pouchdb-server of its own with its data in `folder`, which outlives it. Runs while it is entered."""

    def __init__(self, folder: Path, port: int) -> None:
        assert PROGRAM.exists(), "pouchdb-server is missing: `make test` fetches it"
        self.couch = Couch("127.0.0.1", port, "keeper", "p@ss w:rd/\N{LATIN SMALL LETTER U WITH DIAERESIS}")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        data, config = self._folder / "data", self._folder / "config.json"
        data.mkdir(exist_ok=True)
        if not config.exists():
            config.write_text(json.dumps({"admins": {self.couch.user: self.couch.password}}), "utf-8")
        where = ["-p", str(self.couch.port), "-o", self.couch.host, "-d", str(data), "-c", str(config)]
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [node_program(), str(PROGRAM), *where],
                cwd=self._folder,  # where it writes its log
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < deadline, f"waited in vain for pouchdb-server: {self._said()}"
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"pouchdb-server has ended: {self._said()}"
        try:
            return self.couch.ask("GET", "/_session")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _said(self) -> str:
        return (self._folder / "output.txt").read_text("utf-8", "replace")[-2000:]


@pytest.fixture(scope="session", params=KINDS)
def couchdb_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couch]:
    """A running server, for all tests of the session."""
    if request.param == ELSEWHERE:
        parts = urlsplit(os.environ[ELSEWHERE])
        assert parts.scheme == "http", f"{ELSEWHERE} is to be http://user:password@host:port"
        assert parts.hostname, f"{ELSEWHERE} names no host"
        yield Couch(
            parts.hostname, parts.port or 5984, unquote(parts.username or ""), unquote(parts.password or "")
        )
        return
    with PouchServer(tmp_path_factory.mktemp("pouchdb"), _free_port()) as server:
        yield server.couch


@pytest.fixture
def couchdb(couchdb_kind: Couch) -> Iterator[Couch]:
    """A server with a prefix of the test's own; what was made under it is dropped at the end."""
    couch = Couch(couchdb_kind.host, couchdb_kind.port, couchdb_kind.user, couchdb_kind.password)
    yield couch
    couch.clear()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
