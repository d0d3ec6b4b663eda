# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs that are read to their end once, in a thread beside those that are followed: rotated and compressed ones."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tmon.client_api import Client, DeliveryError

from .copies import Version, age_s, copy_of, rotated, streams_of, version_of
from .counts import Counts
from .delivery import Delivery
from .formats import Undetected
from .importing import Import
from .reading import Log, Unreadable
from .understanding import Understanding

AGAIN_S: Final = 2.0
"""Between attempts at what is not ready, or while the server is away."""
PATIENCE_S: Final = 30.0
"""How long a damaged archive may still be one that is being written, and a copy may be about to appear."""

DAY_S: Final = 86_400.0

Tell = Callable[[str], None]


class Stopped(Exception):
    """An import was ended, since the agent ends."""


class Task(Protocol):
    """Something of the backlog."""

    def attempt(self, backlog: Backlog, *, last: bool) -> bool:
        """Do it; whether it is done. With `last` there will be no more attempts. Raises DeliveryError."""


class Backlog:
    """Works off its tasks one by one. `counts` is what became of the lines; `tell` hears what people should know."""

    def __init__(self, client: Client, understanding: Understanding, delivery: Delivery, tell: Tell) -> None:
        self.counts = Counts()
        self.delivery = delivery
        self.tell = tell
        self._client = client
        self._understanding = understanding
        self._tasks: deque[tuple[float, float, Task]] = deque()
        self._changed = threading.Condition()
        self._finished: set[Version | None] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tmon-backlog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, task: Task) -> None:
        """Take on a task."""
        now = time.monotonic()
        with self._changed:
            self._tasks.append((now, now + PATIENCE_S, task))
            self._changed.notify()

    def stop(self) -> None:
        """End after the batch that is under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        with self._changed:
            return not self._tasks

    def take(self, path: str) -> Log:
        """Read a log to its end and send what is new in it; it says how much it held, and what damage there is.

        Raises Unreadable, Undetected, and DeliveryError.
        """
        how = self._understanding
        version = version_of(path)
        with Log(path) as log:
            one = Import(
                log,
                self._client,
                format_=how.format,
                zone=how.zone,
                rules=how.rules,
                timeout_s=self.delivery.timeout_s,
                on_unparsed=how.on_unparsed,
                on_progress=self._go_on,
            )
            try:
                one.run()
            finally:
                self.counts.add(one.counts)
            if not log.damage:
                self._finished.add(version)
            return log

    def is_finished(self, path: str) -> bool:
        """Whether this log was read to its end, and has not changed since."""
        return version_of(path) in self._finished

    def _go_on(self) -> None:
        if self._stopping:
            raise Stopped

    def turn(self) -> None:
        """Attempt the task that is due first; it has to be there."""
        with self._changed:
            _, until, task = self._tasks[0]
        try:
            done = task.attempt(self, last=time.monotonic() >= until)
        except DeliveryError:
            # The followed files tell of it; patience is for files, not for the server.
            done, until = False, time.monotonic() + PATIENCE_S
        with self._changed:
            self._tasks.popleft()
            if not done:
                self._tasks.append((time.monotonic() + AGAIN_S, until, task))

    def _run(self) -> None:
        with contextlib.suppress(Stopped):
            while self._wait():
                self.turn()

    def _wait(self) -> bool:
        """Wait until a task is due; False if it is time to end."""
        with self._changed:
            while not self._stopping:
                wait_s = self._tasks[0][0] - time.monotonic() if self._tasks else None
                if wait_s is not None and wait_s <= 0:
                    return True
                self._changed.wait(wait_s)
        return False


class Whole:
    """One log, read to its end."""

    def __init__(self, path: str) -> None:
        self._path = path

    def attempt(self, backlog: Backlog, *, last: bool) -> bool:
        """Read it; a damaged archive again later, since it may just be written."""
        try:
            damage = backlog.take(self._path).damage
        except Undetected as error:
            damage = f"{self._path}: {error}"
        except Unreadable as error:
            damage = str(error)
        if damage and last:
            backlog.tell(damage)
        return last or not damage


class Earlier:
    """What was rotated away from `path` while no agent looked: all that is younger than the oldest log known already.

    Known is what the server has lines of, or `followed` says is followed; where there is no such log the agent is new
    there, and older logs are left to an import. A log that is known may still have a rest, when an agent was ended
    before it came to that; so all of the last day are read, and the youngest two of those before.
    """

    def __init__(self, path: str, followed: Callable[[str], bool]) -> None:
        self._path = path
        self._followed = followed

    def attempt(self, backlog: Backlog, *, last: bool) -> bool:
        """Find them, and add them to the backlog, the oldest first."""
        wanted: list[str] = []
        unknown: list[str] = []
        older = 0
        for other in rotated(self._path):
            if self._followed(other) or backlog.is_finished(other):
                wanted += unknown
                unknown = []
                continue
            unknown.append(other)
            if any(backlog.delivery.known(stream) >= 0 for stream in reversed(streams_of(other))):
                wanted += unknown
                unknown = []
                older += age_s(other) > DAY_S
                if older == 2:
                    break
        for path in reversed(wanted):
            backlog.add(Whole(path))
        return True


class Rescue:
    """What was in a followed log when it was cut, and was not read: its copy has it, if one was made before.

    `streams` are those that it had, and of its `seen` bytes those up to `delivered` were decided about, which were
    `lines` lines. `written` is whether it was just being written. `lose` is told how many lines can't be accounted for,
    at least.
    """

    def __init__(
        self,
        path: str,
        streams: Sequence[str],
        *,
        seen: int,
        delivered: int,
        lines: int,
        written: bool,
        lose: Callable[[int, str], None],
    ) -> None:
        self._path = path
        self._streams = streams
        self._seen = seen
        self._delivered = delivered
        self._lines = lines
        self._written = written
        self._lose = lose

    def attempt(self, backlog: Backlog, *, last: bool) -> bool:
        """Find the copy and read it to its end; then account for what is gone for good."""
        held, complete = self._delivered, False
        copy = copy_of(self._path, self._streams)
        if copy is not None:
            with contextlib.suppress(Unreadable, Undetected):
                log = backlog.take(copy)
                held, complete = max(held, log.content_bytes), not log.damage
        if complete or last:
            self._settle(held)
        return complete or last

    def _settle(self, held: int) -> None:
        gone = max(self._seen - held, 0)
        mean = max(self._delivered / self._lines, 1.0) if self._lines else 100.0
        count = max(round(gone / mean), 1 if gone or self._written else 0)
        if count:
            self._lose(count, f"{self._path} was cut while it was written")
