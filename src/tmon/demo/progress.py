# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers up to which hour each site's traffic was stored.

Only a hint that saves time: what it forgets is sent again, and counts once, because the server knows the offsets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def load(file: Path | None) -> dict[str, int]:
    """The hours (counted from 1970) by site; empty where there is no file, or none that can be read."""
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: hour for name, hour in content.items() if isinstance(hour, int)}


def save(file: Path | None, hours: Mapping[str, int]) -> None:
    """Write them, at once or not at all. Raises OSError."""
    if file is not None:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(hours), "utf-8")
        fresh.replace(file)
