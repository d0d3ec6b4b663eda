# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers from the embedded store's counts, and its events, ledger and quarantine as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ...calendar import hour_of_bounds
from ...catalogue import View
from ...events import NO_CAMPAIGN, REQUEST, SESSION, Agent, Campaign, Event, Place, Referrer
from ...sessions import Rule
from ..base import (
    Box,
    Filter,
    Grain,
    Listing,
    Locations,
    Measures,
    Page,
    Period,
    Quarantined,
    Ranking,
    Run,
    StoredEvent,
    StoredSession,
    Timed,
    UnknownView,
)
from ..fields import fields_of
from . import filtered_sessions, paging
from .beside import Second
from .driver import Connection
from .filtered import Filtered, conditions_of, measures_of, timings_of
from .locating import locations
from .ranking import SUMS, counted, figures, of_all, ranking, totals
from .schema import DAY, HOUR, MONTH
from .sessions import rules_of

GRAINS: dict[Grain, int] = {"hour": HOUR, "day": DAY, "month": MONTH}
UTC_GRAINS: dict[Grain, int] = {"second": 1, "minute": 60}
NEVER = hour_of_bounds(0, 0, 0, 0, 0, 0)

SO_FAR = f"""
SELECT m.id FROM log.buckets m WHERE m.wsid = ? AND m.grain = {MONTH} AND m.start = ? AND NOT EXISTS (
    SELECT 1 FROM log.buckets d WHERE d.wsid = m.wsid AND d.grain = {DAY} AND d.month = m.id
    AND d.start >= m.start AND d.start < m.start + m.length AND NOT d.start BETWEEN ? AND ? - 1)
"""

EVENTS = """
SELECT v.seq, e.received, v.ts, v.visitor, v.query, v.duration, v.bytes, v.flags, v.ip, v.extra, path.text,
    referrer.text, o.status, host.text, method.text, username.text, source.text, site.text,
    p.country, p.region, p.city, p.lat, p.lon, a.useragent, a.os, a.browser, a.device, a.model, a.bot,
    c.source, c.medium, c.campaign, c.term, c.content
FROM (SELECT b.* FROM log.events b WHERE {where} ORDER BY b.seq {order} LIMIT ?) v
JOIN log.entries e ON e.seq = (SELECT max(seq) FROM log.entries WHERE seq <= v.seq)
LEFT JOIN log.texts path ON path.id = v.path LEFT JOIN log.texts referrer ON referrer.id = v.referrer
LEFT JOIN log.profiles o ON o.id = v.profile LEFT JOIN log.texts host ON host.id = o.host
LEFT JOIN log.texts method ON method.id = o.method LEFT JOIN log.texts username ON username.id = o.username
LEFT JOIN log.texts source ON source.id = o.source LEFT JOIN log.texts site ON site.id = o.site
LEFT JOIN log.places p ON p.id = v.place LEFT JOIN log.agents a ON a.id = v.agent
LEFT JOIN log.campaigns c ON c.id = o.campaign
ORDER BY v.seq {order}
"""


class Questions:
    """One reading connection; used by one thread at a time."""

    def __init__(self, connection: Connection, second: Second) -> None:
        """`second` is how a broad question gets another connection."""
        self._db = connection
        self.filtered = Filtered(connection, second)

    # -- views ----------------------------------------------------------------------------------------------------

    def views(self) -> list[tuple[int, View, int]]:
        """The views: number, view, and the follower that counts it."""
        rows = self._db.execute("SELECT id, definition, owner FROM views ORDER BY id")
        return [(number, _view(definition), owner) for number, definition, owner in rows]

    def view(self, name: str) -> tuple[int, View, int]:
        """One of them. Raises UnknownView."""
        row = self._db.execute("SELECT id, definition, owner FROM views WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise UnknownView(f"there is no view {name!r}")
        return row[0], _view(row[1]), row[2]

    # -- unfiltered -----------------------------------------------------------------------------------------------

    def ranking(self, number: int, view: View, period: Period, limit: int, *, in_step: bool) -> Ranking:
        """The largest keys of a view, by its number, from its counts.

        `in_step` if it has counted what the totals have.
        """
        visitors: Any = view.visitors
        return ranking(
            self._db,
            number,
            _buckets(self._db, period),
            limit,
            adds_up=in_step and self._whole(number, period),
            visitors=visitors,
        )

    def page(self, number: int, period: Period, page: Page, *, in_step: bool) -> Listing:
        """A part of the keys of view `number` from its counts; see `ranking`."""
        buckets = _buckets(self._db, period)
        if page.search or page.sort != "requests":
            return paging.page(self._db, number, buckets, page)
        adds_up = in_step and self._whole(number, period)
        rows, other = of_all(self._db, number, buckets, page.limit, page.offset, adds_up=adds_up)
        return Listing(rows, other, counted(self._db))

    def figures(
        self, number: int, view: View, period: Period, keys: Sequence[str], *, in_step: bool
    ) -> Ranking:
        """These keys of a view from its counts; see `ranking`."""
        visitors: Any = view.visitors
        return figures(
            self._db,
            number,
            _buckets(self._db, period),
            keys,
            adds_up=in_step and self._whole(number, period),
            visitors=visitors,
        )

    def totals(self, period: Period) -> Measures:
        """The totals from their counts."""
        return totals(self._db, 0, _buckets(self._db, period))

    def _whole(self, number: int, period: Period) -> bool:
        """Whether a view has counted all of the period by its present rules, and the totals still have all of it.

        Counts that are deleted come back only in views that are added later, while the log has the events.
        """
        row = self._db.execute(
            "SELECT 1 FROM view_from WHERE view = ? AND wsid = ? AND start > ?",
            (number, period.wsid, period.start),
        ).fetchone()
        return row is None and not any(self._gone(period.wsid, *span) for span in period.spans)

    def _gone(self, wsid: int, grain: Grain, start: int, end: int) -> bool:
        """Whether counts of the buckets that answer for a span were deleted; days may be read as a month."""
        row = self._db.execute(
            "SELECT 1 FROM gone WHERE wsid = ? AND grain IN (?, ?) AND start >= ? AND start < ? LIMIT 1",
            (wsid, GRAINS[grain], MONTH if grain == "day" else GRAINS[grain], start, end),
        ).fetchone()
        return row is not None

    def series_of(self, number: int, grain: Grain, period: Period) -> dict[int, Measures]:
        """All that view `number` has counted per bucket."""
        rows = self._db.execute(
            f"SELECT b.start, {SUMS} FROM log.buckets b CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? "
            "WHERE b.wsid = ? AND b.grain = ? AND b.start >= ? AND b.start < ? GROUP BY b.start",
            (number, period.wsid, GRAINS[grain], period.start, period.end),
        )
        return {row[0]: measures_of(row[1:]) for row in rows}

    def series(self, grain: Grain, period: Period) -> dict[int, Measures]:
        """The totals per bucket."""
        if grain in UTC_GRAINS:
            rows = self._db.execute(
                "SELECT start, requests, visitors, bots, errors, duration, timed, bytes FROM series "
                "WHERE wsid = ? AND grain = ? AND start >= ? AND start < ?",
                (period.wsid, UTC_GRAINS[grain], period.start, period.end),
            )
        else:
            rows = self._db.execute(
                "SELECT b.start, c.requests, c.visitors, c.bots, c.errors, c.duration, c.timed, c.bytes "
                "FROM log.buckets b JOIN counts c ON c.bucket = b.id AND c.view = 0 "
                "WHERE b.wsid = ? AND b.grain = ? AND b.start >= ? AND b.start < ?",
                (period.wsid, GRAINS[grain], period.start, period.end),
            )
        return {row[0]: measures_of(row[1:]) for row in rows}

    def timings(self, number: int, grain: Grain, period: Period) -> dict[int, dict[str | None, Timed]]:
        """The durations per bucket and key of view `number`, from its counts."""
        return timings_of(
            self._db.execute(
                "SELECT b.start, iif(c.key, k.text, NULL), c.timed, c.duration FROM log.buckets b "
                "CROSS JOIN counts c ON c.bucket = b.id AND c.view = ? AND c.timed > 0 "
                "LEFT JOIN keys k ON k.id = c.key "
                "WHERE b.wsid = ? AND b.grain = ? AND b.start >= ? AND b.start < ?",
                (number, period.wsid, GRAINS[grain], period.start, period.end),
            )
        )

    # -- events, ledger, quarantine -------------------------------------------------------------------------------

    def events(
        self, wsid: int, limit: int, after: int | None, filters: Sequence[Filter]
    ) -> list[StoredEvent]:
        """See Store.events."""
        conditions, parameters = conditions_of(filters)
        where = ["b.wsid = ?", *conditions]
        values: list[Any] = [wsid, *parameters]
        if after is not None:
            where.append("b.seq > ?")
            values.append(after)
        rows = self._db.execute(
            EVENTS.format(where=" AND ".join(where), order="DESC" if after is None else "ASC"),
            (*values, limit),
        )
        return [_stored(row) for row in rows]

    def locations(
        self,
        wsid: int,
        box: Box,
        limit: int,
        most: int,
        between: tuple[int, int] | None,
        filters: Sequence[Filter],
    ) -> Locations:
        """See Store.locations."""
        return locations(self._db, wsid, box, limit, most, between, filters)

    # -- sessions -------------------------------------------------------------------------------------------------

    def filling_rules(self) -> list[str]:
        """The rules of sessions that fill from the log, in words."""
        rows = self._db.execute("SELECT wsid FROM rules WHERE filled < upto ORDER BY wsid")
        return [f"sessions of web service {wsid}" if wsid else "sessions that are told" for (wsid,) in rows]

    def rules(self) -> dict[int, Rule]:
        """See Reader.rules."""
        return rules_of(self._db)

    def live_sessions(
        self, wsid: int, since_ms: int, filters: Sequence[Filter], *, ended: bool
    ) -> list[StoredSession]:
        """See Reader.live_sessions."""
        return filtered_sessions.live(self._db, wsid, since_ms, filters, ended=ended)

    def sessions(
        self,
        wsid: int,
        limit: int,
        between: tuple[int, int],
        before: tuple[int, int] | None,
        filters: Sequence[Filter],
    ) -> list[StoredSession]:
        """See Reader.sessions."""
        return filtered_sessions.listed(self._db, wsid, limit, between, before, filters)

    def runs(self, wsid: int) -> list[Run]:
        """See Store.runs."""
        reasons: dict[tuple[str, str], dict[str, int]] = {}
        for source, run, reason, events in self._db.execute(
            "SELECT source, run, reason, events FROM run_reasons WHERE wsid = ? ORDER BY reason", (wsid,)
        ):
            reasons.setdefault((source, run), {})[reason] = events
        rows = self._db.execute(
            "SELECT r.source, r.run, first_seen, last_seen, coalesce(sent, arrived), stored, repeated, rejected, lost, "
            "refused, closed, k.key FROM runs r LEFT JOIN log.run_keys k "
            "ON k.wsid = r.wsid AND k.source = r.source AND k.run = r.run "
            "WHERE r.wsid = ? ORDER BY last_seen DESC, r.source, r.run",
            (wsid,),
        )
        return [
            Run(
                source=row[0],
                run=row[1],
                first_seen_ms=row[2],
                last_seen_ms=row[3],
                sent=row[4],
                stored=row[5],
                repeated=row[6],
                rejected=row[7],
                reasons=reasons.get((row[0], row[1]), {}),
                lost=msgspec.json.decode(row[8], type=dict[str, int]),
                refused=row[9],
                closed=bool(row[10]),
                key=row[11],
            )
            for row in rows
        ]

    def quarantine(self, wsid: int, limit: int) -> list[Quarantined]:
        """See Store.quarantine."""
        return [
            Quarantined(*row)
            for row in self._db.execute(
                "SELECT received, source, reason, payload FROM log.quarantine WHERE wsid = ? ORDER BY id DESC LIMIT ?",
                (wsid, limit),
            )
        ]

    def sizes(self) -> dict[int, dict[int, int]]:
        """See Store.sizes."""
        found: dict[int, dict[int, int]] = {}
        for wsid, day, size in self._db.execute("SELECT wsid, day, bytes FROM log.sizes"):
            found.setdefault(wsid, {})[day] = size
        return found

    # -- completeness ---------------------------------------------------------------------------------------------

    def complete_from(self, period: Period, number: int | None) -> int | None:
        """See Store.complete_from."""
        found: list[int | None] = []
        if period.filters:
            found.append(
                self._db.execute(
                    "SELECT max(ended) FROM log.gone WHERE wsid = ? AND start < ? AND ended > ?",
                    (period.wsid, period.day_end, period.day_start),
                ).fetchone()[0]
            )
        else:
            for grain, start, end in period.spans:
                found.append(
                    self._db.execute(
                        "SELECT max(ended) FROM gone WHERE wsid = ? AND grain = ? AND start >= ? AND start < ?",
                        (period.wsid, GRAINS.get(grain, 0), start, end),
                    ).fetchone()[0]
                )
            if number is not None:
                found.append(
                    self._db.execute(
                        "SELECT max(start) FROM view_from WHERE view = ? AND wsid = ? AND start > ?",
                        (number, period.wsid, period.start),
                    ).fetchone()[0]
                )
        return max((one for one in found if one is not None), default=None)

    def open_from(self, period: Period) -> int | None:
        """See Store.open_from."""
        row = self._db.execute(
            "SELECT min(start) FROM log.days WHERE closed IS NULL AND wsid = ? AND start < ? AND ended > ?",
            (period.wsid, period.day_end, period.day_start),
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def passed(self) -> int:
        """The entry that every follower has durably passed."""
        (position,) = self._db.execute("SELECT min(position) FROM followers").fetchone()
        return int(position)

    def position(self) -> tuple[int, int]:
        """The number of the log's last entry or event, and the entry that the views in step have passed."""
        (following,) = self._db.execute("SELECT value FROM log.meta WHERE name = 'next'").fetchone()
        (position,) = self._db.execute("SELECT position FROM followers WHERE owner = 0").fetchone()
        return int(following) - 1, int(position)

    def newest_ms(self) -> int | None:
        """When the newest envelope that the log has was received."""
        row = self._db.execute(
            "SELECT received FROM log.entries WHERE kind = 0 ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return None if row is None else int(row[0])

    def days(self, days: Iterable[tuple[int, int]], *, closed: bool) -> set[tuple[int, int]]:
        """Those of the (wsid, day start) that got an event and are closed, or are open."""
        query = (
            "SELECT 1 FROM log.buckets b JOIN log.days d ON d.bucket = b.id "
            f"WHERE b.wsid = ? AND b.grain = {DAY} AND b.start = ? AND (d.closed IS NOT NULL) = ?"
        )
        return {day for day in days if self._db.execute(query, (*day, closed)).fetchone() is not None}

    def as_of_ms(self, now_ms: int, owner: int) -> int:
        """See Store.as_of_ms; `owner` is the follower that counts the view."""
        row = self._db.execute("SELECT position FROM followers WHERE owner = ?", (owner,)).fetchone()
        position = 0 if row is None else row[0]
        (waiting,) = self._db.execute(
            "SELECT min(received) FROM log.entries WHERE seq > ? AND kind = 0", (position,)
        ).fetchone()
        return now_ms if waiting is None else min(now_ms, int(waiting))


def _view(definition: str) -> View:
    return msgspec.json.decode(definition, type=View)


def _buckets(db: Connection, period: Period) -> tuple[str, list[int]]:
    """SQL for the numbers of the buckets that the period's spans hold.

    Days that are all there is of a month so far, as those of the current one are, are read as that month.
    """
    parts, parameters = [], []
    for grain, start, end in period.spans:
        month = db.execute(SO_FAR, (period.wsid, start, start, end)).fetchone() if grain == "day" else None
        if month is not None:
            parts.append("SELECT ? AS id")
            parameters += month
        else:
            parts.append(
                "SELECT id FROM log.buckets WHERE wsid = ? AND grain = ? AND start >= ? AND start < ?"
            )
            parameters += [period.wsid, GRAINS[grain], start, end]
    return " UNION ALL ".join(parts) or "SELECT id FROM log.buckets WHERE false", parameters


def _stored(row: Sequence[Any]) -> StoredEvent:
    """An event of the log, put together again."""
    seq, received, ts, visitor, query, duration, size, flags, ip, extra, path, referrer = row[:12]
    status, host, method, username, source, site = row[12:18]
    extras: dict[str, Any] = msgspec.json.decode(extra) if extra else {}
    truncated = tuple(extras.pop("truncated", ()))
    event = Event(
        kind=SESSION if flags & 1 else REQUEST,
        ts_ms=ts,
        hour=NEVER,
        path=path or "",
        query=query,
        place=Place(*row[18:23]),
        agent=Agent(row[23], row[24], row[25], row[26], row[27], bool(row[28])),
        referrer=None if referrer is None else Referrer(referrer, site or ""),
        campaign=NO_CAMPAIGN if row[29] is None else Campaign(*row[29:34]),
        host=host,
        method=method,
        status=status,
        duration_us=duration,
        bytes=size,
        username=username,
        ip=ip,
        visitor=visitor,
        extra=extras,
        truncated=truncated,
    )
    return StoredEvent(seq, received, fields_of(event, source or ""))
