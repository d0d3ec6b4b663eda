# SPDX-License-Identifier: GPL-3.0-or-later
"""Which SQL gives a view's key: from a column of the log's events, through the table of its shared values.

A *dimension* is what events are first grouped by: a number of a shared value (a place stands for country, region and
city at once), or a text worked out from the event. A view's key is then worked out once per dimension value.
"""

from __future__ import annotations

from typing import NamedTuple

from ...catalogue import Classes, View
from ...events import key_text


class Dimension(NamedTuple):
    """`value` is SQL over an event `b`, never NULL: a number or a text.

    `table` holds the shared values by that number, if it is one of theirs.
    """

    value: str
    table: str | None = None
    numbered: bool = True


class Key(NamedTuple):
    """`dimension` of a view and `text`: SQL for the key over the dimension value `r.dim` and its shared row `d`.

    `alike`, of keys from profiles, is SQL for whether the profiles `d` and `p` have the same key, without its text.
    """

    dimension: Dimension
    text: str
    alike: str = ""


PROFILE = Dimension("b.profile", "profiles")
_PLACE = Dimension("b.place", "places")
_AGENT = Dimension("b.agent", "agents")


def _text(column: str) -> Key:
    return Key(Dimension(f"coalesce(b.{column}, 0)", "texts"), "coalesce(d.text, '')")


def _profile_text(column: str) -> Key:
    """Texts have one number each, and no number is the empty text."""
    text = f"coalesce((SELECT text FROM log.texts WHERE id = d.{column}), '')"
    return Key(PROFILE, text, f"d.{column} IS p.{column}")


def _campaign(column: str) -> Key:
    def text(profile: str) -> str:
        return f"coalesce((SELECT {column} FROM log.campaigns WHERE id = {profile}.campaign), '')"

    return Key(PROFILE, text("d"), f"iif(d.campaign IS p.campaign, 1, {text('d')} = {text('p')})")


def _own(sql: str) -> Key:
    return Key(Dimension(sql, numbered=False), "r.dim")


KEYS: dict[str, Key] = {
    **{field: Key(_PLACE, f"coalesce(d.{field}, '')") for field in ("country", "region", "city")},
    **{field: Key(_PLACE, f"key_text(d.{field})") for field in ("lat", "lon")},
    **{
        field: Key(_AGENT, f"coalesce(d.{field}, '')")
        for field in ("os", "browser", "device", "model", "useragent")
    },
    "bot": Key(_AGENT, "iif(d.bot, 'true', 'false')"),
    **{
        field: _profile_text(column)
        for field, column in (
            ("source", "source"),
            ("host", "host"),
            ("method", "method"),
            ("username", "username"),
            ("referrer_site", "site"),
        )
    },
    **{f"utm_{column}": _campaign(column) for column in ("source", "medium", "campaign", "term", "content")},
    "status": Key(PROFILE, "coalesce(CAST(d.status AS TEXT), '')", "d.status IS p.status"),
    "path": _text("path"),
    "referrer": _text("referrer"),
    "bytes": _own("coalesce(CAST(b.bytes AS TEXT), '')"),
    "duration_ms": _own("key_text(b.duration / 1000.0)"),
    "ip": _own("coalesce(b.ip, '')"),
    "kind": _own("iif(b.flags & 1, 'session', 'request')"),
}

NUMBERS = {
    "status": "(SELECT status FROM log.profiles WHERE id = b.profile)",
    "bytes": "b.bytes",
    "duration_ms": "b.duration / 1000.0",
}


def key_of(view: View) -> Key:
    """The SQL of a view's key. Field names are checked by the catalogue, so they cannot end the quotes here."""
    field = view.grouped_by
    path = f"'$.\"{field}\"'"
    if view.classes is not None:
        number = NUMBERS.get(field)
        if number is None:
            number = (
                f"iif(json_type(b.extra, {path}) IN ('integer', 'real'), json_extract(b.extra, {path}), NULL)"
                if field not in KEYS
                else "NULL"
            )
        return _classes(view.classes, number)
    known = KEYS.get(field)
    if known is not None:
        return known
    return _own(
        f"CASE json_type(b.extra, {path}) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        f"WHEN 'real' THEN key_text(json_extract(b.extra, {path})) "
        f"ELSE coalesce(CAST(json_extract(b.extra, {path}) AS TEXT), '') END"
    )


VISIT_NUMBERS = {
    "length_s": Key(Dimension("(x.ended - x.start)"), "key_text(r.dim / 1000.0)"),
    "pages": Key(Dimension("x.pages"), "CAST(r.dim AS TEXT)"),
}


def visit_key_of(view: View) -> str | Key:
    """Which key a view of visits has for a visit `x`: the name of a column that has a page, or the SQL of a key."""
    field = view.field
    if field in ("entry", "exit"):
        return field if view.classes is None else _own("''")
    if view.classes is None:
        return VISIT_NUMBERS[field]
    return _classes(view.classes, "((x.ended - x.start) / 1000.0)" if field == "length_s" else "x.pages")


def _classes(classes: Classes, number: str) -> Key:
    """The key of a number's class. Classes are numbered: 0 for no number, 1 below the first bound.

    A class is found by halves, written out as CASE; exact because the bounds are literals.
    """

    def branch(low: int, high: int) -> str:
        """SQL for a number that is at least bounds[low - 1] and less than bounds[high]."""
        if low == high:
            return str(low + 1)
        middle = (low + high) // 2
        return f"CASE WHEN {number} < {bounds[middle]!r} THEN {branch(low, middle)} ELSE {branch(middle + 1, high)} END"

    bounds = classes.bounds
    texts = "".join(f" WHEN {n} THEN '{key_text(bound)}'" for n, bound in enumerate(bounds, start=2))
    return Key(
        Dimension(f"CASE WHEN {number} IS NULL THEN 0 ELSE {branch(0, len(bounds))} END"),
        f"CASE r.dim WHEN 0 THEN '' WHEN 1 THEN '0'{texts} END",
    )
