# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer's side of the embedded store: appending to log.db."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...calendar import Hour
from ...events import NO_CAMPAIGN, SESSION, Campaign, Event
from ..base import (
    DAY_CLOSES_AFTER_MS,
    DAY_MS,
    Day,
    Envelope,
    Limits,
    Outcome,
    Unavailable,
    outcome_of,
)
from .dictionary import Dictionary
from .schema import DAY, HOUR, MONTH

ENVELOPE, CLOSING, ERASURE, DELETION = 0, 1, 2, 3

ENTRY_COLUMNS = (
    "seq, kind, wsid, received, envelope, status, accepted, repeated, rejected, errors, reasons, message, source, "
    "run, run_seq, sent, lost, closing"
)
EVENT_COLUMNS = (
    "wsid, seq, ts, hour, visitor, place, agent, profile, path, query, referrer, duration, bytes, flags, ip, "
    "extra"
)
OUTCOME_COLUMNS = "wsid, envelope, status, accepted, repeated, rejected, errors, message"

CHUNKS = (250, 40, 8, 1)
"""Rows per INSERT. One statement gives up Python's lock once, so few large ones keep the collector's loop going."""

Profile = tuple[int, str, str | None, str | None, int | None, str | None, str, Campaign]
"""wsid, source, host, method, status, user name, referrer's site, campaign."""

CACHED_HOURS = 100_000
MAX_INTEGER = 2**63 - 1


class Log:
    """The log, as the one thread that appends to it uses it."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits
        self._texts = Dictionary[str](connection, "texts", ("text",), lambda text: (text,))
        self._places = Dictionary[Any](
            connection, "places", ("country", "region", "city", "lat", "lon"), _row
        )
        self._agents = Dictionary[Any](
            connection, "agents", ("useragent", "os", "browser", "device", "model", "bot"), _row
        )
        self._campaigns = Dictionary[Any](
            connection, "campaigns", ("source", "medium", "campaign", "term", "content"), _row
        )
        self._profiles = Dictionary[Profile](
            connection,
            "profiles",
            ("wsid", "source", "host", "method", "status", "username", "site", "campaign"),
            self._profile_row,
            _profile_identity,
        )
        self._dictionaries = (self._texts, self._places, self._agents, self._campaigns, self._profiles)
        self._hours: dict[tuple[int, int], tuple[int, bool]] = {}
        self._insert_entries = _inserts("entries", ENTRY_COLUMNS)
        self._insert_events = _inserts("events", EVENT_COLUMNS)

    def transaction(self, work: Callable[[], Any]) -> Any:
        """Do `work` in one transaction, on disk when this returns. Raises Unavailable where SQLite can't."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._db.execute("COMMIT")
            except BaseException:
                self.forget()
                self._hours.clear()
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the log cannot be written: {error}") from error
        return result

    def forget(self) -> None:
        """Forget the numbers of shared values."""
        for dictionary in self._dictionaries:
            dictionary.forget()

    def values_changed(self) -> None:
        """Say in this transaction that shared values were changed or deleted: their numbers may come to mean others.

        Forgets them here; the follower looks at the count of changes.
        """
        self.forget()
        self._db.execute("INSERT INTO meta VALUES ('changes', 1) ON CONFLICT DO UPDATE SET value = value + 1")

    # -- envelopes ------------------------------------------------------------------------------------------------

    def outcomes(self, ids: Sequence[tuple[int, bytes]]) -> dict[tuple[int, bytes], Outcome]:
        """See Store.outcomes."""
        found: dict[tuple[int, bytes], Outcome] = {}
        for at in range(0, len(ids), 500):
            part = [one[1] for one in ids[at : at + 500]]
            marks = ", ".join("?" * len(part))
            query = f"SELECT {OUTCOME_COLUMNS} FROM entries WHERE envelope IN ({marks})"
            for wsid, envelope, status, accepted, repeated, rejected, errors, message in self._db.execute(
                query, part
            ):
                found[wsid, envelope] = Outcome(
                    status=status,
                    accepted=accepted,
                    repeated=repeated,
                    rejected_count=rejected,
                    rejected=msgspec.json.decode(errors, type=tuple[tuple[int, str], ...]) if errors else (),
                    message=message or "",
                    duplicate=True,
                )
        return {one: found[one] for one in ids if one in found}

    def append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """See Store.append."""
        if not envelopes:
            return []
        return self.transaction(lambda: self._append(envelopes))  # type: ignore[no-any-return]

    def _append(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        known = self.outcomes([(one.wsid, one.id) for one in envelopes])
        day = self._day_of_use(max(one.received_ms for one in envelopes) // DAY_MS)
        for dictionary in self._dictionaries:
            dictionary.begin(day)
        if len(self._hours) > CACHED_HOURS:
            self._hours.clear()
        following = self._next()
        entries: list[Any] = []
        events: list[Any] = []
        outcomes: list[Outcome] = []
        for envelope in envelopes:
            identity = (envelope.wsid, envelope.id)
            stored = known.get(identity)
            if stored is not None:
                outcomes.append(stored)
                continue
            taken = envelope.events if envelope.stream is None else self._beyond(envelope, envelope.stream)
            outcome = outcome_of(envelope, len(envelope.events) - len(taken))
            entries.extend(self._entry(following, envelope, outcome))
            following += 1
            for event in taken:
                events.extend(self._event(envelope, following, event))
                following += 1
            if envelope.payloads:
                self._quarantine(envelope)
            outcomes.append(outcome)
            known[identity] = msgspec.structs.replace(outcome, duplicate=True)
        self._insert(self._insert_entries, entries)
        self._insert(self._insert_events, events)
        self._db.execute("UPDATE meta SET value = ? WHERE name = 'next'", (following,))
        return outcomes

    def _day_of_use(self, day: int) -> int:
        """The latest day that this log has seen, `day` included.

        A clock that was ahead and is put right would else give what it is used for now a day of last use before the
        receipt of older entries, and it would be deleted in use.
        """
        row = self._db.execute("SELECT value FROM meta WHERE name = 'day'").fetchone()
        if row is not None and row[0] >= day:
            return int(row[0])
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('day', ?)", (day,))
        return day

    def _next(self) -> int:
        (value,) = self._db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()
        return int(value)

    def _beyond(self, envelope: Envelope, stream: str) -> list[Event]:
        """The events beyond the stream's highest offset, which moves to the last of them."""
        row = self._db.execute(
            "SELECT highest FROM streams WHERE wsid = ? AND stream = ?", (envelope.wsid, stream)
        ).fetchone()
        highest = -1 if row is None else row[0]
        taken = []
        for event in envelope.events:
            if event.offset is not None and event.offset > highest:
                highest = event.offset
                taken.append(event)
        if taken:
            self._db.execute(
                "INSERT INTO streams VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET highest = excluded.highest",
                (envelope.wsid, stream, highest),
            )
        return taken

    def _entry(self, seq: int, envelope: Envelope, outcome: Outcome) -> tuple[Any, ...]:
        reasons = Counter(one.reason for one in envelope.rejected)
        if envelope.refused is not None and not envelope.rejected:
            reasons[envelope.refused] = 0
        return (
            seq,
            ENVELOPE,
            envelope.wsid,
            envelope.received_ms,
            envelope.id,
            outcome.status,
            outcome.accepted,
            outcome.repeated,
            outcome.rejected_count,
            msgspec.json.encode(outcome.rejected).decode() if outcome.rejected else None,
            msgspec.json.encode(reasons).decode() if reasons else None,
            outcome.message or None,
            self._texts.number(envelope.source),
            self._texts.number(envelope.run),
            envelope.seq,
            None if envelope.sent is None else min(envelope.sent, MAX_INTEGER),
            msgspec.json.encode(envelope.lost).decode() if envelope.lost else None,
            1 if envelope.close else 0,
        )

    def _event(self, envelope: Envelope, seq: int, event: Event) -> tuple[Any, ...]:
        text = self._texts.number
        hour, closed = self._hour(envelope.wsid, event.hour, envelope.received_ms)
        extra: dict[str, Any] = event.extra
        if event.truncated:
            extra = {**extra, "truncated": event.truncated}
        referrer = event.referrer
        return (
            envelope.wsid,
            seq,
            event.ts_ms,
            hour,
            None if closed else event.visitor,
            self._places.number(event.place),
            self._agents.number(event.agent),
            self._profiles.number(
                (
                    envelope.wsid,
                    envelope.source,
                    event.host,
                    event.method,
                    event.status,
                    event.username,
                    "" if referrer is None else referrer.site,
                    event.campaign,
                )
            ),
            text(event.path) if event.path else None,
            event.query,
            None if referrer is None else text(referrer.referrer),
            event.duration_us,
            event.bytes,
            (event.kind == SESSION) + 2 * event.agent.bot + 4 * event.error,
            event.ip,
            msgspec.json.encode(extra).decode() if extra else None,
        )

    def _profile_row(self, profile: Profile) -> tuple[Any, ...]:
        wsid, source, host, method, status, username, site, campaign = profile
        text = self._texts.number
        return (
            wsid,
            text(source) if source else None,
            text(host) if host else None,
            text(method) if method else None,
            status,
            text(username) if username else None,
            text(site) if site else None,
            None if campaign == NO_CAMPAIGN else self._campaigns.number(campaign),
        )

    def _insert(self, statements: dict[int, tuple[str, int]], values: list[Any]) -> None:
        at = 0
        for statement, width in statements.values():
            while len(values) - at >= width:
                self._db.execute(statement, values[at : at + width])
                at += width

    # -- buckets and days -----------------------------------------------------------------------------------------

    def _hour(self, wsid: int, hour: Hour, received_ms: int) -> tuple[int, bool]:
        """The bucket of an hour, made if it is new, and whether its day is closed."""
        known = self._hours.get((wsid, hour.start))
        if known is not None:
            return known
        day = hour.day
        month_id = self._bucket(wsid, MONTH, day.month.start, day.month.end, None, None)
        day_id = self._bucket(wsid, DAY, day.start, day.end, None, month_id)
        hour_id = self._bucket(wsid, HOUR, hour.start, hour.end, day_id, month_id)
        self._db.execute(
            "INSERT OR IGNORE INTO days VALUES (?, ?, ?, ?, ?, NULL)",
            (day_id, wsid, day.start, day.end, received_ms),
        )
        (closed,) = self._db.execute(
            "SELECT closed IS NOT NULL FROM days WHERE bucket = ?", (day_id,)
        ).fetchone()
        self._hours[wsid, hour.start] = (hour_id, bool(closed))
        return hour_id, bool(closed)

    def _bucket(self, wsid: int, grain: int, start: int, end: int, day: int | None, month: int | None) -> int:
        row = self._db.execute(
            "SELECT id FROM buckets WHERE wsid = ? AND grain = ? AND start = ?", (wsid, grain, start)
        ).fetchone()
        if row is not None:
            return int(row[0])
        number = self._db.execute(
            "INSERT INTO buckets(wsid, grain, start, length, day, month) VALUES (?, ?, ?, ?, ?, ?)",
            (wsid, grain, start, end - start, day, month),
        ).lastrowid
        assert number is not None
        return number

    def close_days(self, now_ms: int) -> list[Day]:
        """See Store.close_days."""
        due_before = now_ms - DAY_CLOSES_AFTER_MS
        query = (
            "SELECT bucket, wsid, start, ended FROM days "
            "WHERE closed IS NULL AND ended * 1000 <= ? AND first_received <= ? ORDER BY bucket"
        )
        due = self._db.execute(query, (due_before, due_before)).fetchall()
        if not due:
            return []

        def close() -> list[Day]:
            closed = []
            for bucket, wsid, start, ended in due:
                seq = self.entry_of_ours(CLOSING, wsid, now_ms, bucket=bucket)
                self._db.execute("UPDATE days SET closed = ? WHERE bucket = ?", (seq, bucket))
                closed.append(Day(wsid, start, ended))
            self._hours.clear()
            return closed

        return self.transaction(close)  # type: ignore[no-any-return]

    def entry_of_ours(
        self, kind: int, wsid: int, now_ms: int, *, bucket: int | None = None, erased: str | None = None
    ) -> int:
        """Append an entry of the writer's own; within a transaction. Returns its number."""
        seq = self._next()
        self._db.execute(
            "INSERT INTO entries(seq, kind, wsid, received, accepted, bucket, erased) VALUES (?, ?, ?, ?, 0, ?, ?)",
            (seq, kind, wsid, now_ms, bucket, erased),
        )
        self._db.execute("UPDATE meta SET value = ? WHERE name = 'next'", (seq + 1,))
        return seq

    # -- quarantine -----------------------------------------------------------------------------------

    def _quarantine(self, envelope: Envelope) -> None:
        self._db.executemany(
            "INSERT INTO quarantine(wsid, received, source, reason, payload) VALUES (?, ?, ?, ?, ?)",
            [
                (envelope.wsid, envelope.received_ms, envelope.source, reason, payload)
                for reason, payload in envelope.payloads[-self._limits.quarantine_rows :]
            ],
        )
        self._db.execute(
            "DELETE FROM quarantine WHERE wsid = ?1 AND id <= "
            "(SELECT id FROM quarantine WHERE wsid = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (envelope.wsid, self._limits.quarantine_rows),
        )


def _profile_identity(profile: Profile) -> tuple[Any, ...]:
    return (*profile[:7], _row(profile[7]))


def _row(value: Any) -> tuple[Any, ...]:
    return msgspec.structs.astuple(value)


def _inserts(table: str, columns: str) -> dict[int, tuple[str, int]]:
    """INSERT statements by the number of rows that they take, largest first, with their number of parameters."""
    width = columns.count(",") + 1
    row = f"({', '.join('?' * width)})"
    return {
        rows: (f"INSERT INTO {table}({columns}) VALUES {', '.join([row] * rows)}", rows * width)
        for rows in CHUNKS
    }
