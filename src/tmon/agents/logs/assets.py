# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule for static assets: what a page brings along, told by the end of its path. They are skipped, or marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .rules import ASSET, Event, Rule, Skip

ENDINGS: Final = (
    *("css", "js", "mjs", "map", "webmanifest"),
    *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tif", "tiff", "cur", "apng"),
    *("woff", "woff2", "ttf", "otf", "eot"),
)
"""Style, scripts, pictures and fonts. Documents, sound and video are what people come for."""

MARK: Final = "static"
"""The field, true, of a marked event."""


def assets(*, skipped: bool, endings: Iterable[str] = ENDINGS) -> Rule:
    """A rule that raises Skip for them if they are `skipped`, and marks them otherwise."""
    known = frozenset(ending.lower().lstrip(".") for ending in endings)

    def rule(event: Event) -> Event:
        path = str(event["url"]).partition("?")[0]
        if path[path.rfind(".") + 1 :].lower() in known and "." in path:
            if skipped:
                raise Skip(ASSET)
            event[MARK] = True
        return event

    return rule
