# SPDX-License-Identifier: GPL-3.0-or-later
"""Each middleware in a small application of its framework, behind a real server and a real socket."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

APPS: Final = Path(__file__).parent / "web_apps"
NAMES: Final = (
    "wsgi",
    "flask",
    "django_wsgi",
    "asgi",
    "starlette",
    "fastapi",
    "django_asgi",
    "tornado",
    "aiohttp",
)
ROUTES: Final = {
    "wsgi": "",
    "asgi": "",
    "flask": "/users/<int:number>",
    "django_wsgi": "/users/<int:number>",
    "django_asgi": "/users/<int:number>",
    "starlette": "/users/{number:int}",
    "fastapi": "/users/{number}",
    "tornado": "/users/([0-9]+)",
    "aiohttp": "/users/{number}",
}
PATIENCE_S: Final = 20.0


class App:
    """One of the applications, running."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, str(APPS / f"{name}_app.py")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        assert self._process.stdout is not None
        first = self._process.stdout.readline().split()
        assert first[:1] == [b"port"], f"{name} did not start"
        self.port = int(first[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Ask as an ordinary client and return the status and the body, as far as it came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(
                method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.IncompleteRead as error:
            return response.status, error.partial
        except http.client.HTTPException:
            return 0, b""
        finally:
            connection.close()

    def event(self) -> dict[str, Any]:
        """The next event that it reports."""
        return self._events.get(timeout=PATIENCE_S)

    def raw(self, request: bytes) -> bytes:
        """Send these bytes, and return what comes until the application closes or is silent for a moment."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module", params=NAMES)
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    running = App(request.param)
    yield running
    running.end()


def test_a_request_is_reported_with_what_is_known_of_it(app: App) -> None:
    status, body = app.ask(
        "/users/7?coupon=SAVE10&page=2",
        User_Agent="Größe/1".encode().decode("latin-1"),
        Referer="https://u:p@example.org/?access_token=abc&q=1",
        X_Forwarded_For="203.0.113.66, 198.51.100.7",
        X_Login="ann",
    )
    assert (status, body) == (200, b"hello")
    event = app.event()
    assert event.pop("duration_ms") > 0
    assert event.pop("ts") > 1_700_000_000
    assert event.pop("route", "") == ROUTES[app.name]
    assert event == {
        "url": "/users/7?coupon=***&page=2",
        "ip": "198.51.100.7",
        "useragent": "Größe/1",
        "method": "GET",
        "status": 200,
        "bytes": 5,
        "referrer": "https://***@example.org/?access_token=***&q=1",
        "host": f"127.0.0.1:{app.port}",
        "username": "ann",
    }


def test_a_stream_lasts_until_its_last_byte(app: App) -> None:
    status, body = app.ask("/stream")
    assert (status, len(body)) == (200, 5000)
    event = app.event()
    assert (event["status"], event["bytes"]) == (200, 5000)
    assert event["duration_ms"] >= 80
    assert "aborted" not in event


def test_an_exception_is_an_error_and_stays_the_servers(app: App) -> None:
    assert app.ask("/boom")[0] == 500
    event = app.event()
    assert (event["url"], event["status"]) == ("/boom", 500)
    assert event.get("route", "") in {"", "/boom"}
    assert "aborted" not in event


def test_an_exception_in_the_middle_of_an_answer_is_an_error_too(app: App) -> None:
    _, body = app.ask("/broken")
    assert len(body) <= 1000
    event = app.event()
    assert (event["url"], event["status"], event["aborted"]) == ("/broken", 500, True)


def test_an_answer_without_a_body_has_no_bytes(app: App) -> None:
    assert app.ask("/empty") == (204, b"")
    event = app.event()
    assert (event["status"], event["bytes"]) == (204, 0)
    app.ask("/users/7", method="HEAD")
    event = app.event()
    assert (event["method"], event["bytes"]) == ("HEAD", 0)


def test_what_is_not_found_has_no_route(app: App) -> None:
    assert app.ask("/none/of/this")[0] == 404
    event = app.event()
    assert (event["url"], event["status"]) == ("/none/of/this", 404)
    assert "route" not in event


def test_who_leaves_is_reported_with_what_was_sent(app: App) -> None:
    with socket.create_connection(("127.0.0.1", app.port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        received = 0
        while received < 2_000:
            received += len(connection.recv(1_000))
    event = app.event()
    assert (event["url"], event["status"], event["aborted"]) == ("/endless", 200, True)
    assert 0 < event["bytes"] < 3_000_000


def test_health_checks_are_not_reported(app: App) -> None:
    app.ask("/healthz")
    app.ask("/users/8")
    assert app.event()["url"] == "/users/8"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /users/7?a=\xff\xfe HTTP/1.1\r\nHost: \xff\r\nUser-Agent: \xff\xfe\x80\r\nReferer: \xc3\x28\r\n",
        b"GET /%00%ff%c3%28/../;a=b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ,,\xff, [::1, 1.2.3.4.5\r\n",
        b"GET http://elsewhere.example/users/7 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "
        + b"1," * 2000
        + b"\r\n",
        b"GET /users/7 HTTP/1.1\r\nHost: a\r\nHost: b\r\nUser-Agent: a\r\nUser-Agent: b\r\n",
        b"BREW /users/7 HTTP/1.1\r\nHost: a\r\nX-Login: \xff\r\n",
    ],
)
def test_hostile_bytes_hurt_nobody(app: App, request_: bytes) -> None:
    app.raw(request_ + b"Connection: close\r\n\r\n")
    app.ask("/users/9")
    events = [app.event()]
    while events[-1]["url"] != "/users/9":  # some servers refuse such requests themselves
        events.append(app.event())
    assert len(events) <= 2
    for event in events:
        assert event["status"] < 500
        json.dumps(event, ensure_ascii=False).encode()  # no lone surrogates


@pytest.mark.parametrize("app", ["wsgi", "django_wsgi", "django_asgi"], indirect=True)
def test_a_file_is_sent_and_counted(app: App) -> None:
    assert app.ask("/file") == (200, b"x" * 1000)
    assert app.event()["bytes"] == 1000
