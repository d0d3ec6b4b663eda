# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a line is no event: a few words that are counted, each documented in docs/log-formats.md."""

from __future__ import annotations

from typing import Final

EMPTY: Final = "empty"
TOO_LONG: Final = "too long"
BINARY: Final = "binary"
TLS: Final = "TLS handshake"
OTHER: Final = "other format"
BAD_TIME: Final = "bad time"
NO_REQUEST: Final = "no request"
NOT_HTTP: Final = "not HTTP"

REASONS: Final = (EMPTY, TOO_LONG, BINARY, TLS, OTHER, BAD_TIME, NO_REQUEST, NOT_HTTP)
"""All there are, so a count by reason stays small whatever the lines are."""


class Unparsed(ValueError):
    """A line that is no event. `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
