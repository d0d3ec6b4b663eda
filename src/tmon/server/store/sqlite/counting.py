# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting a stretch of the log: SQL over a batch of events, so that it runs outside Python's lock.

A pass copies the events into a batch, finds who is new among their visitors, adds them up to groups of hour, view and
key, and adds the groups to hours, days and months. What has nothing to do in a pass is left out: at 1,000 events a
second there are two small ones a second.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...catalogue import View
from ...events import REQUEST
from ..base import DAYS_KEPT_MS, HOURS_KEPT_MS, Limits
from . import batch, grouping, totals, visitors, visits
from .admission import Admission
from .driver import Connection
from .grouping import Counted, Grouping
from .keys import PROFILE, key_of
from .ledger import keep_ledger
from .schema import IN_STEP
from .sessions import Sessions
from .sums import ADD, unpacked
from .totals import count_totals
from .visitors import Visitors
from .visits import Visits

DROP_BEFORE = """
DELETE FROM groups WHERE view IN (SELECT view FROM view_from) AND EXISTS (
    SELECT 1 FROM hours h JOIN log.buckets d ON d.id = h.day JOIN view_from f ON f.wsid = d.wsid
    WHERE h.hour = groups.hour AND f.view = groups.view AND d.start < f.start)
"""


def counted_views(views: dict[int, tuple[View, int]]) -> dict[int, list[Counted]]:
    """The views (by number: view and follower) as the follower counts them, by follower."""
    by_owner: dict[int, list[Counted]] = {}
    for number, (view, owner) in sorted(views.items()):
        by_owner.setdefault(owner, []).append(Counted(number, view, key_of(view)))
    return by_owner


class Counting:
    """Counts what the log has between two positions, for the views of one follower."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._admission = Admission(connection, limits)
        self._grouping = Grouping(connection)
        self._visitors = Visitors(connection)
        self._visits = Visits(connection)
        self.sessions = Sessions(connection, limits)
        for part in (batch, grouping, totals, visitors, visits):
            connection.execute(part.TABLES)

    def forget(self) -> None:
        """Forget what was remembered between passes: a transaction was rolled back, or rows were moved or deleted."""
        self._admission.forget()
        self._grouping.forget()
        self._visits.forget()
        self.sessions.forget()

    def count(self, owner: int, counted: Sequence[Counted], position: int, upto: int) -> None:
        """Count the entries after `position` up to and with `upto`; within the caller's transaction."""
        db = self._db
        if owner == IN_STEP:
            keep_ledger(db, position, upto)
        found = batch.fill(db, position, upto, None if owner == IN_STEP else owner)
        if not found.events:
            return
        if owner == IN_STEP:
            self.sessions.count(counted, position, upto, told=found.sessions)
        self._grouping.begin()
        families = self._grouping.families([one for one in counted if one.view.kind == REQUEST])
        by_profile = [one for family in families.get(PROFILE, ()) for one in family.distinct()]
        self._visitors.find(owner, by_profile)
        if owner == IN_STEP and found.requests:
            count_totals(db)
        for dimension, by_kind in families.items():
            present = [family for family in by_kind if found.has(family.session)]
            if present:
                self._grouping.roll(dimension)
            for family in present:
                self._grouping.translate(family)
                self._grouping.group(family)
                if dimension != PROFILE:
                    for one in family.distinct():
                        self._visitors.join_by_key(family, one)
                elif by_profile:
                    self._visitors.join_by_profile(family, by_profile)
        if db.execute("SELECT EXISTS (SELECT 1 FROM view_from)").fetchone()[0]:
            db.execute(DROP_BEFORE)
        self._admission.admit(owner, found)
        self._add_to_buckets()
        if found.requests:
            self._visits.count(owner, counted)
        self._note_due()

    def _add_to_buckets(self) -> None:
        """Groups come in the order of counts; where several join a remainder, the conflict adds them up."""
        for bucket, key in (("hour", "hour_key"), ("day", "day_key"), ("month", "day_key")):
            self._db.execute(
                f"INSERT INTO counts SELECT h.{bucket}, g.view, coalesce(g.{key}, g.key), {unpacked('g')} "
                "FROM hours h CROSS JOIN groups g ON g.hour = h.hour WHERE true "
                f"ON CONFLICT DO UPDATE SET {ADD}"
            )

    def _note_due(self) -> None:
        """Counts are kept for a time after the later of their bucket's end and their last change."""
        for bucket, kept in (("id", HOURS_KEPT_MS), ("day", DAYS_KEPT_MS), ("month", DAYS_KEPT_MS)):
            self._db.execute(
                f"INSERT INTO due SELECT b.id, max((b.start + b.length) * 1000, x.received) + {kept} FROM "
                f"hours x JOIN log.buckets h ON h.id = x.hour JOIN log.buckets b ON b.id = h.{bucket} "
                "WHERE true ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"
            )
