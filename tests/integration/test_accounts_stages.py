# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stages change, each in a process of its own, and what a proxy in front is believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = "a server secret that is long enough for this"
PROGRAM = """
import json, sys
from tmon.settings import prepare
settings = prepare()
from django.conf import settings as django
from django.test import Client
import structlog
client = Client()
response = client.get("/login", headers=json.loads(sys.argv[1]), REMOTE_ADDR=sys.argv[2])
structlog.get_logger("tmon.test").warning("connecting", url="postgresql://tmon:hunter2@db/tmon")
print(json.dumps({
    "status": response.status_code,
    "headers": dict(response.headers),
    "cookies": {name: dict(cookie) for name, cookie in response.cookies.items()},
    "debug": django.DEBUG,
    "says more": settings.debug,
}))
"""


def ask(data: Path, headers: dict[str, str], peer: str = "10.0.0.1", **environ: str) -> tuple[Any, str]:
    """One GET of /login in a fresh process: what it answered, and its log."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(headers), peer],
        env={**os.environ, "TMON_DATA": str(data), "TMON_SECRET_KEY": SECRET, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout), ran.stderr


PUBLIC = {
    "TMON_STAGE": "production",
    "TMON_PUBLIC_URL": "https://tmon.example",
    "TMON_TRUSTED_PROXIES": "10.0.0.0/8",
}
BY_HTTPS = {"Host": "tmon.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}


def test_production_behind_https_binds_browsers_to_it(tmp_path: Path) -> None:
    answer, log = ask(tmp_path, BY_HTTPS, **PUBLIC)
    assert answer["status"] == 200
    assert answer["headers"]["Strict-Transport-Security"] == "max-age=31536000"
    assert answer["cookies"]["csrftoken"]["secure"]
    assert not answer["says more"]
    assert json.loads(log.splitlines()[-1])["url"] == "postgresql://tmon:[secret]@db/tmon"


def test_staging_does_not(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, BY_HTTPS, **{**PUBLIC, "TMON_STAGE": "staging"})
    assert "Strict-Transport-Security" not in answer["headers"]
    assert answer["cookies"]["csrftoken"]["secure"]


def test_a_stranger_can_not_say_that_he_came_by_https(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, BY_HTTPS, peer="203.0.113.9", **PUBLIC)
    assert "Strict-Transport-Security" not in answer["headers"]


@pytest.mark.parametrize("stage", ["testing", "staging", "production"])
def test_djangos_debug_pages_are_on_in_no_stage(tmp_path: Path, stage: str) -> None:
    answer, log = ask(tmp_path, {"Host": "127.0.0.1"}, TMON_STAGE=stage)
    assert not answer["debug"]
    assert answer["says more"] == (stage == "testing")
    assert "hunter2" not in log
    assert "connecting" in log


def test_only_the_public_host_name_is_answered(tmp_path: Path) -> None:
    assert ask(tmp_path, {"Host": "tmon.example"}, **PUBLIC)[0]["status"] == 200
    assert ask(tmp_path, {"Host": "tmon.example:8443"}, **PUBLIC)[0]["status"] == 200
    assert ask(tmp_path, {"Host": "other.example"}, **PUBLIC)[0]["status"] == 400
