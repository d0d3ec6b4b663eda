# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the load generator as a process of its own, and waits for its report."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from .generator import GRACE_S, HOST
from .report import Report


def start(
    port: int,
    file: Path,
    *,
    connections: int,
    seconds: float,
    rate: float = 0,
    skip: int = 0,
    most: int = sys.maxsize,
    grace_s: float = GRACE_S,
    host: str = HOST,
) -> Process:
    """Start the load generator on the requests in `file`; `generator.run` says what the other parameters are."""
    numbers = (port, connections, seconds, rate, skip, most, grace_s)
    arguments = [str(file), host, *map(str, numbers)]
    out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process; a pipe would be full before its end
    command = [sys.executable, "-m", "tmon.load", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out)  # noqa: S603  # all ours
    return Process(process, out)


class Process:
    """A load that is under way."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes]) -> None:
        self._process = process
        self._out = out

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it at once, without a report."""
        with self._out:
            self._process.terminate()
            self._process.wait()

    def report(self) -> Report:
        """Wait for its end. Raises RuntimeError if it could not do its work."""
        with self._out as out:
            if status := self._process.wait():
                raise RuntimeError(f"the load generator ended with status {status}")
            out.seek(0)
            return Report.from_json(out.read())
