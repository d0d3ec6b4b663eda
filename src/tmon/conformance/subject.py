# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the client that is judged: starts it, offers it events by standard input, and starts it again where it ends.

How many events wait with the client is bounded by a window, which grows while nothing comes: so clients that send each
line, and clients that gather ten thousand, both get what makes them send, and neither is flooded.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import IO, Final

from . import offered
from .endpoint import Endpoint
from .referee import Referee
from .secrecy import shows

LOOK_S: Final = 0.02
FIRST_WINDOW: Final = 200
LAST_WINDOW: Final = 25_600
SILENT_S: Final = 0.3
ALONE_S: Final = 5.0
"""How long a first event is left alone, to see whether it is sent without others."""
AT_ONCE_BYTES: Final = 65_536
MOST_STARTS: Final = 25
MOST_EVENTS: Final = 500_000

Say = Callable[[str], object]


class Subject:
    """The client: a command that reads JSON lines and sends them to TMON_DSN. `say` is told what goes on, and
    `ending` is set by whoever wants an early end.
    """

    def __init__(
        self,
        command: Sequence[str],
        endpoint: Endpoint,
        key: bytes,
        *,
        patience_s: float,
        say: Say,
        ending: threading.Event,
    ) -> None:
        self._ending = ending
        self._command = command
        self._endpoint = endpoint
        self._key = key
        self._patience_s = patience_s
        self._say = say
        self._number = 0
        self._environment = {**os.environ, "TMON_DSN": endpoint.dsn}
        self._environment.pop("TMON_DSN_FILE", None)

    def run(self) -> None:
        """Run the whole script. Raises OSError where the command can't be started."""
        for _ in range(MOST_STARTS):
            before = self._progress()
            self._once(refusing=False)
            if self._ending.is_set():
                return
            with self._endpoint.referee() as referee:
                if referee.main_done:
                    break
            if self._progress() == before:
                self._say("it ended without sending anything that could be read, so it is not started again")
                return
        with self._endpoint.referee() as referee:
            referee.refuse()
        self._once(refusing=True)

    def _progress(self) -> int:
        """How many requests could be read."""
        with self._endpoint.referee() as referee:
            return referee.record.requests - len(referee.record.problems)

    def _once(self, *, refusing: bool) -> None:
        """One start of the client, to its end."""
        with self._endpoint.referee() as referee:
            referee.started()
            start = referee.record.starts
        process = subprocess.Popen(  # noqa: S603 (whoever runs the kit names the command)
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all that a shell or a tool started for it can be ended with it
        )
        assert process.stdin is not None
        assert process.stdout is not None
        listening = threading.Thread(target=self._listen, args=(process.stdout,), daemon=True)
        listening.start()
        feeder = _Feeder(
            process.stdin, self._endpoint, self._number, start, self._patience_s, counted=not refusing
        )
        feeder.start()
        try:
            in_order = self._watch(process, feeder, refusing=refusing)
        finally:
            feeder.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
            feeder.join()
            listening.join(self._patience_s)
        self._number = feeder.number
        with self._endpoint.referee() as referee:
            referee.ended()
            if in_order and not refusing:
                referee.record.ended_in_order.add(start)
        self._say(f"start {start}: {feeder.said}, exit status {status}")

    def _watch(self, process: subprocess.Popen[bytes], feeder: _Feeder, *, refusing: bool) -> bool:
        """Wait until the script has no more for this start, end the input, and wait for the end; whether it came."""
        while process.poll() is None and not feeder.exhausted and not self._ending.wait(LOOK_S):
            with self._endpoint.referee() as referee:
                referee.tick(time.monotonic())
                if referee.quiet if refusing else referee.main_done:
                    break
        if process.poll() is not None:
            return False
        feeder.stop()
        deadline = time.monotonic() + self._patience_s
        while process.poll() is None and not self._ending.wait(LOOK_S):
            if time.monotonic() > deadline:
                self._say(f"it did not end within {self._patience_s:g} s of its input, and was killed")
                return False
        return not self._ending.is_set()

    def _listen(self, output: IO[bytes]) -> None:
        """Pass the client's output on, and look for the secret in it."""
        for line in iter(lambda: output.readline(AT_ONCE_BYTES), b""):
            self._say(f"| {line.decode('utf-8', 'replace').rstrip()}")
            if shows(line, self._key):
                with self._endpoint.referee() as referee:
                    referee.record.leaks.append("what it prints")


class _Feeder(threading.Thread):
    """Writes events into the client's standard input, as fast as they are sent on."""

    def __init__(
        self,
        stdin: IO[bytes],
        endpoint: Endpoint,
        number: int,
        start: int,
        patience_s: float,
        *,
        counted: bool,
    ) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.exhausted = False
        """Whether it waits in vain: the client has had all that it can have, and sends nothing."""
        self._fed: set[int] = set()
        self._pending = bytearray()
        self._stdin = stdin
        self._endpoint = endpoint
        self._patience_s = patience_s
        self._window = FIRST_WINDOW
        self._large: Iterator[int] | None = None
        self._seen = (0, 0)
        self._begun = self._moved_at = time.monotonic()
        self._stopping = threading.Event()
        with endpoint.referee() as referee:
            self._arrived_before = len(referee.record.identities)
            self._alone = counted and referee.record.first_alone_s is None
            if counted:
                referee.record.offered[start] = self._fed
        os.set_blocking(stdin.fileno(), False)

    @property
    def said(self) -> str:
        """How much was offered."""
        return f"{len(self._fed):,} events offered"

    def stop(self) -> None:
        """End the client's input after the lines that are begun. Does not wait."""
        self._stopping.set()

    def run(self) -> None:
        """Feed until told to stop, or nobody reads."""
        with contextlib.suppress(OSError), self._stdin as stdin:
            while self._pending or not self._stopping.is_set():
                if not self._stopping.is_set():
                    self._gather()
                if not self._pending:
                    time.sleep(LOOK_S)
                    continue
                select.select([], [stdin], [], LOOK_S)
                with contextlib.suppress(BlockingIOError):
                    del self._pending[: os.write(stdin.fileno(), self._pending[:AT_ONCE_BYTES])]

    def _gather(self) -> None:
        """Take the next lines, as many as there is room for."""
        with self._endpoint.referee() as referee:
            room = self._room(referee, time.monotonic())
            if referee.wants_large and self._large is None:
                self._large = iter(range(offered.LARGE_FROM, offered.LARGE_FROM + offered.LARGE_EVENTS))
        while len(self._pending) < AT_ONCE_BYTES:
            number = next(self._large, None) if self._large is not None else None
            if number is None:
                if room <= 0 or self.number >= MOST_EVENTS:
                    return
                number, room = self.number, room - 1
                self.number += 1
            self._fed.add(number)
            self._pending += offered.line(number).encode() + b"\n"

    def _unread(self) -> bool:
        """Whether the client has not read what was offered: it may take seconds to start."""
        try:
            waiting = fcntl.ioctl(self._stdin.fileno(), termios.FIONREAD, bytes(4))
        except (OSError, ValueError):
            return False
        return bool(self._pending) or any(waiting)

    def _room(self, referee: Referee, now: float) -> int:
        """For how many more events there is room; the window grows where the client is silent of itself."""
        record = referee.record
        arrived = len(record.identities) - self._arrived_before
        waiting = len(self._fed) - arrived
        if self._alone:
            if self._unread() and now - self._moved_at < self._patience_s:
                self._begun = now
            if arrived:
                record.first_alone_s = now - self._begun
            elif now - self._begun < ALONE_S:
                return 1 - waiting
            else:
                record.first_alone_s = inf
            self._alone = False
        seen = (len(record.identities), record.requests)
        if seen != self._seen or referee.waiting or record.refused_from is not None or waiting < self._window:
            self._seen, self._moved_at = seen, now
        elif self._window < LAST_WINDOW and now - self._moved_at > SILENT_S:
            self._window += waiting
            self._moved_at = now
        elif now - self._moved_at > self._patience_s:
            self.exhausted = True
        return self._window - waiting
