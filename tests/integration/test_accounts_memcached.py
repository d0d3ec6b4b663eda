# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers that share their accounts and a real memcached: logins and their throttle hold for both."""

from __future__ import annotations

import http.cookies
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.integration.server_process import Answer, ServerProcess, until
from tests.system_packages import program

PASSWORD = "correct horse battery"
SECRET = "one secret that both servers have been given"


class Memcached:
    """A memcached of the test's own on a port of 127.0.0.1."""

    def __init__(self, path: str, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port = port
        user = ["-u", "nobody"]  # which it asks for where it is started by root, and ignores elsewhere
        self._process = subprocess.Popen([path, "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user])
        until(self._answers, "memcached answers")

    def figure(self, name: str) -> int:
        """One of its figures, by its protocol's name."""
        found = re.search(rf"STAT {name} (\d+)\r\n", self._stats())
        assert found is not None
        return int(found[1])

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "memcached has ended"
        try:
            return "STAT" in self._stats()
        except OSError:
            return False

    def _stats(self) -> str:
        with socket.create_connection(("127.0.0.1", self._port), 5) as connection:
            connection.sendall(b"stats\r\n")
            received = b""
            while not received.endswith(b"END\r\n"):
                received += connection.recv(65_536)
        return received.decode()


class Browser:
    """Somebody with cookies, who may ask one server and then the other."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def get(self, server: ServerProcess, path: str) -> Answer:
        return self._kept(server.connection.send("GET", path, Cookie=self._cookie))

    def post(self, server: ServerProcess, path: str, **fields: str) -> Answer:
        """Fill in and send the form of a page."""
        page = self.get(server, path).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        body = urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
        form = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": self._cookie}
        return self._kept(server.connection.send("POST", path, body, **form))

    def log_in(self, server: ServerProcess, password: str = PASSWORD) -> int:
        return self.post(server, "/login", username="anna", password=password).status

    def logged_in(self, server: ServerProcess) -> bool:
        return "<bdi>anna</bdi>" in self.get(server, "/").content.decode()

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def _kept(self, answer: Answer) -> Answer:
        for name, morsel in http.cookies.SimpleCookie(answer.headers.get("set-cookie", "")).items():
            self._cookies[name] = morsel.value
        return answer


@pytest.fixture
def memcached(free_port: Callable[[], int]) -> Iterator[Memcached]:
    started = Memcached(program("memcached", "memcached"), free_port())
    yield started
    started.end()


@pytest.fixture
def servers(tmp_path: Path, memcached: Memcached) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    environ = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shared.db'}",
        "TMON_SECRET_KEY": SECRET,
        "TMON_MEMCACHED": memcached.address,
    }
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (ServerProcess(folder, **environ) for folder in folders)
    command = ("user", "create", "anna", "--password-stdin")
    one.command(*command, stdin=f"{PASSWORD}\n")
    two.share_accounts(one)
    with one, two:
        yield one, two
    assert one.troubles == two.troubles == []


def test_a_login_at_one_is_a_login_at_the_other_until_it_ends_at_either(
    servers: tuple[ServerProcess, ServerProcess], memcached: Memcached
) -> None:
    one, two = servers
    browser = Browser()
    assert browser.log_in(one) == 302
    assert memcached.figure("curr_items") == 1
    before = memcached.figure("get_hits")
    assert browser.logged_in(two)
    assert memcached.figure("get_hits") > before
    assert browser.post(two, "/logout").status == 302
    assert not browser.logged_in(one)
    assert memcached.figure("curr_items") == 0


def test_failed_logins_at_one_count_at_the_other(servers: tuple[ServerProcess, ServerProcess]) -> None:
    one, two = servers
    statuses = [Browser().log_in(server, "wrong") for server in [one, two] * 6]
    assert statuses == [200] * 9 + [429] * 3
    assert Browser().log_in(two) == 429


def test_a_memcached_that_is_away_ends_no_login(
    servers: tuple[ServerProcess, ServerProcess], memcached: Memcached
) -> None:
    one, two = servers
    browser, other = Browser(), Browser()
    assert browser.log_in(one) == 302
    memcached.end()
    assert browser.logged_in(two)
    assert other.log_in(two) == 302
    assert other.logged_in(one)
    assert browser.post(one, "/logout").status == 302
    assert not browser.logged_in(two)
