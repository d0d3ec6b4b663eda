# SPDX-License-Identifier: LGPL-3.0-or-later
"""Delivers queued events in sealed batches from a background thread and keeps the run's books.

A batch is numbered and sealed once, when it is made; every attempt to deliver it sends the same bytes.
Batches go one after the other, so a server that is away leaves one batch in flight and the rest in the
queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from . import envelope, lifetime
from .answer import Answer
from .delivery import deliver, until
from .dsn import Dsn
from .errors import Refused, Undelivered
from .queue import Limits, Queue
from .run import Run, plaintext
from .transport import Reply, Transport

log = logging.getLogger("tmon")

# Below this zlib saves nothing worth its time.
COMPRESS_FROM_BYTES: Final = 512
# A loss that no further event brings to the server is reported by an empty envelope.
REPORT_LOSS_AFTER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of the events of this run so far.

    `rejected` events were turned away by the server, which keeps count of them itself; `lost` ones (by
    reason) never got there, or the server cannot know what they were. tracked = waiting + accepted +
    repeated + rejected + lost.
    """

    tracked: int
    waiting: int
    accepted: int
    repeated: int
    rejected: int
    lost: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Batch:
    head: dict[str, object]
    events: Sequence[bytes]
    queued: bool


class Sender:
    """One run's queue, books and thread. Every method may be called from any thread."""

    def __init__(self, dsn: Dsn, source: str, limits: Limits, timeout_s: float) -> None:
        self._dsn = dsn
        self._key = envelope.cipher(dsn.key)
        self._source = source
        self._limits = limits
        self._timeout_s = timeout_s
        self._closing = False
        self._deadline = 0.0
        self._begin()
        lifetime.watch(self)

    def _begin(self) -> None:
        # A condition's lock is re-entrant: a signal handler may track while its thread holds it.
        self._changed = threading.Condition()
        self._queue = Queue(self._limits)
        self._run = Run(self._source)
        self._transport = Transport(self._dsn, timeout_s=self._timeout_s)
        self._thread: threading.Thread | None = None
        self._tracked = self._accepted = self._repeated = self._rejected = 0
        self._in_flight = 0
        # Both only grow: events that entered the queue, and events that came to their end after being in it.
        self._queued = self._settled = 0
        self._flush_to = 0
        self._away = False
        self._farewell_made = self._hurried = False
        self._abandoned = False
        self._said: set[str] = set()

    def put(self, event: bytes) -> None:
        """Queue an encoded event; when the queue is full or closed it is counted as lost."""
        with self._changed:
            self._tracked += 1
            was_full = self._queue.fills_a_batch()
            if self._closing:
                reason = "closed"
            elif self._queue.put(event):
                self._queued += 1
                if len(self._queue) == 1 or (not was_full and self._queue.fills_a_batch()):
                    self._wake()
                return
            else:
                reason = "queue_full"
            self._drop(reason)
        self.warn_once(reason, "events are dropped and counted as lost: %s", reason)

    def drop(self, reason: str) -> None:
        """Count an event as lost that cannot even be queued."""
        with self._changed:
            self._tracked += 1
            self._drop(reason)

    def flush(self, timeout: float) -> bool:
        """Send what is queued without waiting for more; whether all of it was decided in time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            goal = self._flush_to = self._queued
            if threading.current_thread() is self._thread:
                return self._settled >= goal
            if self._settled < goal:
                self._wake()
            while self._settled < goal and not self._abandoned:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
            return not self._abandoned

    def send_now(
        self,
        events: Sequence[bytes],
        *,
        stream: str | None,
        timeout: float | None,
        on_failure: Callable[[str], None] | None,
    ) -> Answer:
        """Seal `events` into one envelope, deliver it from the calling thread and return the answer.

        Raises Refused or Undelivered, after counting the events as lost where the server does not count them.
        """
        pause = until(None if timeout is None else time.monotonic() + timeout)
        with self._changed:
            if self._closing:
                raise ValueError("the client is closed")
            self._tracked += len(events)
            self._in_flight += len(events)
            batch = _Batch(self._run.head(len(events), stream=stream), events, queued=False)
        outcome: Answer | str = "failed"
        try:
            outcome = deliver(self._transport.post, self._seal(batch), pause=pause, on_failure=on_failure)
        except Refused as refused:
            outcome = refused.answer
            raise
        except Undelivered:
            outcome = "undelivered"
            raise
        finally:
            self._settle(batch, outcome)
        return outcome

    def begin_close(self, timeout: float) -> None:
        """Take no more events and let the thread finish within `timeout` seconds, without waiting for it."""
        with self._changed:
            if not self._closing:
                self._closing = True
                self._deadline = time.monotonic() + timeout
                self._changed.notify_all()

    def close(self, timeout: float) -> bool:
        """Deliver what is queued, say that the run ends, and stop; whether that worked in time."""
        self.begin_close(timeout)
        lifetime.release(self)
        with self._changed:
            if threading.current_thread() is self._thread:
                return False
            if self._tracked and not self._farewell_made:
                self._wake()
            thread = self._thread
        if thread is not None:
            thread.join(max(self._deadline - time.monotonic(), 0.0))
        elif self._tracked:
            # An interpreter that is shutting down starts no threads.
            self._work()
        with self._changed:
            return not self._abandoned and (thread is None or not thread.is_alive())

    def stats(self) -> Stats:
        """What became of the events so far."""
        with self._changed:
            return Stats(
                tracked=self._tracked,
                waiting=len(self._queue) + self._in_flight,
                accepted=self._accepted,
                repeated=self._repeated,
                rejected=self._rejected,
                lost=dict(self._run.lost),
            )

    def warn_once(self, topic: str, message: str, *values: object) -> None:
        """Log a warning, for each `topic` only the first time in this run."""
        with self._changed:
            if topic in self._said:
                return
            self._said.add(topic)
        log.warning(message, *values)

    def after_fork_in_child(self) -> None:
        """Begin a new run in a forked child: queue, thread and connections stay with the parent."""
        self._begin()

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="tmon-sender", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
        self._changed.notify_all()

    def _drop(self, reason: str) -> None:
        self._run.drop(reason)
        if not self._queue and not self._closing:
            self._wake()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            outcome: Answer | str = "failed"
            # Nobody needs to hear that an empty envelope, which only carries the books, fell by the wayside.
            heard = self._note_failure if batch.events else None
            try:
                outcome = deliver(self._post, self._seal(batch), pause=self._pause, on_failure=heard)
            except Refused as refused:
                outcome = refused.answer
                if batch.events:
                    self.warn_once(f"refused_{outcome.status}", "%d events: %s", len(batch.events), refused)
            except Undelivered as undelivered:
                outcome = "undelivered"
                self._abandon(len(batch.events), str(undelivered))
            except Exception as error:  # noqa: BLE001 (a dead thread would lose all that follows)
                self.warn_once("failed", "a batch cannot be sent and is counted as lost: %r", error)
            self._settle(batch, outcome)
        self._transport.close()

    def _next(self) -> _Batch | None:
        with self._changed:
            while True:
                if self._closing:
                    return self._last_batches()
                due_in_s = self._queue.due_in_s()
                if due_in_s is None and (since := self._run.unreported_since) is not None:
                    due_in_s = since + REPORT_LOSS_AFTER_S - time.monotonic()
                elif self._flush_to > self._queued - len(self._queue):
                    due_in_s = 0.0
                if due_in_s is not None and due_in_s <= 0:
                    return self._take()
                self._changed.wait(due_in_s)

    def _last_batches(self) -> _Batch | None:
        begun = self._queued > 0 or self._run.envelopes > 0 or self._run.unreported_since is not None
        if self._abandoned or self._farewell_made or not begun:
            return None
        if time.monotonic() >= self._deadline:
            self._abandon(0, "the time to close was over")
            return None
        return self._take()

    def _take(self) -> _Batch:
        events = self._queue.take()
        self._in_flight += len(events)
        self._farewell_made = self._closing and not self._queue
        return _Batch(self._run.head(len(events), close=self._farewell_made), events, queued=True)

    def _seal(self, batch: _Batch) -> bytes:
        content = plaintext(batch.head, batch.events)
        codec = envelope.Codec.ZLIB if len(content) >= COMPRESS_FROM_BYTES else envelope.Codec.PLAIN
        return envelope.seal(content, self._key, self._dsn.wsid, codec=codec)

    def _post(self, sealed: bytes) -> Reply:
        left_s = max(self._deadline - time.monotonic(), 0.1) if self._closing else None
        return self._transport.post(sealed, timeout_s=left_s)

    def _pause(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        with self._changed:
            while (now := time.monotonic()) < end:
                if self._closing and not self._hurried:
                    # Whatever wait was asked for, closing gets one try at once: the server may be back.
                    self._hurried = True
                    break
                if self._closing and end > self._deadline:
                    return False
                self._changed.wait(end - now)
            return not self._closing or time.monotonic() < self._deadline

    def _note_failure(self, reason: str) -> None:
        with self._changed:
            first, self._away = not self._away, True
        if first:
            log.warning("events wait, trying again: %s", reason)

    def _note_answer(self, answer: Answer, *, queued: bool) -> None:
        with self._changed:
            back, self._away = self._away, False
        if back:
            log.info("the server answers again")
        if answer.rejected and queued:
            self.warn_once(
                "rejected", "the server rejects events, the first because: %s", answer.rejected[0].error
            )

    def _settle(self, batch: _Batch, outcome: Answer | str) -> None:
        if not isinstance(outcome, str):
            self._note_answer(outcome, queued=batch.queued)
        count = len(batch.events)
        with self._changed:
            self._in_flight -= count
            if batch.queued:
                self._settled += count
            if isinstance(outcome, str):
                self._run.lose_sealed(outcome, count)
            elif outcome.ok:
                self._accepted += outcome.accepted
                self._repeated += outcome.repeated
                self._rejected += outcome.rejected_count
            elif outcome.status == 400:
                # It opened, so the server's own books hold its events as rejected.
                self._rejected += count
            else:
                self._run.lose_sealed(f"refused_{outcome.status}", count)
            self._changed.notify_all()

    def _abandon(self, in_flight: int, reason: str) -> None:
        with self._changed:
            self._abandoned = True
            count = self._queue.clear()
            self._run.drop("undelivered", count)
            self._settled += count
            self._changed.notify_all()
        if count + in_flight:
            self.warn_once("undelivered", "closed before everything was delivered: %s", reason)
