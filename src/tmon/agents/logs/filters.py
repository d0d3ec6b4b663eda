# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that leave requests out by their path, status, host, or for coming from a bot.

Patterns of paths and hosts are compared with the whole; `*` stands for anything, `?` for one character. The status is
three digits (404), a class (4xx) or a range (400-403).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Final

from .rules import BOT, HOST, PATH, STATUS, BadRule, Event, Rule, Skip

_STATUS: Final = re.compile(r"([1-9])xx|([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?")

_BOTS: Final = re.compile(
    r"(?<!cu)bot(?:\b|[_-])|crawl|spider|slurp|scan|monitor|uptime|http-?client|headless|feed|fetch|archiv|preview|"
    r"^(?:curl|wget|python|go-http|java|okhttp|libwww|php|ruby|perl|axios|node|masscan|nikto|zgrab|kube-probe)",
    re.IGNORECASE,
)


def paths(only: Iterable[str] = (), without: Iterable[str] = ()) -> Rule:
    """A rule that keeps requests whose path is like one of `only`, if there are any, and like none of `without`."""
    return _compared("url", PATH, _pattern(only, ""), _pattern(without, ""))


def hosts(only: Iterable[str] = (), without: Iterable[str] = ()) -> Rule:
    """The same by the host, whatever its case. Requests without one are kept only if `only` is empty."""
    return _compared("host", HOST, _pattern(only, "(?i)"), _pattern(without, "(?i)"))


def statuses(only: Iterable[str] = (), without: Iterable[str] = ()) -> Rule:
    """The same by the status. Raises BadRule."""
    kept, left = _states(only), _states(without)

    def rule(event: Event) -> Event:
        status = event.get("status")
        if status in left or (kept and status not in kept):
            raise Skip(STATUS)
        return event

    return rule


def without_bots() -> Rule:
    """A rule that leaves out what calls itself a bot, or a program instead of a browser.

    This is a cheap look at the user agent. The server recognises bots by long lists and counts them apart, so it only
    needs this where they should not be sent at all.
    """

    def rule(event: Event) -> Event:
        useragent = event["useragent"]
        if isinstance(useragent, str) and _BOTS.search(useragent[:512]):
            raise Skip(BOT)
        return event

    return rule


def _compared(field: str, reason: str, kept: re.Pattern[str] | None, left: re.Pattern[str] | None) -> Rule:
    def rule(event: Event) -> Event:
        text = str(event.get(field, "")).partition("?")[0]
        if (left is not None and left.match(text)) or (kept is not None and not kept.match(text)):
            raise Skip(reason)
        return event

    return rule


def _pattern(patterns: Iterable[str], flags: str) -> re.Pattern[str] | None:
    given = [translate(pattern) for pattern in patterns]
    return re.compile(flags + "|".join(given)) if given else None


def _states(texts: Iterable[str]) -> frozenset[int]:
    states: set[int] = set()
    for text in texts:
        match = _STATUS.fullmatch(text.strip().lower())
        if match is None:
            raise BadRule(f"status: {text!r} is none; write 404, 4xx or 400-403")
        hundred, first, last = match.groups()
        start = int(hundred) * 100 if hundred else int(first)
        end = start + 99 if hundred else int(last or first)
        if end < start:
            raise BadRule(f"status: {text!r} ends before it begins")
        states.update(range(start, end + 1))
    return frozenset(states)
