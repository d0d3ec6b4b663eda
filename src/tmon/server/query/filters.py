# SPDX-License-Identifier: GPL-3.0-or-later
r"""Reading filters: `country:DE` asks for events with that key, `!country:DE` for all others, `*` is any text.

A backslash before `*`, `!` or a backslash has the sign stand for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tmon.server.catalogue import VISIT, View
from tmon.server.events import SESSION
from tmon.server.store.base import Filter

from .errors import BadQuestion, QuestionError, shown

MOST_FILTERS = 16
MOST_STARS = 8
"""Matching a pattern takes longer with each star; these are plenty."""
SIGNS = re.compile(r"\\[*!\\]|\*+")
LONGEST = 1024
"""Characters; no key is longer."""


def parse_filters(
    texts: Sequence[str], views: Mapping[str, View], unknown: type[QuestionError] = BadQuestion
) -> tuple[Filter, ...]:
    """The filters that the texts describe, all of which must hold. Raises BadQuestion, `unknown` where a view is."""
    if len(texts) > MOST_FILTERS:
        raise BadQuestion(f"these are {len(texts)} filters; at most {MOST_FILTERS}")
    return tuple(dict.fromkeys(parse_filter(text, views, unknown) for text in texts))


def parse_filter(text: str, views: Mapping[str, View], unknown: type[QuestionError] = BadQuestion) -> Filter:
    """The filter that `[!]view:[!]pattern` describes. Raises BadQuestion, and `unknown` where there is no such view.

    An empty pattern stands for the key "": events whose value is unknown.
    """
    name, colon, pattern = text.removeprefix("!").partition(":")
    if not colon:
        raise BadQuestion(f"filter {shown(text)} is not of the form view:value, such as country:DE")
    view = views.get(name)
    if view is None:
        raise unknown(
            f"filter {shown(text)}: there is no view {shown(name)}; there are {', '.join(_filterable(views))}"
        )
    if view.kind == VISIT:
        raise BadQuestion(
            f"filter {shown(text)}: {name} is a view of visits; filter by url, and visits with such a page count"
        )
    negated = text.startswith("!") != pattern.startswith("!")
    found = Filter(view, SIGNS.sub(_meant, pattern.removeprefix("!")), negated)
    stars = len(found.literals) - 1
    length = stars + sum(map(len, found.literals))
    if length > LONGEST:
        raise BadQuestion(f"a filter on {name} is {length} characters long; at most {LONGEST}")
    if stars > MOST_STARS:
        raise BadQuestion(f"a filter on {name} has more than {MOST_STARS} stars")
    return found


def check_kinds(view: View | None, filters: Sequence[Filter]) -> None:
    """Raises BadQuestion where a question about `view` (None: the totals) can't be filtered so.

    Sessions are filtered by views of sessions, everything else by views of requests.
    """
    of_sessions = view is not None and view.kind == SESSION
    for one in filters:
        if (one.view.kind == SESSION) != of_sessions:
            what = "sessions" if of_sessions else "requests and visits"
            raise BadQuestion(
                f"{what} can't be filtered by {one.view.name}, which is a view of {one.view.kind}s"
            )


def _filterable(views: Mapping[str, View]) -> list[str]:
    return [name for name, view in views.items() if view.kind != VISIT]


def _meant(sign: re.Match[str]) -> str:
    """Several stars are as good as one, and in the middle of a pattern an exclamation mark is one anyway."""
    if sign[0].startswith("*"):
        return "*"
    return "!" if sign[0] == "\\!" else sign[0]
