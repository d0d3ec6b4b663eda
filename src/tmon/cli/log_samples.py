# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps lines of logs that are not understood, for whoever wants to know why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .errors import Failure

if TYPE_CHECKING:
    from tmon.agents.logs.lines import Line

HEADER: Final = b"# lines of logs that tmon did not understand\n"
MAX_SAMPLES: Final = 1_000
"""Of one process."""
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_BYTES: Final = 4_096
"""Of one line."""
MAX_EXAMPLES: Final = 5
EXAMPLE_BYTES: Final = 150


class Samples:
    """Appends to the file at `path`, which only its owner may read; without one nothing is kept.

    Raises Failure where there is a file that holds something else, or that can't be written.
    """

    def __init__(self, path: str | None) -> None:
        self.examples: dict[str, str] = {}
        """The first line of each reason, told; whoever shows them may clear them."""
        self._left = MAX_SAMPLES
        self._fd = -1
        if path is None:
            return
        try:
            self._fd = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            holds = os.pread(self._fd, len(HEADER), 0)
            if not holds:
                os.write(self._fd, HEADER)
            elif holds != HEADER:
                raise Failure(f"{path} holds something else than samples")
        except OSError as error:
            raise Failure(f"{path} can't be written: {error.strerror}") from None

    def add(self, line: Line, reason: str) -> None:
        """Keep a line, as long as there is room."""
        if len(self.examples) < MAX_EXAMPLES:
            shown = line.content[:EXAMPLE_BYTES].decode("utf-8", "backslashreplace")
            self.examples.setdefault(reason, f"at byte {line.offset:,}, {reason}: {shown!a}")
        if self._fd < 0 or self._left <= 0 or os.fstat(self._fd).st_size >= MAX_FILE_BYTES:
            return
        self._left -= 1
        shown = line.content[:MAX_BYTES].decode("utf-8", "backslashreplace")
        os.write(self._fd, f"at byte {line.offset:,}, {reason}: {shown!a}\n".encode())

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
