# SPDX-License-Identifier: GPL-3.0-or-later
"""The streams (CONTRACT section 1) that a file's lines belong to, told from its content alone.

The server counts a line of a stream once, by its offset, for good. So that a line has the same stream after its file
was renamed, copied or compressed, and after it has grown, a stream is the fingerprint of what a file begins with. One
fingerprint of a fixed beginning would not do: a short one is shared by files that begin alike (the same directives, the
same health check in the same second), and with a long one the lines of a file that is still short could not be sent.

So a file is cut into segments that begin with its lines 1, 2, 3, 5, 9 and 17, the last of which has no end. The stream
of a segment is the fingerprint of everything up to the end of its first line. None waits for what comes later, and two
files can only share the lines of their common beginning.
"""

from __future__ import annotations

import hashlib
from typing import Final

FIRST_LINES: Final = frozenset({1, 2, 3, 5, 9, 17})
"""Numbers of the lines that begin a segment."""
LAST: Final = max(FIRST_LINES)
PREFIX: Final = "log:"
CHARACTERS: Final = 32
"""Of the SHA-256 in hexadecimal: 128 bits."""


class Segments:
    """Is given the lines of one file, in order from its first."""

    def __init__(self) -> None:
        self._beginning = hashlib.sha256()
        self._lines = 0
        self._stream = ""

    @property
    def complete(self) -> bool:
        """Whether all that follows belongs to one stream."""
        return self._lines == LAST

    def stream_of(self, line: bytes) -> str:
        """The stream of the next line, which is given without its line feed."""
        if self._lines == LAST:
            return self._stream
        self._lines += 1
        self._beginning.update(line + b"\n")
        if self._lines in FIRST_LINES:
            self._stream = PREFIX + self._beginning.hexdigest()[:CHARACTERS]
        return self._stream
