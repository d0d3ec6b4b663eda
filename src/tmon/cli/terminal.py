# SPDX-License-Identifier: GPL-3.0-or-later
"""What a long command says while it works: lines on stderr, and on a terminal one that is written over and over.

Work never ends because nobody reads: a stderr that is closed, full or broken is left alone.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from typing import Final

REFRESH_S: Final = 0.1


class Terminal:
    """The stderr of this process; progress is shown only where it is a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr is not None and sys.stderr.isatty()
        self._shown_at = 0.0

    def progress(self, text: str, *, at_once: bool = False) -> None:
        """Show how far it is, ten times a second at most unless it has to be seen `at_once`."""
        now = time.monotonic()
        if at_once or now - self._shown_at >= REFRESH_S:
            self._shown_at = now
            self._write_over(text)

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._write(f"{text}\n")

    def clear(self) -> None:
        """Take the progress away."""
        self._write_over("")

    def _write_over(self, text: str) -> None:
        if self._on:
            width = shutil.get_terminal_size().columns
            self._write(f"\r\x1b[K{text[: width - 2]}")

    def _write(self, text: str) -> None:
        if sys.stderr is not None:
            with contextlib.suppress(OSError):
                sys.stderr.write(text)
                sys.stderr.flush()
