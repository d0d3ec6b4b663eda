# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule that takes parameters out of queries, by name: what is secret, or makes one page many.

It goes over the url and the referrer, which is often a page of the same site. `*` in a name stands for anything. The
campaign's parameters, `utm_*`, are kept unless they are named, since the server counts them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import Final
from urllib.parse import unquote_plus

from .rules import Event, Rule

CAMPAIGN: Final = "utm_*"

_Judge = Callable[[str], bool]


def queries_without(names: Iterable[str] = ("*",)) -> Rule:
    """A rule that drops these parameters; without names, all but the campaign's."""
    given = tuple(names)
    dropped = _pattern(given)
    kept = None if CAMPAIGN in given else _pattern([CAMPAIGN])
    return _rule(lambda name: dropped.match(name) is not None and (kept is None or not kept.match(name)))


def queries_with(names: Iterable[str]) -> Rule:
    """A rule that keeps these parameters and the campaign's, and drops all others."""
    kept = _pattern([*names, CAMPAIGN])
    return _rule(lambda name: kept.match(name) is None)


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("(?i)" + "|".join(translate(name) for name in names))


def _rule(is_dropped: _Judge) -> Rule:
    def rule(event: Event) -> Event:
        for field in ("url", "referrer"):
            url = event.get(field)
            if isinstance(url, str) and "?" in url:
                event[field] = _without(url, is_dropped)
        return event

    return rule


def _without(url: str, is_dropped: _Judge) -> str:
    path, _, rest = url.partition("?")
    query, mark, fragment = rest.partition("#")
    kept = [
        part
        for part in re.split("[&;]", query)
        if part and not is_dropped(unquote_plus(part.partition("=")[0]))
    ]
    return path + ("?" + "&".join(kept) if kept else "") + mark + fragment
