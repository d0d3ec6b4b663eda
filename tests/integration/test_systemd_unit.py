# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the logs agent, by systemd's own judgement, and its example configuration."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
from tests.system_packages import program

from tmon.cli import parser
from tmon.client_api import Dsn

SYSTEMD: Final = Path(__file__).resolve().parents[2] / "systemd"
UNIT: Final = (SYSTEMD / "tmon-agent-logs.service").read_text("utf-8")
EXAMPLE: Final = dict(
    one.split("=", 1)
    for one in (SYSTEMD / "agent-logs.env").read_text("utf-8").splitlines()
    if "=" in one and one[0] != "#"
)
MOST_EXPOSED: Final = 2.0
"""Of 10, as `systemd-analyze security` has it."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit on this machine: with a program and an environment that are there."""
    (tmp_path / "agent-logs.env").write_text("")
    content = UNIT.replace("/usr/local/bin/tmon", "/bin/true").replace("/etc/tmon", str(tmp_path))
    path = tmp_path / "tmon-agent-logs.service"
    path.write_text(content)
    return path


def test_systemd_finds_nothing_wrong_with_it(unit: Path) -> None:
    command = [program("systemd-analyze", "systemd"), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_may_do_little(unit: Path) -> None:
    command = [program("systemd-analyze", "systemd"), "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSED


def test_its_command_is_one_that_there_is() -> None:
    command = re.search(r"^ExecStart=\S+/tmon (.+)$", UNIT, re.MULTILINE)
    assert command is not None
    words = command[1].replace("$TMON_AGENT_LOGS", EXAMPLE["TMON_AGENT_LOGS"])
    arguments = parser().parse_args(shlex.split(words))
    assert arguments.files == ["/var/log/nginx/*access.log"]
    assert set(EXAMPLE) == {"TMON_DSN", "TMON_AGENT_LOGS"}
    Dsn.parse(EXAMPLE["TMON_DSN"].replace("SECRET", "0" * 64))
