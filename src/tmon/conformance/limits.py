# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server takes at most. Tests hold these numbers against the collector's own and docs/sending.md."""

from __future__ import annotations

from typing import Final

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_PLAINTEXT_BYTES: Final = 16 * 1024 * 1024
MAX_EVENTS: Final = 10_000
MAX_NAME: Final = 200
"""Characters of a source, a run or a stream."""
MAX_REASONS: Final = 32
MAX_REASON: Final = 64
MAX_EXTRAS: Final = 32
