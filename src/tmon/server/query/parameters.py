# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the parameters of a question; one that is unknown is refused, so that a typo gives no wrong figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from tmon.server.store.base import Sort

from .errors import BadQuestion, shown

PERIOD = frozenset({"from", "to", "filter"})
"""Parameters of everything that is about a period."""
COUNTED = PERIOD | {"compare"}
"""Parameters of what gives figures of a period, which can be compared with those of another."""
RANKED = COUNTED | {"limit", "offset", "search", "sort"}
"""Parameters of rankings."""
SORTS: tuple[Sort, ...] = tuple(name for name in get_args(Sort) if name != "duration_us")
VISIT_SORTS: Mapping[str, Sort] = {
    "visits": "requests",
    "bounces": "errors",
    "pages": "bytes",
    "visit_s": "duration_ms",
    "key": "key",
}
"""What a ranking of visits can be sorted by, and what the store calls it."""
SESSION_SORTS: Mapping[str, Sort] = {
    "sessions": "requests",
    "seconds": "duration_us",
    "session_s": "duration_ms",
    "requests": "bytes",
    "key": "key",
}
"""The same of a ranking of sessions."""
MOST_SOUGHT = 1024
"""Characters; no key is longer."""
SERIES = COUNTED | {"with", "measures"}
SUMMED = COUNTED | {"with"}
OF_VISITS = ("visits", "bounces")
MEASURES = ("requests", "visitors", "bots", "errors", "duration_ms", "bytes", *OF_VISITS)
FORMATS = ("json", "csv")
MANY = frozenset({"filter"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one question, as texts but for the numbers."""

    since: str | None = None
    """`from`"""
    until: str | None = None
    """`to`"""
    limit: int | None = None
    after: int | None = None
    filters: tuple[str, ...] = ()
    compare: bool = False
    """With the period before."""
    offset: int | None = None
    search: str | None = None
    sort: Sort | None = None
    before: tuple[int, int] | None = None
    """The beginning (Unix milliseconds) and number of the session after which rows follow."""
    beside: bool = False
    """`with=percentiles` of a series, `with=visits` of a summary."""
    measures: frozenset[str] | None = None
    """Those to give; None for all."""


def read(
    given: Mapping[str, Sequence[str]],
    accepted: frozenset[str],
    sorts: Mapping[str, Sort] | None = None,
    beside: str = "percentiles",
) -> Parameters:
    """The parameters that `given` holds by name. Raises BadQuestion where one is not `accepted` or given twice.

    `sorts` are the values of `sort`, with what the store calls them; SORTS unless it is given. `beside` is what `with`
    can ask for.
    """
    if sorts is None:
        sorts = {name: name for name in SORTS}
    for name, values in given.items():
        if name not in accepted and name != "format":
            known = ", ".join(sorted(accepted | {"format"}))
            raise BadQuestion(f"there is no parameter {shown(name)} here; there are {known}")
        if len(values) > 1 and name not in MANY:
            raise BadQuestion(f"{name} is given {len(values)} times; give it once")
    one = {name: values[-1] for name, values in given.items() if values}
    if one.get("format", "json") not in FORMATS:
        raise BadQuestion(f"there is no format {shown(one['format'])}; there are {', '.join(FORMATS)}")
    if one.get("compare", "previous") != "previous":
        raise BadQuestion(f"compare is previous, not {shown(one['compare'])}")
    sort = one.get("sort")
    if sort is not None and sort not in sorts:
        raise BadQuestion(f"sort is one of {', '.join(sorts)}, not {shown(sort)}")
    if len(one.get("search", "")) > MOST_SOUGHT:
        raise BadQuestion(f"search is at most {MOST_SOUGHT} characters long")
    if one.get("with", beside) != beside:
        raise BadQuestion(f"with is {beside}, not {shown(one['with'])}")
    measures = frozenset(one["measures"].split(",")) if "measures" in one else None
    if measures is not None and (wrong := sorted(measures.difference(MEASURES))):
        raise BadQuestion(
            f"measures are {', '.join(MEASURES)}, with commas between them, not {shown(wrong[0])}"
        )
    return Parameters(
        since=one.get("from"),
        until=one.get("to"),
        limit=number("limit", one["limit"], 1) if "limit" in one else None,
        after=number("after", one["after"], 0, 2**63 - 1) if "after" in one else None,
        filters=tuple(given.get("filter", ())),
        compare="compare" in one,
        before=_before(one["before"]) if "before" in one else None,
        offset=number("offset", one["offset"], 0) if "offset" in one else None,
        search=one.get("search"),
        sort=None if sort is None else sorts[sort],
        beside="with" in one,
        measures=measures,
    )


def number(name: str, text: str, least: int, most: int = 999_999_999) -> int:
    """The whole number that `text` is. Raises BadQuestion where it is none from `least` to `most`."""
    if re.fullmatch(r"[0-9]{1,19}", text) and least <= int(text) <= most:
        return int(text)
    raise BadQuestion(f"{name} is a whole number from {least} to {most}, not {shown(text)}")


def _before(text: str) -> tuple[int, int]:
    """Where a page of sessions ended, as `next` has said. Raises BadQuestion."""
    found = re.fullmatch(r"([0-9]{1,15})-([0-9]{1,18})", text)
    if found is None:
        raise BadQuestion(f"before is what an earlier answer has as next, not {shown(text)}")
    return int(found[1]), int(found[2])


def limited(limit: int | None, default: int, most: int) -> int:
    """The limit to use. Raises BadQuestion where more than `most` is asked for."""
    if limit is None:
        return default
    if limit > most:
        raise BadQuestion(f"limit is at most {most} here, not {limit}")
    return limit
