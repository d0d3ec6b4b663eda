# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer: the one thread that appends to the store, many envelopes per commit.

The collector's loop hands envelopes over with `take` and says whom to tell. The thread takes everything that waits,
up to a bound, appends it in one transaction and then has everybody told with one call into the loop. What has to
happen between commits (periodic work, erasures, views) is handed over with `call`, so that the store sees one
thread at a time.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tmon.server.store.base import Envelope, Outcome, Store, Unavailable

from .budgets import EventBudgets
from .errors import Busy, Deleted, NotStored, NotTaken, OverBudget
from .gathering import Gathering

log = structlog.get_logger(__name__)

Answered = Callable[[Outcome | NotTaken], None]
"""Is told what became of an envelope."""
Result = TypeVar("Result")

BEHIND_S: Final = 1.5
"""How many seconds the views may be behind before commits make room for them."""
PAUSE_PER_S: Final = 2.0
"""How much longer each pauses for every second more, in times of what the commit took."""
LONGEST_PAUSE: Final = 4.0
"""The longest pause, in the same measure: a fifth of what could be committed is taken whatever the views do."""
COMMIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait for the store, the part being committed included, and how much one commit takes.

    An envelope that is larger than what is left of a bound is taken only if nothing else waits.
    """

    envelopes: int = 4_096
    events: int = 50_000
    bytes: int = 32 * 1024 * 1024
    """Of plaintext."""
    commit_events: int = 20_000


@dataclass(slots=True, eq=False)
class _Waiting:
    """An envelope on its way, whom to tell, and whom else: those who brought it again."""

    envelope: Envelope
    events: int
    size: int
    answered: Answered
    again: list[Answered] | None = None


@dataclass(slots=True, eq=False)
class _Call:
    function: Callable[[], Any]
    future: Future[Any]


FAILING_S: Final = 10.0
_STOP: Final = object()
_RESULTS: Final = {OverBudget: "over_budget", Deleted: "deleted", NotStored: "failed"}

Answer = tuple[_Waiting, Outcome | NotTaken]


class Writer:
    """Owns a store's appending side. `take` and `stop` belong to one event loop, `call` to any thread.

    `events_per_second` gives a web service's budget by its id. `committed` is called on the writer's thread after
    every commit and every `call`, before anyone is answered. `behind_s` says how far the views are behind, in seconds:
    the further, the longer the thread pauses after a commit, since what is taken faster than it is counted would be
    seen ever later. Meanwhile what comes waits, and is refused as Busy beyond the bounds.
    """

    def __init__(
        self,
        store: Store,
        events_per_second: Callable[[int], int],
        *,
        committed: Callable[[], None] = lambda: None,
        behind_s: Callable[[], float] = lambda: 0.0,
        bounds: Bounds | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._store = store
        self._events_per_second = events_per_second
        self._committed = committed
        self._behind_s = behind_s
        self._bounds = bounds or Bounds()
        self._budgets = EventBudgets()
        self._deleted: set[int] = set()
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending: dict[tuple[int, bytes], _Waiting] = {}
        self._events = 0
        self._bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._gathering: Gathering[_Waiting] = Gathering(self._queue.put)
        self._stopping = False
        self._closing = threading.Lock()
        self._closed = True
        self._failing: tuple[str, float] | None = None
        self._declare(registry or CollectorRegistry())

    # -- the loop's side ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; outcomes are delivered to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> str | None:
        """Why the last commit failed, if that was less than ten seconds ago.

        Who sends nothing more to a server that fails would not find out that it has recovered.
        """
        failing = self._failing
        return failing[0] if failing is not None and time.monotonic() - failing[1] < FAILING_S else None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def take(self, envelope: Envelope, size: int, answered: Answered) -> None:
        """Take an envelope of `size` bytes of plaintext.

        `answered` is called on the loop, later, with the outcome once it is on disk, or a NotTaken: OverBudget,
        NotStored. One that is already on its way gets what becomes of that one, marked as a duplicate. Raises Busy if
        too much waits.
        """
        assert self._loop is not None, "start() comes first"
        key = (envelope.wsid, envelope.id)
        on_its_way = self._pending.get(key)
        if on_its_way is not None:
            on_its_way.again = [*(on_its_way.again or ()), answered]
            return
        events = len(envelope.events) + len(envelope.rejected) or 1
        if self._stopping or self._full(events, size):
            self._envelopes_total["busy"].inc()
            raise Busy(
                "the server is stopping" if self._stopping else "more waits than the store can keep up with"
            )
        self._events += events
        self._bytes += size
        waiting = self._pending[key] = _Waiting(envelope, events, size, answered)
        self._gathering.add(waiting, events)

    async def stop(self) -> None:
        """Take nothing more, finish what was taken, and end the thread."""
        self._stopping = True
        if self._thread is None:
            return
        self._gathering.end()
        self._queue.put(_STOP)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        await asyncio.sleep(0)  # the last outcomes are delivered

    def _full(self, events: int, size: int) -> bool:
        bounds = self._bounds
        return bool(self._pending) and (
            len(self._pending) >= bounds.envelopes
            or self._events + events > bounds.events
            or self._bytes + size > bounds.bytes
        )

    def _deliver(self, answers: Sequence[Answer]) -> None:
        for waiting, answer in answers:
            del self._pending[waiting.envelope.wsid, waiting.envelope.id]
            self._events -= waiting.events
            self._bytes -= waiting.size
            tell(waiting.answered, answer)
            if waiting.again is not None:
                same = answer.again() if isinstance(answer, Outcome) else answer
                for answered in waiting.again:
                    tell(answered, same)

    # -- any thread's side ----------------------------------------------------------------------------------------

    def call(self, function: Callable[[], Result]) -> Future[Result]:
        """Run `function` on the writer's thread between commits. Raises Busy when the writer has stopped.

        The future gets what it returns or raises. Commits wait meanwhile, so long work comes in small pieces.
        """
        future: Future[Result] = Future()
        with self._closing:
            if self._closed:
                raise Busy("the writer has stopped")
            self._queue.put(_Call(function, future))
        return future

    # -- the thread's side ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        held: Any = None
        while True:
            item, held = held or self._queue.get(), None
            if item is _STOP:
                break
            if isinstance(item, _Call):
                self._do(item)
                continue
            group: list[_Waiting] = list(item)
            events = sum(waiting.events for waiting in group)
            while events < self._bounds.commit_events:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if not isinstance(item, list):
                    held = item
                    break
                group += item
                events += sum(waiting.events for waiting in item)
            self._commit(group)
        self._close()

    def _close(self) -> None:
        with self._closing:
            self._closed = True
            while True:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    return
                if isinstance(item, _Call):
                    item.future.set_exception(Busy("the writer has stopped"))

    def _do(self, call: _Call) -> None:
        if not call.future.set_running_or_notify_cancel():
            return
        try:
            result = call.function()
        except BaseException as error:  # noqa: BLE001 - whoever called gets it, the thread lives on
            call.future.set_exception(error)
        else:
            call.future.set_result(result)
        self._tell()

    def _commit(self, group: list[_Waiting]) -> None:
        started = time.perf_counter()
        try:
            answers = self._answers(group)
        except Exception:
            log.exception("a commit failed in a way that was not foreseen", envelopes=len(group))
            self._failed("a commit failed in a way that was not foreseen; see the log")
            answers = [(waiting, NotStored("the store failed")) for waiting in group]
        took_s = time.perf_counter() - started
        self._commit_seconds.observe(took_s)
        self._tell()
        self._count(answers)
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._deliver, answers)
        except RuntimeError:
            log.warning("the event loop ended before outcomes could be delivered", envelopes=len(group))
        pause_s = took_s * pause(self._behind_s())
        if pause_s and not self._stopping:
            time.sleep(pause_s)
            self._paused_seconds.inc(pause_s)

    def forget(self, wsid: int) -> None:
        """Take nothing more for a web service that is being deleted, whose id is never used again.

        To be called on the writer's thread, before what is stored of it is dropped: what was on its way would
        otherwise come after.
        """
        self._deleted.add(wsid)

    def _answers(self, group: list[_Waiting]) -> list[Answer]:
        """Commit what is new and within its budget, and say what became of each."""
        try:
            known = self._store.outcomes([(waiting.envelope.wsid, waiting.envelope.id) for waiting in group])
        except Unavailable as error:
            return self._unavailable(group, error)
        answers: list[Answer] = []
        fresh: list[_Waiting] = []
        now = time.monotonic()
        for waiting in group:
            envelope = waiting.envelope
            if envelope.wsid in self._deleted:
                answers.append((waiting, Deleted("the web service was deleted")))
                continue
            outcome = known.get((envelope.wsid, envelope.id)) if known else None
            if outcome is not None:
                answers.append((waiting, outcome))
                continue
            rate = self._events_per_second(envelope.wsid)
            wait_s = self._budgets.charge(envelope.wsid, waiting.events, rate, now)
            if wait_s:
                answers.append((waiting, OverBudget(f"the event budget is {rate} a second", wait_s)))
            else:
                fresh.append(waiting)
        if fresh:
            answers += self._append(fresh)
        return answers

    def _append(self, group: list[_Waiting]) -> list[Answer]:
        try:
            outcomes = self._store.append([waiting.envelope for waiting in group])
        except Unavailable as error:
            return self._unavailable(group, error)
        except Exception:
            if len(group) > 1:
                # One of them is to blame; the others don't suffer for it.
                log.warning("a commit failed; its envelopes are appended one by one", envelopes=len(group))
                return [answer for waiting in group for answer in self._append([waiting])]
            envelope = group[0].envelope
            log.exception("an envelope could not be stored", wsid=envelope.wsid, id=envelope.id.hex())
            self._failed("an envelope could not be stored; see the log")
            return [(group[0], NotStored("the store failed"))]
        self._failing = None
        return list(zip(group, outcomes, strict=True))

    def _unavailable(self, group: list[_Waiting], error: Unavailable) -> list[Answer]:
        if self._failing is None:
            log.error("the store is away", why=str(error))
        self._failed(f"the store is away: {error}")
        return [(waiting, NotStored("the store is away", 2.0)) for waiting in group]

    def _failed(self, why: str) -> None:
        self._failing = (why, time.monotonic())

    def _tell(self) -> None:
        try:
            self._committed()
        except Exception:
            log.exception("what follows commits failed")

    # -- figures --------------------------------------------------------------------------------------------------

    def _declare(self, registry: CollectorRegistry) -> None:
        self._commit_seconds = Histogram(
            "tmon_commit_seconds", "How long commits took.", buckets=COMMIT_SECONDS, registry=registry
        )
        self._paused_seconds = Counter(
            "tmon_writer_paused_seconds",
            "Seconds that commits waited so that the views could follow.",
            registry=registry,
        )
        envelopes = Counter(
            "tmon_envelopes", "Opened envelopes by what became of them.", ["result"], registry=registry
        )
        self._envelopes_total = {
            result: envelopes.labels(result)
            for result in ("stored", "refused", "duplicate", "over_budget", "deleted", "failed", "busy")
        }
        events = Counter("tmon_events", "Events by what became of them.", ["result"], registry=registry)
        self._events_total = {
            result: events.labels(result) for result in ("accepted", "repeated", "rejected")
        }
        for name, help_, value in (
            ("envelopes", "Envelopes that wait for the store.", lambda: len(self._pending)),
            ("events", "Events that wait for the store.", lambda: self._events),
            ("bytes", "Bytes of plaintext that wait for the store.", lambda: self._bytes),
        ):
            Gauge(f"tmon_writer_queue_{name}", help_, registry=registry).set_function(value)

    def _count(self, answers: Sequence[Answer]) -> None:
        results: dict[str, int] = {}
        accepted = repeated = rejected = 0
        for _, answer in answers:
            if isinstance(answer, Outcome):
                if answer.duplicate:
                    result = "duplicate"
                else:
                    result = "stored" if answer.status == 200 else "refused"
                    accepted += answer.accepted
                    repeated += answer.repeated
                    rejected += answer.rejected_count
            else:
                result = _RESULTS[type(answer)]
            results[result] = results.get(result, 0) + 1
        for result, number in results.items():
            self._envelopes_total[result].inc(number)
        for result, number in (("accepted", accepted), ("repeated", repeated), ("rejected", rejected)):
            if number:
                self._events_total[result].inc(number)


def pause(behind_s: float) -> float:
    """How long to pause after a commit, in times of what it took, while the views are so many seconds behind."""
    return min(LONGEST_PAUSE, max(0.0, behind_s - BEHIND_S) * PAUSE_PER_S)


def tell(answered: Answered, answer: Outcome | NotTaken) -> None:
    """Tell one, whose trouble with it is not that of the others."""
    try:
        answered(answer)
    except Exception:
        log.exception("whoever waited could not be told an outcome")
