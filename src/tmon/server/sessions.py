# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, made of requests by a rule: who uses what, from when to when. Pure; knows no store and no clock.

A web service's Rule says what of a request counts: `counts` and `point` make a Point of it, or nothing. The sessions of
a local day follow from its points alone, so the order in which they arrive decides nothing: `sessions_of` takes them in
the order of their times, and can go on from where an earlier call ended.

- A session ends at its last point once nothing has come for `idle_ms`.
- Where a subject has one object at a time (`exclusive`), a point of another object ends the session there and then,
  if it is one that may begin a session (`entry`); one that may not counts only where nothing else is being used.
- Somebody with a name ends, there and then, what is used from the same place without one.
- No session goes beyond local midnight, when visitors are forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

By = Literal["visitor", "username", "ip"]

USES: Final = frozenset({"", "GET", "POST", "PUT", "PATCH", "DELETE"})
"""Methods of requests by which somebody uses something."""
GUESTS: Final = frozenset({"guest", "anonymous", "-"})
BUILD = re.compile(r"[0-9]{10,}_\w+\Z")
"""The name of a folder that a build has made: ten digits or more, an underscore, a word."""
OBJECT: Final = "{object}"
ANY: Final = "*"
VISITOR_MARK: Final = "~"
"""What comes before a visitor's number where it stands for a place; no address begins so."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a web service's sessions are made of.

    `by` says whose they are: of a visitor, of an address (which must be kept), or of a user name (and of the address
    or visitor, of whom has none). `objects` are patterns of paths: `/modules/{object}` groups by the folder that is
    named there, `*` stands for one folder of any name; without any the whole service is one object, whose name is "".
    `entry` is the file name that begins a session, "" where every counted request does. `sources` are those whose user
    names count, all where there are none. `assets` and `failed` say whether requests of these kinds count.
    """

    by: By = "visitor"
    objects: tuple[str, ...] = ()
    entry: str = ""
    idle_ms: int = 5 * 60_000
    exclusive: bool = True
    sources: tuple[str, ...] = ()
    assets: bool = False
    failed: bool = False


class Point(NamedTuple):
    """A request that counts, in the order in which they are taken: at the same time guests come first.

    `place` is an address, or a visitor's number after VISITOR_MARK, or "" where only the name is known.
    """

    at_ms: int
    user: str
    object: str
    entry: bool
    place: str


class Session(NamedTuple):
    """Something used for a while. `over` says that something else has ended it, not the time without a point.

    Then `ended_ms` is when that was, else the time of its last point. `points` is how many it has.
    """

    place: str
    user: str
    object: str
    start_ms: int
    ended_ms: int
    points: int = 1
    over: bool = False

    @property
    def address(self) -> str:
        """The address that it was used from, "" where it is not known."""
        return "" if self.place.startswith(VISITOR_MARK) else self.place

    @property
    def subject(self) -> str:
        """Who uses it: a name, or an address; "" for a guest whose address is not known."""
        return self.user or self.address

    @property
    def length_ms(self) -> int:
        """From its first point to its end."""
        return self.ended_ms - self.start_ms


def counts(rule: Rule, method: str | None, status: int | None, *, bot: bool, asset: bool) -> bool:
    """Whether a request of this kind counts; `asset` says that its path is an asset's."""
    return (
        not bot
        and (method or "") in USES
        and (rule.assets or not asset)
        and (rule.failed or status is None or 200 <= status < 400)
    )


def point(
    rule: Rule,
    at_ms: int,
    path: str,
    username: str | None,
    source: str,
    ip: str | None,
    visitor: int | None,
) -> Point | None:
    """What a request of a kind that counts is to the rule; None where nobody, or nothing, is told by it."""
    found = object_of(rule.objects, path)
    if found is None:
        return None
    place = ip or "" if rule.by == "ip" or (rule.by == "username" and ip) else place_of(visitor)
    named = rule.by == "username" and (not rule.sources or source in rule.sources)
    user = user_of(username) if named else ""
    if not place and not user:
        return None
    return Point(at_ms, user, found, not rule.entry or path.rpartition("/")[2] == rule.entry, place)


def place_of(visitor: int | None) -> str:
    """A visitor as a place; "" where nobody may be recognised."""
    return "" if visitor is None else f"{VISITOR_MARK}{visitor & 0xFFFFFFFFFFFFFFFF:016x}"


def user_of(username: str | None) -> str:
    """A user name as sessions tell users apart: an address of mail in small letters; "" for a guest."""
    name = (username or "").strip().removeprefix("mailto:")
    if "@" in name:
        name = name.lower()
    return "" if name.lower() in GUESTS else name


def object_of(patterns: Iterable[str], path: str) -> str | None:
    """The object that the first pattern that fits finds in a path; "" where there are no patterns, None for nothing.

    Where the pattern has {object} and the path has the folder of a build, the object is the folder in it, if there is
    one, else the build. The name of a file is no object.
    """
    nothing = True
    folders = [unquote(part) for part in path.split("/")[1:-1] if part]
    last = path.rpartition("/")[2]
    if last and "." not in last:  # an address without the stroke at its end
        folders.append(unquote(last))
    for pattern in patterns:
        nothing = False
        parts = [part for part in pattern.split("/") if part]
        found = _fitting(parts, folders)
        if found:
            return found
    return "" if nothing else None


def _fitting(parts: list[str], folders: list[str]) -> str | None:
    """The object where the folders begin as the parts of a pattern say; "" where the pattern names none."""
    found = ""
    at = 0
    for part in parts:
        if at >= len(folders):
            return None
        here = folders[at]
        if part == OBJECT:
            if BUILD.match(here) and at + 1 < len(folders):
                at += 1
                here = folders[at]
            found = here
        elif part not in (ANY, here):
            return None
        at += 1
    return found


def sessions_of(rule: Rule, points: Iterable[Point], former: Iterable[Session] = ()) -> list[Session]:
    """The sessions that these points of one place and local day make, in the order of their beginnings.

    `points` are in their order, and come after those that made the sessions in `former`; what is returned are the
    former ones too, as they are now, first and in their order.
    """
    found = list(former)
    current = {_key(rule, one): n for n, one in enumerate(found) if not one.over}
    for at_ms, user, what, entry, place in points:
        if user:
            for key in [key for key in current if not key[0]]:
                _end(rule, found, current, key, at_ms)
        key = (user, "" if rule.exclusive else what)
        n = current.get(key)
        if n is not None and at_ms - found[n].ended_ms > rule.idle_ms:
            del current[key]
            n = None
        if n is not None:
            last = found[n]
            if last.object == what:
                found[n] = last._replace(ended_ms=at_ms, points=last.points + 1)
                continue
            if not entry:
                continue
            _end(rule, found, current, key, at_ms)
        current[key] = len(found)
        found.append(Session(place, user, what, at_ms, at_ms))
    return found


def _key(rule: Rule, session: Session) -> tuple[str, str]:
    """What there is one session of at a time."""
    return session.user, "" if rule.exclusive else session.object


def _end(
    rule: Rule, found: list[Session], current: dict[tuple[str, str], int], key: tuple[str, str], at_ms: int
) -> None:
    """End a session there and then, unless nothing has come for so long that it has ended before."""
    n = current.pop(key)
    if at_ms - found[n].ended_ms <= rule.idle_ms:
        found[n] = found[n]._replace(ended_ms=at_ms, over=True)
