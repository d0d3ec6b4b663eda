# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what the endpoint does with each request and keeps the record: requests and times in, replies out, no I/O.

One envelope at a time meets a step of the script; everything else that comes meanwhile is taken as a server would take
it. A step is over when what it waits for has come, when it can't come any more, or when `patience_s` are over. Not
thread-safe: whoever owns a referee holds a lock around every call. All times are monotonic seconds.
"""

from __future__ import annotations

from typing import Any, Final

from . import offered
from .answers import decided
from .received import Door, Problem, Request, read
from .record import Arrival, Delivery, Record, identities_of
from .script import MAIN, REFUSED, Kind, Reply, Step
from .secrecy import leaks_in

QUIET_S: Final = 3.0
"""How long a client is watched after a 403."""
UNFIT: Final = 20
"""After so many envelopes with too few events for a step the client is taken for one that sends no others."""
GOOD: Final = Reply(stores=True)


class Referee:
    """One session. `fed` says that the kit itself offers events to the client, and can offer large ones."""

    def __init__(self, door: Door, *, fed: bool, patience_s: float, steps: tuple[Step, ...] = MAIN) -> None:
        self.record = Record()
        self.wants_large = False
        """Whether the large events are to be offered now."""
        self._door = door
        self._patience_s = patience_s
        self._steps = [step for step in steps if fed or step.kind is not Kind.LARGE]
        self._warm = False
        self._taken: Delivery | None = None
        self._since = 0.0
        self._unfit = 0
        self._refusing = False

    # -- what goes on -------------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step | None:
        """The step that is next or under way; None when none is left."""
        if self._steps:
            return self._steps[0]
        return REFUSED if self._refusing else None

    @property
    def waiting(self) -> bool:
        """Whether an envelope that met a step is expected again, so that silence means nothing."""
        return self._taken is not None

    @property
    def main_done(self) -> bool:
        """Whether all steps but the refusal at the end are over."""
        return not self._steps

    def refuse(self) -> None:
        """Begin the last step: from now on everything gets 403."""
        self._refusing = True

    def started(self) -> None:
        """The client was started."""
        self.record.starts += 1

    def ended(self) -> None:
        """The client has ended: what a step still waited for doesn't come any more."""
        if self._taken is not None:
            self._next()

    def tick(self, at: float) -> None:
        """Time passes."""
        step = self.step
        if step is None or self._refusing:
            if self.record.refused_from is not None:
                self.record.quiet_s = at - self.record.refused_from
            return
        if step.kind is Kind.LARGE:
            if not self.wants_large:
                self.wants_large, self._since = True, at
            elif self._large_arrived() or at - self._since > self._patience_s:
                self._next()
        elif self._taken is not None and at - self._since > self._patience_s:
            self._next()

    @property
    def quiet(self) -> bool:
        """Whether the client was watched long enough after its 403."""
        return self.record.refused_from is not None and self.record.quiet_s >= QUIET_S

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(self, request: Request) -> tuple[Reply, dict[str, Any], Arrival | None]:
        """What to do with a request, the JSON of its answer, and the arrival to report as `answered`."""
        self.tick(request.at)
        record = self.record
        record.requests += 1
        record.leaks += leaks_in(request, self._door.key)
        gzip_accepted = "gzip" in request.header("accept-encoding").lower()
        record.gzip_asked += gzip_accepted
        try:
            received = read(request, self._door)
        except Problem as problem:
            record.problems.append(problem)
            return Reply(problem.status), {"status_code": problem.status, "message": str(problem)}, None
        if self._refusing:
            if record.refused_from is None:
                record.refused_from = request.at
            else:
                record.requests_after_refusal += 1
        delivery = record.deliveries.get(received.id)
        if delivery is None:
            identities = identities_of(received.events)
            distinct = len(set(identities)) == len(identities) and record.identities.isdisjoint(identities)
            delivery = Delivery(
                len(record.deliveries) + 1, received, request.wall, identities, distinct, record.starts
            )
            record.deliveries[received.id] = delivery
            record.identities.update(identities)
            if not self._resealed(delivery):
                self._assign(delivery, request.at, gzip_accepted)
        reply = self._reply(delivery, request.at)
        arrival = Arrival(request.at, reply)
        delivery.arrivals.append(arrival)
        content = self._content(delivery, reply)
        self._advance(delivery)
        return reply, content, arrival

    def answered(self, arrival: Arrival, at: float) -> None:
        """The answer to an arrival has gone out, or its connection was closed."""
        arrival.answered_at = at

    # -- the script ---------------------------------------------------------------------------------------------------

    def _assign(self, delivery: Delivery, at: float, gzip_accepted: bool) -> None:
        """Have a new envelope meet the step whose turn it is. The first of a session meets none, to see it arrive."""
        warm, self._warm = self._warm, True
        if self._refusing:
            delivery.step = REFUSED
            return
        step = self.step
        if step is None or not warm or self._taken is not None or step.kind is Kind.LARGE:
            return
        if len(delivery.identities) < step.least_events:
            self._unfit += bool(delivery.identities)
            if self._unfit >= UNFIT:
                self._next()
            return
        if step.gzip_only and not gzip_accepted:
            self._next()
            self._assign(delivery, at, gzip_accepted)
            return
        delivery.step, self._taken, self._since = step, delivery, at

    def _resealed(self, delivery: Delivery) -> bool:
        """Whether a new envelope brings the events of one that was to come again as it was."""
        taken = self._taken
        if taken is None or taken.step is None or taken.step.kind is not Kind.AGAIN:
            return False
        if not taken.distinct or delivery.identities != taken.identities:
            return False
        taken.resealed_as = delivery
        self._next()
        return True

    def _reply(self, delivery: Delivery, at: float) -> Reply:
        if self._refusing and delivery.step is not REFUSED:
            return Reply(403)
        step, nth = delivery.step, len(delivery.arrivals)
        if step is None:
            return GOOD
        if step.kind in {Kind.NEVER, Kind.SPLIT, Kind.PARKED}:
            return step.replies[-1]
        if nth < len(step.replies):
            self._since = at
            return step.replies[nth]
        return GOOD

    def _content(self, delivery: Delivery, reply: Reply) -> dict[str, Any]:
        """The JSON that goes with a reply, having decided about the envelope where the reply does."""
        if reply.stores or reply.status == 400:
            duplicate = delivery.outcome is not None
            if delivery.outcome is None:
                delivery.outcome = decided(delivery.received, refused=reply.status == 400)
            status, content = delivery.outcome
            return {"status_code": status, **content, **({"duplicate": True} if duplicate else {})}
        return {"status_code": reply.status}

    def _advance(self, delivery: Delivery) -> None:
        taken = self._taken
        if taken is None or taken.step is None:
            return
        step = taken.step
        if step.kind is Kind.SPLIT:
            if self._arrived_in_others(taken) or len(taken.arrivals) > 2:
                self._next()
        elif delivery is taken and (step.kind is not Kind.AGAIN or len(taken.arrivals) > len(step.replies)):
            self._next()

    def _arrived_in_others(self, refused: Delivery) -> bool:
        left = set(refused.identities)
        for one in self.record.deliveries.values():
            if one.outcome is not None:
                left.difference_update(one.identities)
        return not left

    def _large_arrived(self) -> bool:
        return all(
            number in self.record.identities
            for number in range(offered.LARGE_FROM, offered.LARGE_FROM + offered.LARGE_EVENTS)
        )

    def _next(self) -> None:
        self._taken, self._unfit = None, 0
        if self._steps and not self._refusing:
            self._steps.pop(0)
