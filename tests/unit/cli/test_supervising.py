# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisor keeps nothing of a process that could not be started: it tries again for as long as it lives."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tmon.cli.supervising import Supervisor


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_process_that_cannot_be_started_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempts() -> list[int]:
        supervisor = Supervisor(tmp_path, [], core=True)
        found = []
        for _ in range(3):
            with pytest.raises(OSError, match="No such file"):
                await supervisor.start()
            found.append(open_files())
        await supervisor.stop()
        return found

    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    first, *later = asyncio.run(attempts())
    assert later == [first, first]
