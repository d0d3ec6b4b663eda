# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer's side of the embedded store: appending to log.db."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...calendar import Hour
from ...events import Event
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
from .driver import TROUBLES, Connection
from .identities import Identities
from .rows import Appended, Rows
from .schema import DAY, HOUR, MONTH
from .shared import Shared

CLOSING, ERASURE, DELETION = 1, 2, 3

OUTCOME_COLUMNS = "wsid, envelope, status, accepted, repeated, rejected, errors, message"

CACHED_HOURS = 100_000


class Log:
    """The log, as the one thread that appends to it uses it."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits
        self._shared = Shared(connection)
        self._identities = Identities(connection)
        self._hours: dict[tuple[int, int], tuple[int, bool]] = {}
        self._rows = Rows(connection, self._shared, self._hour)

    def transaction(self, work: Callable[[], Any]) -> Any:
        """Do `work` in one transaction, on disk when this returns. Raises Unavailable where SQLite can't."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                result = work()
                self._db.execute("COMMIT")
            except BaseException:
                self.forget()
                self._identities.forget()
                self._hours.clear()
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except TROUBLES as error:
            raise Unavailable(f"the log cannot be written: {error}") from error
        return result

    def forget(self) -> None:
        """Forget the numbers of shared values."""
        self._shared.forget()

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
        entries = list(self._identities.find([one[1] for one in ids]).values())
        for at in range(0, len(entries), 500):
            part = entries[at : at + 500]
            marks = ", ".join("?" * len(part))
            query = f"SELECT {OUTCOME_COLUMNS} FROM entries WHERE seq IN ({marks}) AND envelope IS NOT NULL"
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
        self._shared.begin(day)
        if len(self._hours) > CACHED_HOURS:
            self._hours.clear()
        following = self._next()
        appended: list[Appended] = []
        outcomes: list[Outcome] = []
        for envelope in envelopes:
            identity = (envelope.wsid, envelope.id)
            stored = known.get(identity)
            if stored is not None:
                outcomes.append(stored if stored.duplicate else stored.again())
                continue
            taken, highest = envelope.events, None
            if envelope.stream is not None:
                taken, highest = self._beyond(envelope, envelope.stream)
            outcome = outcome_of(envelope, len(envelope.events) - len(taken), highest)
            appended.append(Appended(envelope, outcome, following, taken))
            following += 1 + len(taken)
            if envelope.payloads:
                self._quarantine(envelope)
            outcomes.append(outcome)
            known[identity] = outcome
        self._rows.insert(appended)
        self._identities.add((one.envelope.id, one.seq) for one in appended)
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

    def _beyond(self, envelope: Envelope, stream: str) -> tuple[list[Event], int | None]:
        """The events beyond the stream's highest offset, and that offset, which has moved to the last of them."""
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
        return taken, None if highest < 0 else highest

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
        number = self._db.added(
            "INSERT INTO buckets(wsid, grain, start, length, day, month) VALUES (?, ?, ?, ?, ?, ?)",
            (wsid, grain, start, end - start, day, month),
        )
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
