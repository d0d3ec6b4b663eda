# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lines of logs are understood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

from .events import Events, OnUnparsed
from .formats import Format
from .rules import Rule


class Understanding(NamedTuple):
    """What is the same for all logs of one command."""

    format: Format | None
    """None: told from a file's first lines."""
    zone: tzinfo
    rules: Sequence[Rule]
    on_unparsed: OnUnparsed | None = None

    def events(self, format_: Format) -> Events:
        """What makes events of lines in that format."""
        return Events(format_.parser(self.zone), self.rules, self.on_unparsed)
