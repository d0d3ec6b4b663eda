# SPDX-License-Identifier: GPL-3.0-or-later
"""The follower's side of the embedded store: bringing the views of views.db up to a position in the log.

Counts and position move in one transaction, so every event counts in every view exactly once, whatever crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ...catalogue import VISIT
from ..base import Damaged, Limits
from .closing import Closing
from .counting import Counting
from .driver import Connection
from .grouping import Counted
from .schema import IN_STEP
from .sums import MOST_EVENTS

T = TypeVar("T")

OF_VISITS = f"json_extract(definition, '$.kind') = '{VISIT}'"
HAND_OVER = f"""
UPDATE visits SET owner = ? WHERE owner = ?
AND NOT EXISTS (SELECT 1 FROM views WHERE owner = ? AND {OF_VISITS})
"""


class Follower:
    """Brings views further along the log; used by one thread at a time."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._db = connection
        self._counting = Counting(connection, limits)
        self.sessions = self._counting.sessions
        self._closing = Closing(connection, limits, self.sessions)
        self._turn = 0
        end = self.log_end()
        for owner, position in connection.execute("SELECT owner, position FROM followers").fetchall():
            if position > end:
                raise Damaged(
                    f"the views (follower {owner}) are at entry {position}, the log ends at {end}: "
                    "log.db is older than views.db; restore both from one backup"
                )

    def fill_from_sessions(self, one: Counted) -> None:
        """Have a new view of sessions count those that are known; within the caller's transaction."""
        self.sessions.fill_view(one)
        self._closing.close_anew(one.number)

    def log_end(self) -> int:
        """The number of the log's last entry or event."""
        (following,) = self._db.execute("SELECT value FROM log.meta WHERE name = 'next'").fetchone()
        return int(following) - 1

    def advance(self, counted: Mapping[int, Sequence[Counted]], most: int) -> bool:
        """One pass of one follower, or of a rule of sessions that fills, each in its turn. True if there was one.

        `counted` has the views by follower.
        """
        end = self.log_end()
        positions = dict(self._db.execute("SELECT owner, position FROM followers").fetchall())
        in_step = positions[IN_STEP]
        # a view that fills goes no further than those in step, so that it can join them
        waiting = [owner for owner, position in positions.items() if position < (in_step if owner else end)]
        rules = self.sessions.waiting()
        if not waiting and not rules:
            return False
        self._turn += 1
        turn = self._turn % (len(waiting) + bool(rules))
        if turn == len(waiting):
            in_step_views = counted.get(IN_STEP, ())
            self.transaction(lambda: self.sessions.fill(in_step_views, rules[0], most))
            return True
        owner = waiting[turn]
        views = counted.get(owner, ())
        self.transaction(
            lambda: self._pass(owner, views, positions[owner], end if owner == IN_STEP else in_step, most)
        )
        return True

    def transaction(self, work: Callable[[], T]) -> T:
        """Do `work` in one transaction."""
        self._db.execute("BEGIN")  # IMMEDIATE would lock the attached log, and appends with it
        try:
            result = work()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._counting.forget()
            raise
        return result

    def _pass(self, owner: int, counted: Sequence[Counted], position: int, end: int, most: int) -> None:
        special = self._db.execute(
            "SELECT seq, kind, wsid, bucket, erased FROM log.entries WHERE kind <> 0 AND seq > ? AND seq <= ? "
            "ORDER BY seq LIMIT 1",
            (position, end),
        ).fetchone()
        upto = min(end, special[0] - 1) if special is not None else end
        if position < upto:
            last = self._db.execute(
                "SELECT seq, accepted FROM log.entries WHERE seq > ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
                (position, min(upto, position + min(most, MOST_EVENTS))),
            ).fetchone()
            if last is None:  # entries that have expired before any follower needed them
                following = self._db.execute(
                    "SELECT min(seq) FROM log.entries WHERE seq > ?", (position,)
                ).fetchone()[0]
                reached = upto if following is None or following > upto else following - 1
            else:
                reached = last[0] + last[1]
                self._counting.count(owner, counted, position, reached)
        else:
            assert special is not None
            reached = special[0]
            self._closing.apply(owner, counted, *special)
            self._counting.forget()
        self._db.execute("UPDATE followers SET position = ? WHERE owner = ?", (reached, owner))
        if owner != IN_STEP and reached == end:
            self._join(owner)

    def _join(self, owner: int) -> None:
        """The view that filled has caught up: from now on it goes with those in step.

        The first view of visits among them brings along what it knows of open days; those have it already for a later
        one.
        """
        self._db.execute(HAND_OVER, (IN_STEP, owner, IN_STEP))
        self._db.execute("UPDATE views SET owner = ? WHERE owner = ?", (IN_STEP, owner))
        for table in ("followers", "seen", "closed", "visits"):
            self._db.execute(f"DELETE FROM {table} WHERE owner = ?", (owner,))
