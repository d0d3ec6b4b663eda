# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of mistakes: the application is none the wiser, and the ledger is."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

import tmon
from tmon.client_api import default
from tmon.middleware.recorder import Recorder
from tmon.middleware.wsgi import WsgiMiddleware


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


def ask(middleware: WsgiMiddleware, **environ: Any) -> bytes:
    body = middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ}, lambda *_: None)
    content = b"".join(body)
    body.close()  # type: ignore[attr-defined]  # it is ours
    return content


def test_a_request_that_cannot_be_read_is_answered_and_counted_as_lost() -> None:
    transport = tmon.MemoryTransport()
    with tmon.Client(transport=transport) as client:
        middleware = WsgiMiddleware(app, client)
        broken = middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "RAW_URI": 7}, lambda *_: None)
        assert b"".join(broken) == b"hello"
        assert client.stats().lost == {"middleware": 1}
    assert transport.documents[-1]["lost"] == {"middleware": 1}


def test_who_is_logged_in_can_fail_and_the_request_is_reported_without() -> None:
    transport = tmon.MemoryTransport()
    troubles: list[tmon.Trouble] = []
    with tmon.Client(transport=transport, on_error=troubles.append) as client:
        assert ask(WsgiMiddleware(app, client, username=lambda _: 1 / 0)) == b"hello"
    assert [event["url"] for event in transport.events] == ["/"]
    assert "username" not in transport.events[0]
    assert [(one.reason, one.events) for one in troubles] == [("middleware", 0)]


def test_without_a_dsn_the_application_works_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TMON_DSN", raising=False)
    monkeypatch.setattr(default, "_default", default.Default())
    middleware = WsgiMiddleware(app)
    with caplog.at_level(logging.WARNING, logger="tmon"):
        assert [ask(middleware), ask(middleware)] == [b"hello", b"hello"]
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith("no request is reported: ")


@pytest.mark.parametrize(
    "settings",
    [
        {"skip": "/healthz"},
        {"mask": "token"},
        {"keep": "code"},
        {"trusted_proxies": "10.0.0.0/8"},
        {"username": "ann"},
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"list|function"):
        Recorder(**settings)


def test_paths_are_skipped_as_they_are_or_with_what_follows() -> None:
    recorder = Recorder(skip=["/up", "/internal/*"])
    assert [recorder.wants(path) for path in ("/up", "/upper", "/internal", "/internal/x", "/healthz")] == [
        False,
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("module", ["wsgi", "asgi"])
def test_the_cores_need_no_framework(module: str) -> None:
    code = f"import sys, tmon.middleware.{module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"django", "flask", "starlette", "fastapi", "tornado", "aiohttp"} & set(shown.stdout.split())
