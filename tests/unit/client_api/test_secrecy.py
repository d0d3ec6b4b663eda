# SPDX-License-Identifier: GPL-3.0-or-later
"""No report of an error shows the secret, also not one that renders the local variables of every frame."""

from __future__ import annotations

import copy
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import tmon
from tmon.client_api import Client, Dsn, MemoryTransport

SECRET = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f"
GOOD = f"tmon+http://{SECRET}@127.0.0.1:9/7"
BAD = f"tmon+http://{SECRET}@127.0.0.1:99999/7"


def rendered(act: Callable[[], object]) -> str:
    """What a report of the error that `act` raises shows, with locals, causes and contexts."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 (whatever it is, it is to be harmless)
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(report.format()) + repr(error) + repr(vars(error))
    raise AssertionError("nothing was raised")


def holds_secret(text: str) -> bool:
    key = bytes.fromhex(SECRET)
    return any(
        one in text.lower() for one in (SECRET, SECRET[:16], repr(key)[2:-1].lower(), str(list(key))[1:60])
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("TMON_DSN", raising=False)
    monkeypatch.delenv("TMON_DSN_FILE", raising=False)
    return monkeypatch


def test_the_test_would_see_it() -> None:
    def careless() -> None:
        dsn = BAD
        raise ValueError(len(dsn))

    assert holds_secret(rendered(careless))
    assert holds_secret(repr({"key": bytes.fromhex(SECRET)}))


@pytest.mark.parametrize(
    "wrong", [BAD, f"{GOOD}?x", f"http://{SECRET}@h/7", f"tmon+http://{SECRET}0@h/7", GOOD[:-2]]
)
@pytest.mark.parametrize("use", [Client, tmon.init, Dsn.parse], ids=["Client", "init", "parse"])
def test_a_wrong_dsn_is_not_shown(use: Callable[[str], object], wrong: str) -> None:
    holder = [wrong]
    del wrong
    assert not holds_secret(rendered(lambda: use(holder.pop())))


@pytest.mark.parametrize(
    "use", [Client, tmon.init, Dsn.from_environment], ids=["Client", "init", "environment"]
)
def test_a_wrong_dsn_of_the_environment_is_not_shown(
    use: Callable[[], object], environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("TMON_DSN", BAD)
    assert not holds_secret(rendered(use))
    (tmp_path / "dsn").write_text(BAD)
    environment.delenv("TMON_DSN")
    environment.setenv("TMON_DSN_FILE", str(tmp_path / "dsn"))
    assert not holds_secret(rendered(use))
    (tmp_path / "dsn").write_bytes(BAD.encode() + b"\xff")
    assert not holds_secret(rendered(use))


@pytest.mark.parametrize("use", [Client, tmon.init], ids=["Client", "init"])
def test_wrong_settings_do_not_show_the_dsn(use: Callable[..., object]) -> None:
    for settings in (
        {"batch_events": 0},
        {"timeout_s": 0},
        {"source": "x" * 300},
        {"spool_bytes": 1},
        {"spool_age_s": 0},
    ):
        assert not holds_secret(rendered(lambda settings=settings: use(GOOD, **settings)))  # type: ignore[misc]


def test_a_wrong_address_of_a_server_does_not_show_the_key() -> None:
    key = [bytes.fromhex(SECRET)]
    assert not holds_secret(rendered(lambda: Dsn.for_url("ftp://example.org", 7, key.pop())))


def test_what_fails_while_sending_does_not_show_it() -> None:
    client = Client(GOOD)
    shown = rendered(lambda: client.send_batch([{"n": 1}], timeout=0))
    assert "Undelivered" in shown
    assert not holds_secret(shown)
    assert not holds_secret(rendered(lambda: client.send_batch([{"n": object()}])))
    client.close(0)
    assert not holds_secret(rendered(lambda: client.send_batch([{"n": 1}])))


def test_no_object_shows_it_and_no_client_can_be_copied() -> None:
    client = Client(GOOD)
    memory = MemoryTransport()
    for one in (client, client._sender, client._dsn, client.stats(), vars(client), memory, memory.dsn):
        assert not holds_secret(repr(one) + str(one))
    assert memory.dsn.key.hex() not in repr(vars(memory))
    assert not holds_secret(repr(copy.copy(client._dsn)))
    assert not holds_secret(rendered(lambda: copy.deepcopy(client)))
    client.close(0)


def test_no_log_line_of_any_library_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    for name in (None, "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    client = Client(GOOD, batch_age_s=0)
    client.track(n=1, bad=object())
    client.track(n=2)
    assert not client.close(0.2)
    assert len(caplog.records) > 3
    for record in caplog.records:
        assert not holds_secret(record.getMessage() + repr(vars(record)))


def test_neither_the_process_list_nor_a_threads_name_shows_it() -> None:
    code = (
        "import sys, tmon; c = tmon.init(batch_age_s=0); tmon.track(n=1); print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMON_DSN": GOOD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    listed = Path(f"/proc/{process.pid}/cmdline").read_text()
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        listed += (task / "comm").read_text()
    process.kill()
    process.communicate()
    assert "tmon.init" in listed
    assert not holds_secret(listed)


def test_a_thread_that_dies_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def hook(died: threading.ExceptHookArgs) -> None:
        assert died.exc_value is not None
        report = traceback.TracebackException.from_exception(died.exc_value, capture_locals=True)
        shown.append("".join(report.format()))

    def fails(sender: object, seconds: float) -> bool:
        raise MemoryError

    monkeypatch.setattr(threading, "excepthook", hook)
    monkeypatch.setattr("tmon.client_api.courier.Courier._pause", fails)
    monkeypatch.setattr("tmon.client_api.sender.Sender._tell_failed", fails)
    client = Client(GOOD, batch_age_s=0)
    client.track(n=1)
    deadline = time.monotonic() + 30
    while not shown:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not holds_secret("".join(shown))
    client.close(0)
