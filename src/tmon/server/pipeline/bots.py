# SPDX-License-Identifier: GPL-3.0-or-later
"""Says whether a user agent is a bot, by the patterns of is-bot.

Found, of 1,341 bots of device-detector's fixtures and 2,116 of the crawler-user-agents list: is-bot 1,332 and 2,107,
crawler-user-agents 780 and 2,116, ua-parser's own "Spider" 694 and 1,318. Taken for bots, of 1,661 desktops, phones,
tablets and consoles: is-bot 21 (downloaders and feed readers among them), crawler-user-agents 2, ua-parser 1.

is-bot alone takes 350 µs for an ordinary browser and up to 4 ms for a hostile text of 1,024 characters. All of its
patterns but those that look around are regular, and go to the Rust engine that user agents are parsed with: 3 µs, and
in linear time. The rest stays with is-bot: 45 µs, at most 0.6 ms. The answers are the same.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from is_bot import Bots  # type: ignore[import-untyped]  # carries no types
from ua_parser_rs import DeviceExtractor


@cache
def _detectors() -> tuple[DeviceExtractor, Bots]:
    regular, others = [], []
    for pattern in sorted(Bots().patterns):
        try:
            DeviceExtractor([_rule(pattern)])
        except ValueError:
            others.append(pattern)
        else:
            regular.append(pattern)
    return DeviceExtractor(map(_rule, regular)), Bots(others)


def _rule(pattern: str) -> tuple[str, Literal["i"], str, None, None]:
    """A pattern as one of ua-parser's: case does not matter; the name is what a match is called."""
    return (pattern, "i", "bot", None, None)


def is_bot(useragent: str) -> bool:
    """Whether the user agent says, or looks like, that no person is behind it."""
    regular, others = _detectors()
    return regular.extract(useragent) is not None or others.is_bot(useragent)
