# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions in views.db: made of the requests of web services that have a rule, and of what senders tell.

The requests of a place (an address or a visitor) and local day are kept as points. A later one continues the sessions
that go on; one that is late has those made anew from the last quiet moment before it, and only what comes out changed
is written and counted. So neither the order of events nor how they are split into passes matters. That also lets a rule
that is new fill from the log while what arrives is counted.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ...sessions import Point, Rule, Session, counts, point, sessions_of, user_of
from ..assets import is_asset
from ..base import Limits
from ..told import joined, paired, sign_of
from .driver import Connection
from .grouping import Counted
from .schema import IN_STEP, TOLD
from .session_counts import SessionCounts

FOUND = "v.wsid, h.day, v.hour, v.ts, v.path, v.profile, v.visitor, v.ip, v.extra, v.flags"
NEW = f"""
SELECT {FOUND} FROM log.entries e
CROSS JOIN log.events v ON v.wsid = e.wsid AND v.seq BETWEEN e.seq + 1 AND e.seq + e.accepted
CROSS JOIN log.buckets h ON h.id = v.hour
WHERE e.seq > ? AND e.seq <= ? AND e.kind = 0 AND (v.flags & 1 OR e.wsid IN ({{ruled}})) ORDER BY v.seq
"""
OLD = f"""
SELECT {FOUND}, v.seq, d.start FROM log.events v CROSS JOIN log.buckets h ON h.id = v.hour
CROSS JOIN log.buckets d ON d.id = h.day WHERE v.wsid = ? AND v.seq > ? AND v.seq <= ? AND v.flags & 1 = 0
ORDER BY v.seq LIMIT ?
"""
OLD_TOLD = f"""
SELECT {FOUND}, v.seq, 0 FROM log.entries e
CROSS JOIN log.events v ON v.wsid = e.wsid AND v.seq BETWEEN e.seq + 1 AND e.seq + e.accepted
CROSS JOIN log.buckets h ON h.id = v.hour WHERE e.seq > ? AND e.seq <= ? AND e.kind = 0 AND v.flags & 1 ORDER BY v.seq
"""
PROFILE = """
SELECT coalesce(s.text, ''), u.text, m.text, p.status FROM log.profiles p LEFT JOIN log.texts s ON s.id = p.source
LEFT JOIN log.texts u ON u.id = p.username LEFT JOIN log.texts m ON m.id = p.method WHERE p.id = ?
"""
ADD_POINT = """
INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n
"""
COLUMNS = "number, hour, place, user, object, start, ended, points, over"
OF_PLACE = f"SELECT {COLUMNS} FROM sessions WHERE told IS NULL AND day = ? AND place = ?"
INSERT = """
INSERT INTO sessions(wsid, day, told, source, hour, place, user, object, start, ended, points, over)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
UPDATE = """
UPDATE sessions SET day = ?, hour = ?, place = ?, user = ?, object = ?, start = ?, ended = ?, points = ?, over = ?
WHERE number = ?
"""
DELETE = "DELETE FROM sessions WHERE number = ?"
COMPLETE_SINCE = "SELECT coalesce(max(ended), -9223372036854775808) FROM log.gone WHERE wsid = ?"
"""The first local day from which the log has every event."""
PAST = f"""
SELECT b.id FROM log.buckets b WHERE b.id IN (SELECT DISTINCT day FROM {{table}})
AND EXISTS (SELECT 1 FROM closed c WHERE c.owner = {IN_STEP} AND c.day = b.id)
AND EXISTS (SELECT 1 FROM log.gone g WHERE g.wsid = b.wsid AND g.start = b.start)
"""


class _Row(NamedTuple):
    """A session as it is stored."""

    number: int
    hour: int
    session: Session


class _Hit(NamedTuple):
    """A request that counts."""

    point: Point
    hour: int


Profile = tuple[str, str | None, str | None, int | None]
Place = tuple[int, int, str]
"""Web service, day and place."""


class Sessions:
    """Keeps sessions and has changes of them counted; used inside the follower's transactions."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._counts = SessionCounts(connection, limits)
        self._rules: dict[int, Rule] = {}
        self._profiles: dict[int, Profile] = {}
        self._paths: dict[int | None, tuple[str, bool]] = {}
        self.load()

    def load(self) -> None:
        """Read the rules as they are stored now."""
        self._rules = rules_of(self._db)

    def forget(self) -> None:
        """Read again what may have changed: a transaction was rolled back."""
        self.load()

    # -- events ---------------------------------------------------------------------------------------------------

    def count(self, counted: Sequence[Counted], position: int, upto: int, *, told: bool) -> None:
        """Take in the events of the entries after `position` up to and with `upto`, whose hours are in `hours`.

        `told` says whether any is of kind session.
        """
        present = (
            {row[0] for row in self._db.execute("SELECT DISTINCT wsid FROM hours")} if self._rules else set()
        )
        if not told and present.isdisjoint(self._rules):
            return
        ruled = ", ".join(map(str, present & self._rules.keys())) or "NULL"
        self._take(counted, self._db.execute(NEW.format(ruled=ruled), (position, upto)).fetchall())

    def waiting(self) -> list[int]:
        """The rules, by web service, that have not filled from the log."""
        return [
            row[0] for row in self._db.execute("SELECT wsid FROM rules WHERE filled < upto ORDER BY wsid")
        ]

    def fill(self, counted: Sequence[Counted], wsid: int, most: int) -> None:
        """Take in about `most` older events for a rule."""
        filled, upto, since = self._db.execute(
            "SELECT filled, upto, since FROM rules WHERE wsid = ?", (wsid,)
        ).fetchone()
        if wsid == TOLD:
            reached = min(upto, filled + most)
            last = self._db.execute(
                "SELECT max(seq + accepted) FROM log.entries WHERE seq > ? AND seq <= ?", (filled, reached)
            ).fetchone()[0]
            found = self._db.execute(OLD_TOLD, (filled, reached)).fetchall()
            reached = max(reached, last or 0)
        else:
            found = self._db.execute(OLD, (wsid, filled, upto, most)).fetchall()
            reached = found[-1][-2] if len(found) == most else upto
        self._take(counted, [row for row in found if row[-1] >= since or wsid == TOLD])
        self._db.execute("UPDATE rules SET filled = ? WHERE wsid = ?", (reached, wsid))

    def _take(self, counted: Sequence[Counted], events: Iterable[tuple[Any, ...]]) -> None:
        hits: dict[Place, list[_Hit]] = defaultdict(list)
        told = []
        self._profiles.clear()
        self._paths.clear()
        for row in events:
            if row[9] & 1:
                told.append(row)
            else:
                self._hit(hits, row)
        if not told and not hits:
            return
        self._counts.begin(counted)
        for wsid, day, hour, at, _, profile, _, _, extra, *_ in told:
            self._join(wsid, day, hour, at, self._profile(profile)[0], json.loads(extra or "{}"))
        for place, found in hits.items():
            self._use(place, found)
        self._counts.finish()

    def _hit(self, hits: dict[Place, list[_Hit]], row: tuple[Any, ...]) -> None:
        wsid, day, hour, at, path, profile, visitor, ip, _, flags, *_ = row
        rule = self._rules[wsid]
        source, username, method, status = self._profile(profile)
        text, asset = self._path(path)
        if counts(rule, method, status, bot=bool(flags & 2), asset=asset):
            found = point(rule, at, text, username, source, ip, visitor)
            if found is not None:
                hits[wsid, day, found.place].append(_Hit(found, hour))

    def _profile(self, number: int) -> Profile:
        known = self._profiles.get(number)
        if known is None:
            row = self._db.execute(PROFILE, (number,)).fetchone()
            known = self._profiles[number] = row or ("", None, None, None)
        return known

    def _path(self, number: int | None) -> tuple[str, bool]:
        known = self._paths.get(number)
        if known is None:
            row = self._db.execute("SELECT text FROM log.texts WHERE id = ?", (number,)).fetchone()
            text = row[0] if row else ""
            known = self._paths[number] = (text, is_asset(text))
        return known

    # -- sessions that senders tell of ----------------------------------------------------------------------------

    def _join(self, wsid: int, day: int, hour: int, at: int, source: str, extra: Mapping[str, Any]) -> None:
        name, sign = sign_of(at, extra, source)
        told = f"{source}\n{name}"
        found = self._db.execute(
            f"SELECT {COLUMNS} FROM sessions WHERE wsid = ? AND told = ?", (wsid, told)
        ).fetchone()
        if found is None:
            self._write(wsid, day, None, hour, sign.alone(), told=told, source=source)
            return
        row = _row(found)
        session, earliest = joined(row.session, sign)
        if not earliest:
            hour = row.hour
            (day,) = self._db.execute("SELECT day FROM sessions WHERE number = ?", (row.number,)).fetchone()
        self._write(wsid, day, row, hour, session, told=told, source=source)

    # -- sessions that are made of requests -----------------------------------------------------------------------

    def _use(self, place: Place, hits: list[_Hit]) -> None:
        wsid, day, where = place
        rule = self._rules[wsid]
        points = sorted(hit.point for hit in hits)
        hours = {hit.point.at_ms: hit.hour for hit in hits}
        (last,) = self._db.execute(
            "SELECT max(at) FROM points WHERE day = ? AND place = ?", (day, where)
        ).fetchone()
        self._db.executemany(
            ADD_POINT,
            [
                (day, where, one.at_ms, one.user, one.object, one.entry, hours[one.at_ms], n)
                for one, n in Counter(points).items()
            ],
        )
        first = points[0].at_ms
        if last is None or last < first:
            old = [
                _row(found)
                for found in self._db.execute(
                    f"{OF_PLACE} AND over = 0 AND ended >= ? ORDER BY start, number",
                    (day, where, first - rule.idle_ms),
                )
            ]
            new = sessions_of(rule, points, [one.session for one in old])
        else:
            old, new = self._anew(rule, day, where, first, hours)
        self._replace(wsid, day, old, new, hours)

    def _anew(
        self, rule: Rule, day: int, where: str, first: int | None, hours: dict[int, int]
    ) -> tuple[list[_Row], list[Session]]:
        """Sessions of a place from the last quiet moment before `first` on (None: of the day): as they were, and anew.

        Adds the hours of their points to `hours`.
        """
        rows = [
            _row(found)
            for found in self._db.execute(f"{OF_PLACE} ORDER BY start, number", (day, where)).fetchall()
        ]
        begin, ended = None, None
        for row in rows:
            start = row.session.start_ms
            if first is not None and start <= first and (ended is None or start - ended > rule.idle_ms):
                begin = start
            ended = max(row.session.ended_ms, start if ended is None else ended)
        points = []
        for at, user, what, entry, hour, n in self._db.execute(
            "SELECT at, user, object, entry, hour, n FROM points WHERE day = ? AND place = ? AND at >= ? "
            "ORDER BY at, user, object, entry",
            (day, where, 0 if begin is None else begin),
        ):
            points += [Point(at, user, what, bool(entry), where)] * n
            hours[at] = hour
        old = [row for row in rows if begin is None or row.session.start_ms >= begin]
        return old, sessions_of(rule, points)

    def _replace(
        self, wsid: int, day: int, old: list[_Row], new: list[Session], hours: Mapping[int, int]
    ) -> None:
        rows = {(one.session.user, one.session.object, one.session.start_ms): one for one in old}
        for before, after in paired((one.session for one in old), new):
            row = rows[before.user, before.object, before.start_ms] if before else None
            hour = row.hour if row else hours[after.start_ms] if after else 0
            self._write(wsid, day, row, hour, after)

    def _write(
        self,
        wsid: int,
        day: int,
        row: _Row | None,
        hour: int,
        session: Session | None,
        *,
        told: str | None = None,
        source: str = "",
    ) -> None:
        """Store what has become of a session, and have it counted."""
        if row is None:
            assert session is not None
            self._db.execute(INSERT, (wsid, day, told, source, hour, *session))
        elif session is None:
            self._db.execute(DELETE, (row.number,))
        else:
            self._db.execute(UPDATE, (day, hour, *session, row.number))
        self._counts.change(
            source,
            None if row is None else (row.hour, row.session),
            None if session is None else (hour, session),
        )

    # -- rules and views ------------------------------------------------------------------------------------------

    def sync(self, counted: Sequence[Counted], rules: Mapping[int, Rule]) -> list[int]:
        """See Store.sync_rules."""
        changed = [
            wsid
            for wsid in sorted(rules.keys() | self._rules.keys())
            if rules.get(wsid) != self._rules.get(wsid)
        ]
        self._counts.begin(counted)
        for wsid in changed:
            self._db.execute("DELETE FROM rules WHERE wsid = ?", (wsid,))
            if wsid in rules:
                (since,) = self._db.execute(COMPLETE_SINCE, (wsid,)).fetchone()
                self._unmake(wsid, since)
                self._db.execute(
                    "INSERT INTO rules SELECT ?, ?, 0, position, ? FROM followers WHERE owner = ?",
                    (wsid, msgspec.json.encode(rules[wsid]).decode(), since, IN_STEP),
                )
        self._counts.finish()
        return changed

    def _unmake(self, wsid: int, since: int) -> None:
        """Forget what was made of requests of days from `since` on."""
        days = "SELECT id FROM log.buckets WHERE wsid = ?1 AND grain = 2 AND start >= ?2"
        for found in self._db.execute(
            f"SELECT {COLUMNS} FROM sessions WHERE wsid = ?1 AND told IS NULL AND day IN ({days}) ORDER BY number",
            (wsid, since),
        ).fetchall():
            self._write(wsid, 0, _row(found), 0, None)
        self._db.execute(f"DELETE FROM points WHERE day IN ({days})", (wsid, since))

    def fill_view(self, one: Counted) -> None:
        """Count the sessions that are known in a view that is new, those of closed days under all of their keys."""
        self._counts.begin([one], as_if_open=True)
        for source, *found in self._db.execute(
            f"SELECT source, {COLUMNS} FROM sessions ORDER BY number"
        ).fetchall():
            row = _row(found)
            self._counts.change(source, None, (row.hour, row.session))
        self._counts.finish()

    # -- erasing and expiring -------------------------------------------------------------------------------------

    def erase(self, counted: Sequence[Counted], wsid: int, name: str) -> None:
        """Blank a user name; what its requests make is then a guest's."""
        self._counts.begin(counted)
        for user in {name, user_of(name)} - {""}:
            for day, where in self._db.execute(
                "SELECT DISTINCT p.day, p.place FROM log.buckets b CROSS JOIN points p ON p.day = b.id "
                "WHERE b.wsid = ? AND b.grain = 2 AND p.user = ?",
                (wsid, user),
            ).fetchall():
                self._erase_at(wsid, day, where, user)
            for number, day in self._db.execute(
                "SELECT number, day FROM sessions WHERE wsid = ? AND user = ?", (wsid, user)
            ).fetchall():
                self._blank(wsid, number, day)
        self._counts.finish()

    def _erase_at(self, wsid: int, day: int, where: str, user: str) -> None:
        if where and wsid in self._rules:
            self._db.execute(
                "INSERT INTO points SELECT day, place, at, '', object, entry, hour, n FROM points "
                "WHERE day = ?1 AND place = ?2 AND user = ?3 ON CONFLICT DO UPDATE SET n = n + excluded.n",
                (day, where, user),
            )
        self._db.execute("DELETE FROM points WHERE day = ? AND place = ? AND user = ?", (day, where, user))
        if where and wsid in self._rules:
            hours: dict[int, int] = {}
            old, new = self._anew(self._rules[wsid], day, where, None, hours)
            self._replace(wsid, day, old, new, hours)

    def _blank(self, wsid: int, number: int, day: int) -> None:
        source, told, *found = self._db.execute(
            f"SELECT source, told, {COLUMNS} FROM sessions WHERE number = ?", (number,)
        ).fetchone()
        row = _row(found)
        self._write(wsid, day, row, row.hour, row.session._replace(user=""), told=told, source=source)

    def drop(self, wsid: int) -> None:
        """Forget everything of a web service."""
        self._db.execute("DELETE FROM sessions WHERE wsid = ?", (wsid,))
        self._db.execute(
            "DELETE FROM points WHERE day IN (SELECT id FROM log.buckets WHERE wsid = ? AND grain = 2)",
            (wsid,),
        )

    def expire(self) -> None:
        """Forget those of closed days of which the log has lost events; what views have counted stays."""
        for table in ("points", "sessions"):
            self._db.execute(f"DELETE FROM {table} WHERE day IN ({PAST.format(table=table)})")


def rules_of(db: Connection) -> dict[int, Rule]:
    """The rules by which sessions are made, by web service."""
    return {
        wsid: msgspec.json.decode(definition, type=Rule)
        for wsid, definition in db.execute("SELECT wsid, definition FROM rules WHERE wsid <> ?", (TOLD,))
    }


def _row(found: Sequence[Any]) -> _Row:
    number, hour, place, user, what, start, ended, points, over = found
    return _Row(number, hour, Session(place, user, what, start, ended, points, bool(over)))
