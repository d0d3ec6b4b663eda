# SPDX-License-Identifier: LGPL-3.0-or-later
"""Delivers queued events in sealed batches from background threads and keeps the run's books.

A batch is numbered and sealed once, when it is made; every attempt to deliver it sends the same bytes.
Batches go one after the other. In memory, a server that is away leaves one batch in flight and the rest in
the queue, and one thread seals and sends. Where a disk keeps what is sealed, a second thread seals batches as
they fall due, whatever the first one waits for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from . import lifetime
from .answer import Answer
from .books import Books, Stats
from .courier import Courier, Ending
from .delivery import deliver, until
from .dsn import Dsn
from .errors import EnvelopeError, Refused, Undelivered
from .outbox import Memory, Outbox
from .parcel import Parcel, Sealer
from .queue import Limits, Queue
from .transport import Post
from .trouble import Herald, OnError
from .workers import Workers

if TYPE_CHECKING:
    from .spool import Spool

# A loss that no further event brings to the server is reported by an empty envelope.
REPORT_LOSS_AFTER_S: Final = 10.0
# Room in the spool may also be made by another process, which does not tell.
LOOK_FOR_ROOM_S: Final = 1.0
# What is left of the time to close when a full spool is not waited for any longer.
FAREWELL_S: Final = 0.5


class _Batch(NamedTuple):
    head: dict[str, object]
    events: Sequence[bytes]


class Sender:
    """One run's queue, books and threads. Every method may be called from any thread.

    `connect` makes the connections to the server, anew after a fork; `spool` makes the outbox on a disk, None
    keeps it in memory.
    """

    def __init__(
        self,
        dsn: Dsn,
        source: str,
        limits: Limits,
        *,
        connect: Callable[[], Post],
        on_error: OnError | None = None,
        spool: Callable[[Herald, Sealer], Spool] | None = None,
        compress: bool = True,
    ) -> None:
        self._sealer = Sealer(dsn, compress=compress)
        self._source = source
        self._limits = limits
        self._connect = connect
        self._on_error = on_error
        self._make_spool = spool
        self._ending = Ending()
        self._spool: Spool | None = None
        self._begin()
        lifetime.watch(self)
        if self._spool is not None and self._spool.has_others():
            self._workers.start()

    def _begin(self) -> None:
        # A condition's lock is re-entrant: a signal handler may track while its thread holds it.
        self._changed = threading.Condition()
        self._queue = Queue(self._limits)
        self._books = Books(self._source)
        self._run = self._books.run
        self._herald = Herald(self._on_error)
        self._courier = Courier(self._connect(), self._herald, self._changed, self._ending)
        self._spool = None if self._make_spool is None else self._make_spool(self._herald, self._sealer)
        self._outbox: Outbox = Memory() if self._spool is None else self._spool
        sends = ("tmon-sender", self._work)
        spools = ("tmon-spooler", self._fill_spool)
        self._workers = Workers(sends) if self._spool is None else Workers(spools, sends)
        self._flush_to = 0
        self._farewell_made = False
        self._abandoned = self._all_sealed = self._all_sent = False
        # The spooler has put something into the spool since the other thread looked. A disk may be slow, so nobody
        # looks there while holding the lock that `put` needs.
        self._kept = False
        self.pid = os.getpid()

    def put(self, event: bytes) -> None:
        """Queue an encoded event; when the queue is full or closed it is counted as lost."""
        self._here()
        with self._changed:
            was_full = self._queue.fills_a_batch()
            if self._ending.begun:
                reason = "closed"
            elif self._queue.put(event):
                self._books.tracked += 1
                self._books.queued += 1
                reason = ""
                if len(self._queue) == 1 or (not was_full and self._queue.fills_a_batch()):
                    self._changed.notify_all()
            else:
                reason = "queue_full"
        if reason:
            self.drop(reason, _WHY_DROPPED[reason])
        elif self._workers.incomplete:
            self._workers.start()

    def drop(self, reason: str, message: str, count: int = 1) -> None:
        """Count events as lost that cannot even be queued."""
        self._here()
        with self._changed:
            self._books.drop(reason, count)
            if not self._queue:
                self._changed.notify_all()
        if self._workers.incomplete and not self._ending.begun:
            self._workers.start()
        self._herald.tell(reason, f"events are dropped and counted as lost: {message}", count)

    def tell(self, reason: str, message: str) -> None:
        """Say that something goes wrong by which no event is lost."""
        self._herald.tell(reason, message)

    def flush(self, timeout: float) -> bool:
        """Send what is queued without waiting for more; whether all of it was decided in time."""
        self._here()
        deadline = time.monotonic() + timeout
        books = self._books
        if self._workers.incomplete and books.queued:
            self._workers.start()
        with self._changed:
            goal = self._flush_to = books.queued
            if self._workers.here():
                return books.settled >= goal
            self._changed.notify_all()
            while books.settled < goal and not self._abandoned:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return not self._abandoned

    def seal_now(self, events: Sequence[bytes], *, stream: str | None) -> Parcel:
        """Seal `events` into one envelope, which `deliver_now` or `give_up` has to be called with."""
        self._here()
        count = len(events)
        with self._changed:
            if self._ending.begun:
                raise ValueError("the client is closed")
            self._books.tracked += count
            self._books.in_flight += count
            head = self._run.head(count, stream=stream)
        try:
            return self._sealer.seal(head, events)
        except BaseException:
            self._settle(count, "failed", queued=False)
            raise

    def deliver_now(
        self, parcel: Parcel, *, timeout: float | None, on_failure: Callable[[str], None] | None
    ) -> Answer:
        """Deliver what `seal_now` returned, from the calling thread, and return the answer.

        Raises Refused or Undelivered, after counting the events as lost where the server does not count them.
        """
        pause = until(None if timeout is None else time.monotonic() + timeout)
        outcome: Answer | str = "failed"
        try:
            outcome = deliver(
                self._courier.transport.post, parcel.envelope, pause=pause, on_failure=on_failure
            )
        except Refused as refused:
            outcome = refused.answer
            raise
        except Undelivered:
            outcome = "undelivered"
            raise
        finally:
            self._settle(parcel.events, outcome, queued=False)
        return outcome

    def give_up(self, parcel: Parcel) -> None:
        """Count what `seal_now` returned as lost: it will not be delivered."""
        self._settle(parcel.events, "undelivered", queued=False)

    def begin_close(self, timeout: float) -> None:
        """Take no more events and let the threads finish within `timeout` seconds, without waiting for it."""
        self._here()
        with self._changed:
            self._end_within(timeout)
            self._changed.notify_all()

    def forgotten(self, timeout: float) -> None:
        """Begin to close for a client that is gone.

        The garbage collector calls this in any thread, whatever locks that one holds, so it waits for none. If
        the threads cannot be told just now, they hear of it when they wake, or at the end of the process.
        """
        self._end_within(timeout)
        if self._changed.acquire(blocking=False):
            try:
                self._changed.notify_all()
            finally:
                self._changed.release()

    def _end_within(self, timeout: float) -> None:
        if not self._ending.begun:
            self._ending.deadline = time.monotonic() + timeout
            self._ending.begun = True

    def close(self, timeout: float) -> bool:
        """Deliver what is queued, say that the run ends, and stop; whether that worked in time."""
        self.begin_close(timeout)
        lifetime.release(self)
        if self._workers.here():
            return False
        finish = self._workers.finish if self._books.tracked else self._workers.join
        ended = finish(self._ending.deadline)
        self._herald.tell_rest(ending=True)
        return ended and not self._abandoned

    def stats(self) -> Stats:
        """What became of the events so far."""
        self._here()
        with self._changed:
            return self._books.stats(len(self._queue))

    def after_fork_in_child(self) -> None:
        """Begin a new run in a forked child: queue, threads and connections stay with the parent."""
        if self._spool is not None:
            self._spool.forsake()
        self._begin()

    def _here(self) -> None:
        if self.pid != os.getpid():
            lifetime.renew(self)

    # -- what is due gets sealed

    def _due(self) -> _Batch | None:
        """Take what is due, now; None if nothing is. The caller holds the lock."""
        due_in_s = self._due_in_s()
        if self._ending.begun:
            if self._farewell_made or not self._books.begun or (self._abandoned and self._spool is None):
                return None
        elif due_in_s is None or due_in_s > 0:
            return None
        events = self._queue.take()
        self._books.in_flight += len(events)
        # The farewell to a spool is empty: it has to go in, and events may have no room there.
        self._farewell_made = self._ending.begun and not self._queue and (self._spool is None or not events)
        return _Batch(self._run.head(len(events), close=self._farewell_made), events)

    def _due_in_s(self) -> float | None:
        """Seconds until there is something to seal; None if nothing waits for that."""
        if self._flush_to > self._books.queued - len(self._queue):
            return 0.0
        due_in_s = self._queue.due_in_s()
        if due_in_s is None and (since := self._run.unreported_since) is not None:
            due_in_s = since + REPORT_LOSS_AFTER_S - time.monotonic()
        return due_in_s

    def _seal(self, batch: _Batch) -> Parcel | None:
        try:
            return self._sealer.seal(batch.head, batch.events)
        except Exception as error:  # noqa: BLE001 (a dead thread would lose all that follows)
            self._settle(len(batch.events), "failed")
            self._tell_failed(error, len(batch.events))
            return None

    def _fill_spool(self) -> None:
        """The second thread: seals what falls due and gives it to the disk."""
        while True:
            with self._changed:
                while (batch := self._due()) is None:
                    if self._ending.begun:
                        break
                    self._changed.wait(self._due_in_s())
            if batch is None:
                break
            parcel = self._seal(batch)
            if parcel is not None:
                self._keep(parcel, must=not batch.events)
        with self._changed:
            self._all_sealed = True
            last = self._all_sent
            self._changed.notify_all()
        if last:
            self._outbox.close()

    def _keep(self, parcel: Parcel, *, must: bool) -> None:
        while not self._outbox.add(parcel, must=must):
            with self._changed:
                left_s = (
                    self._ending.deadline - FAREWELL_S - time.monotonic()
                    if self._ending.begun
                    else LOOK_FOR_ROOM_S
                )
                if left_s > 0:
                    self._changed.wait(min(left_s, LOOK_FOR_ROOM_S))
                    continue
            self._settle(parcel.events, "spool_full")
            self._herald.tell("spool_full", "closed while the spool is full", parcel.events)
            return
        with self._changed:
            self._kept = True
            self._changed.notify_all()

    # -- what is sealed gets sent

    def _work(self) -> None:
        while (parcel := self._next()) is not None:
            self._decide(parcel)
            self._herald.tell_rest()
        self._courier.transport.close()
        with self._changed:
            self._all_sent = True
            last = self._spool is None or self._all_sealed
            self._changed.notify_all()
        if last:
            self._outbox.close()

    def _next(self) -> Parcel | None:
        """Return what is sent next, when there is something; None at the end."""
        while not self._abandoned:
            parcel = self._outbox.head()
            if parcel is None:
                ended = self._seal_next() if self._spool is None else self._wait_for_spooler(self._spool)
                if ended:
                    return None
            elif self._ending.late:
                self._abandon("the time to close was over")
            else:
                return parcel
        return None

    def _seal_next(self) -> bool:
        """Wait for what is due and seal it; True when there is no more."""
        with self._changed:
            while (batch := self._due()) is None:
                if self._ending.begun:
                    return True
                self._changed.wait(self._due_in_s())
        parcel = self._seal(batch)
        if parcel is not None:
            self._outbox.add(parcel)
        return False

    def _wait_for_spooler(self, spool: Spool) -> bool:
        """Wait until the spool has something; True when all of it is gone. Meanwhile deliver what others left."""
        self._herald.tell_rest()
        late = self._ending.late
        if not late and spool.deliver_adopted(self._courier.post):
            return False
        with self._changed:
            kept, self._kept = self._kept, False
            if not kept:
                if self._all_sealed or late:
                    return True
                self._changed.wait(spool.look_again_in_s())
        return False

    def _decide(self, parcel: Parcel) -> None:
        if self._spool is not None and self._spool.expired(parcel):
            self._outbox.replace(())
            if parcel.events:
                self._herald.tell("expired", f"{parcel.events} events waited too long", parcel.events)
            self._settle(parcel.events, "expired")
            return
        outcome: Answer | str = "failed"
        try:
            outcome = self._courier.carry(parcel)
        except Refused as refused:
            outcome = refused.answer
            if outcome.status == 413 and parcel.events > 1 and self._cut(parcel):
                return
            # Events that a 400 counts as rejected are told of as such.
            lost = parcel.events - (outcome.rejected_count if outcome.status == 400 else 0)
            if lost > 0:
                self._herald.tell(f"refused_{outcome.status}", f"{lost} events are lost: {refused}", lost)
        except Undelivered as undelivered:
            self._abandon(str(undelivered))
            return
        except Exception as error:  # noqa: BLE001 (a dead thread would lose all that follows)
            self._tell_failed(error, parcel.events)
        self._outbox.replace(())
        self._settle(parcel.events, outcome)

    def _cut(self, parcel: Parcel) -> bool:
        try:
            self._outbox.replace(self._sealer.halve(parcel, self._number))
        except (EnvelopeError, ValueError):
            return False
        return True

    def _number(self) -> int:
        with self._changed:
            return self._run.number()

    def _tell_failed(self, error: Exception, events: int) -> None:
        self._herald.tell("failed", f"a batch cannot be sent and is counted as lost: {error!r}", events)

    def _settle(self, count: int, outcome: Answer | str, *, queued: bool = True) -> None:
        if not isinstance(outcome, str):
            self._courier.note_answer(outcome, queued=queued)
        with self._changed:
            self._books.settle(count, outcome, queued=queued)
            self._changed.notify_all()

    def _abandon(self, reason: str) -> None:
        """Give up: what is only in memory is lost, what a disk keeps waits there."""
        count = 0
        with self._changed:
            self._abandoned = True
            if self._spool is None:
                while (parcel := self._outbox.head()) is not None:
                    self._outbox.replace(())
                    self._books.settle(parcel.events, "undelivered")
                    count += parcel.events
                waiting = self._queue.clear()
                self._run.drop("undelivered", waiting)
                self._books.settled += waiting
                count += waiting
            self._changed.notify_all()
        if count:
            self._herald.tell("undelivered", f"closed before everything was delivered: {reason}", count)


_WHY_DROPPED: Final = {
    "closed": "the client is closed",
    "queue_full": "the queue is full",
}
