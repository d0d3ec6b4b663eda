# SPDX-License-Identifier: GPL-3.0-or-later
"""One owner per data directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tmon.server.writer import Locked, WriterLock

HOLD = """
import sys
from pathlib import Path
from tmon.server.writer import WriterLock
WriterLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_told_who_the_owner_is(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(Locked, match=rf"belongs to a running T-Mon \(process {owner.pid}\)"):
            WriterLock(tmp_path).acquire()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        with WriterLock(tmp_path):
            pass


def test_a_second_lock_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with WriterLock(tmp_path), pytest.raises(Locked, match=f"process {os.getpid()}"):
        WriterLock(tmp_path).acquire()


def test_what_was_let_go_can_be_taken_again(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path)
    for _ in range(2):
        lock.acquire()
        lock.release()
    lock.release()
    assert lock.path.read_bytes() == b""
    assert lock.path.stat().st_mode & 0o777 == 0o600
