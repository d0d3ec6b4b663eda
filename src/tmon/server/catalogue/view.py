# SPDX-License-Identifier: GPL-3.0-or-later
"""A view: what one file of views/ says (CONTRACT section 8)."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..events import REQUEST, SESSION, Event, field_value, key_text

NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
RESERVED = frozenset({"locations"})
"""Names that the reading API uses for itself below /data/users/."""

GROUPED_BY = {"url": "path"}
"""The view field `url` groups by the url without its query."""

VISIT = "visit"
"""The kind of views that count visits, which the store makes of requests; no event is of it."""
VISIT_FIELDS = ("entry", "exit", "length_s", "pages")
"""What a view of visits can group by."""
SESSION_FIELDS = ("object", "subject", "source", "length_s")
"""What a view of sessions can group by."""

MAX_CLASSES = 1000
KEYS = {"title", "field", "kind", "visitors", "panel", "order", "public", "version", "classes"}


class ViewError(ValueError):
    """A view's file is wrong; the message says which file, which key and what would be right."""


@dataclass(frozen=True)
class Classes:
    """Classes of a number: `bounds` are their lower bounds, growing by `ratio` from `start` to `end`.

    A number under the first bound falls into the class "0".
    """

    start: float
    end: float
    ratio: float

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """The lower bounds, smallest first, rounded to six significant digits as their keys show them."""
        bounds = [self.start]
        while bounds[-1] * self.ratio <= self.end * (1 + 1e-9):
            bounds.append(bounds[-1] * self.ratio)
        return tuple(float(f"{bound:.6g}") for bound in bounds)


@dataclass(frozen=True, slots=True)
class View:
    """A view of the log: counts of requests, sessions or visits (its `kind`), grouped by the text of one `field`.

    `visitors` is "first" where the key follows from IP and user agent, "distinct" where visitors are told apart per
    key, "none" where they are not counted. `panel` ("bars", "pie", "none") and `order` say how it is drawn; `public`
    whether share links may ask; a raised `version` refills it.
    """

    name: str
    title: str
    field: str
    kind: str = REQUEST
    visitors: str = "distinct"
    panel: str = "bars"
    order: int = 100
    public: bool = False
    version: int = 1
    classes: Classes | None = None

    @property
    def grouped_by(self) -> str:
        """The event field whose text is the key."""
        return GROUPED_BY.get(self.field, self.field)

    @property
    def has_names(self) -> bool:
        """Whether user names are among its keys."""
        return self.field == "subject" if self.kind == SESSION else self.grouped_by == "username"

    def key(self, event: Event, source: str) -> str:
        """The key under which this view counts the event; "" where the field is absent."""
        return self.text(field_value(event, self.grouped_by, source))

    def text(self, value: str | float | bool | None) -> str:
        """The key under which this view counts a value of its field."""
        if self.classes is None:
            return key_text(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ""
        bounds = self.classes.bounds
        at = bisect_right(bounds, value)
        return key_text(bounds[at - 1]) if at else "0"


def parse_view(name: str, text: str) -> View:
    """The view that the TOML `text` of the file `name`.toml describes. Raises ViewError."""

    def wrong(what: str) -> ViewError:
        return ViewError(f"views/{name}.toml: {what}")

    if not NAME.match(name):
        raise wrong("a view's file is named [a-z][a-z0-9_]{0,30}.toml")
    if name in RESERVED:
        raise wrong("this name is taken by the reading API; choose another")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise wrong(f"not TOML: {error}") from None
    if unknown := sorted(set(table) - KEYS):
        raise wrong(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(KEYS))}")
    for key in ("title", "field"):
        if not isinstance(table.get(key), str) or not table[key]:
            raise wrong(f"{key} is required, a text")
    if not FIELD.match(table["field"]):
        raise wrong("field is a name of letters, digits and _ . -, at most 64 of them")
    for key, choices in (
        ("kind", (REQUEST, SESSION, VISIT)),
        ("visitors", ("first", "distinct", "none")),
        ("panel", ("bars", "pie", "none")),
    ):
        if key in table and table[key] not in choices:
            raise wrong(f"{key} is one of {', '.join(choices)}")
    if table.get("kind") == SESSION and table["field"] not in SESSION_FIELDS:
        raise wrong(f"a view of sessions has for its field one of {', '.join(SESSION_FIELDS)}")
    if table.get("kind") == VISIT:
        if table["field"] not in VISIT_FIELDS:
            raise wrong(f"a view of visits has for its field one of {', '.join(VISIT_FIELDS)}")
        if table.get("visitors") != "none":
            raise wrong('a view of visits says visitors = "none": it counts no visitors')
    for key in ("order", "version"):
        if key in table and (type(table[key]) is not int or not 0 <= table[key] < 2**31):
            raise wrong(f"{key} is a whole number from 0")
    if "public" in table and type(table["public"]) is not bool:
        raise wrong("public is true or false")
    if "classes" in table:
        table["classes"] = _parse_classes(table["classes"], wrong)
    return View(name=name, **table)


def _parse_classes(value: Any, wrong: Any) -> Classes:
    numbers = value if isinstance(value, dict) else {}
    if set(numbers) != {"from", "to", "ratio"} or any(type(n) not in (int, float) for n in numbers.values()):
        raise wrong("classes is { from = number, to = number, ratio = number }")
    start, end, ratio = (float(numbers[key]) for key in ("from", "to", "ratio"))
    if not (0 < start < end < 1e15 and 1.001 <= ratio <= 1000):
        raise wrong("classes need 0 < from < to and a ratio from 1.001 to 1000")
    classes = Classes(start, end, ratio)
    if len(classes.bounds) > MAX_CLASSES:
        raise wrong(f"classes would be {len(classes.bounds)}; at most {MAX_CLASSES}: raise the ratio")
    return classes
