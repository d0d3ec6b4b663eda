# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing the client costs a tracked program next to nothing, and never the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tmon
from tmon import client_api


def _modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import tmon", "from tmon import Client", "from tmon import init, track"]
)
def test_importing_loads_neither_the_cipher_nor_the_http_library(statement: str) -> None:
    assert _modules_after(statement).isdisjoint({"httpx", "httpcore", "cryptography", "ssl", "asyncio"})


def test_importing_takes_less_than_a_tenth_of_a_second_of_the_processor() -> None:
    """The best of five, counted in the processor's time: what else the machine does is not the client's."""
    code = """
import time
begun = time.process_time()
import tmon
tmon.init, tmon.track, tmon.flush, tmon.Client
print(time.process_time() - begun)
"""
    took = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(5)
    ]
    assert min(took) < 0.1


def test_a_client_loads_nothing_of_the_server() -> None:
    loaded = _modules_after(
        f"import tmon, httpx; c = tmon.Client('tmon+http://{'0' * 64}@127.0.0.1:9/7'); c.track(url='/'); c.close(0)"
    )
    assert "tmon.client_api.sender" in loaded
    assert loaded.isdisjoint({"tornado", "django", "msgspec", "structlog", "tmon.server", "tmon.settings"})


@pytest.mark.parametrize("name", tmon.__all__)
def test_every_public_name_of_tmon_exists(name: str) -> None:
    assert getattr(tmon, name) is getattr(client_api, name)


@pytest.mark.parametrize("name", client_api.__all__)
def test_every_public_name_of_the_client_exists(name: str) -> None:
    assert getattr(client_api, name).__name__ == name


@pytest.mark.parametrize("module", [tmon, client_api])
def test_a_name_that_does_not_exist_is_an_attribute_error(module: object) -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        module.nonsense  # type: ignore[attr-defined]  # noqa: B018 (asking is the test)


def test_whatever_sending_needs_is_loaded_before_a_thread_sends(tmp_path: Path) -> None:
    """A child that is forked while a thread of its parent loads a module could never load that module."""
    code = """
import sys, threading, tmon
client = tmon.Client("tmon+http://" + "0" * 64 + "@localhost:9/7", batch_age_s=0, spool=sys.argv[1])
before = set(sys.modules)
client.track(url="/")
client.close(0.5)
print(*set(sys.modules) - before)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert run.stdout == "\n"
