# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of `tmon conformance`, all at once: most of a run is waiting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

TMON: Final = (sys.executable, "-m", "tmon.cli")
LONGEST_S: Final = 200


class Judged(NamedTuple):
    """A run that is over: its exit status, its findings by check, and what it said on stderr."""

    status: int
    findings: dict[str, dict[str, Any]]
    said: str

    def with_verdict(self, verdict: str) -> dict[str, str]:
        """The checks with that verdict, and what was seen."""
        return {check: one["seen"] for check, one in self.findings.items() if one["verdict"] == verdict}


class KitRuns:
    """Runs by name."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._done: dict[str, Judged] = {}

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        patience_s: int = 30,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the kit on a client."""
        self._running[name] = subprocess.Popen(
            [*TMON, "conformance", "--json", "--patience", str(patience_s), "--", *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def judged(self, name: str) -> Judged:
        """Wait for the end of a run, and return what it found."""
        if name not in self._done:
            out, err = self._running[name].communicate(timeout=LONGEST_S)
            assert out, err
            findings = {one["check"]: one for one in json.loads(out)}
            self._done[name] = Judged(self._running[name].returncode, findings, err)
        return self._done[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.terminate()  # and not kill: it ends its client
            process.communicate()
