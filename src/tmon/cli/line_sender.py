# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends lines of JSON in batches, one after the other, and keeps count of what became of each line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn

from tmon.client_api import Answer, Client, Dsn, NotEncodable, Refused
from tmon.client_api.encoding import encode

from .errors import Failure
from .lines import MAX_LINE_BYTES, Line, read_lines
from .terminal import Terminal

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
BATCH_AGE_S: Final = 1.0
# Of more lines than these a person only wants the number.
REPORTED_LINES: Final = 20


class Source(NamedTuple):
    """What is read. With `stream`, the name of a stream, its lines have positions that the server knows them by."""

    descriptor: int
    name: str
    stream: str | None = None
    is_file: bool = False


class _Numbered(NamedTuple):
    number: int
    event: dict[str, object]


class LineSender:
    """One reading of a source: its batches, what became of them, and the progress shown on a terminal."""

    def __init__(self, dsn: Dsn, source: Source, terminal: Terminal, timeout_s: float) -> None:
        self.accepted = 0
        self.before = 0
        """Lines that the server had from an earlier run."""
        self.invalid = 0
        self.rejected = 0
        self._source = source
        self._client = Client(dsn)
        self._terminal = terminal
        self._timeout_s = timeout_s
        self._begun = time.monotonic()
        self._line = 0
        self._position = 0
        self._settled = 0
        self._known = -1
        self._asked = False
        self._batch: list[_Numbered] = []
        self._bytes = 0
        self._due_at = 0.0
        self._interrupted = False
        self._first_problem = ""
        self._reported = 0
        self._finished = False

    @property
    def result(self) -> str:
        """What became of the lines, in one line."""
        before = f", {self.before:,} lines were sent before" if self.before else ""
        return f"{_events(self.accepted)} accepted{before}"

    @property
    def problem(self) -> str:
        """What keeps the result from being a success, in one line; empty if nothing does."""
        failed = self.invalid + self.rejected
        problems = []
        if failed:
            all_lines = self.accepted + self.before + failed
            problems.append(
                f"{failed:,} of {all_lines:,} lines were not accepted: {self.invalid:,} invalid, "
                f"{self.rejected:,} rejected by the server (the first: {self._first_problem})"
            )
        if self._source.is_file and self._interrupted:
            problems.append(f"interrupted: {self.progress_made}")
        return "; ".join(problems)

    @property
    def progress_made(self) -> str:
        """How far it is, for one who is told that it went no further."""
        made = f"{self.accepted:,} events were accepted before"
        if self._source.stream is not None:
            return f"{made}; the same command goes on after them"
        return f"{made}; line {self._settled + 1:,} and what follows may have to be sent again"

    def run(self) -> None:
        """Read to the end and send everything; a first interrupt ends it in order, as if the input had ended.

        Raises DeliveryError when the server cannot be reached or will take nothing from this sender, and Failure
        when the file turns out to be another one than before.
        """
        with self._interruptible() as stop:
            for line in read_lines(self._source.descriptor, self._patience_s, stop):
                if line is not None:
                    self._take(line)
                if self._batch and (self._is_full() or time.monotonic() >= self._due_at):
                    self._deliver_batch()
            self._deliver_batch()
            self._check_end()
        self._finished = True

    def end(self) -> None:
        """Clear the progress line and say that this run ends; hardly wait for a server that is away."""
        self._terminal.clear()
        self._client.close(5.0 if self._finished else 0.5)

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[int]:
        """A descriptor that can be read once somebody has asked for the end; who asks twice gets it at once."""
        stop, stopping = os.pipe()

        def interrupt(*_: object) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True
            os.write(stopping, b"!")

        earlier = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield stop
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
            os.close(stop)
            os.close(stopping)

    def _patience_s(self) -> float | None:
        return max(self._due_at - time.monotonic(), 0.0) if self._batch else None

    def _is_full(self) -> bool:
        return len(self._batch) >= BATCH_EVENTS or self._bytes >= BATCH_BYTES

    # -- reading ------------------------------------------------------------------------------------------------------

    def _take(self, line: Line) -> None:
        self._line += 1
        self._position = line.offset + len(line.content)
        if not line.content.strip():
            return
        try:
            event = _event(line.content)
            if self._source.stream is not None:
                _give_offset(event, line.offset)
            size = len(encode(event))
        except ValueError as error:
            self.invalid += 1
            unended = (
                "" if line.ended or not self._source.is_file else "; it has no line end, is it still written?"
            )
            self._report(self._line, f"{error}{unended}")
            return
        if self._source.stream is not None and line.offset <= self._known:
            self.before += 1
            if self.before % BATCH_EVENTS == 0:
                self._show()
            return
        if not self._batch:
            self._due_at = time.monotonic() + BATCH_AGE_S
        self._batch.append(_Numbered(self._line, event))
        self._bytes += size

    def _check_end(self) -> None:
        """Raise Failure if the file became shorter while it was read."""
        if self._source.is_file and os.fstat(self._source.descriptor).st_size < self._position:
            raise Failure(
                f"{self._source.name} became shorter while it was read: what stood behind its new end is sent as far "
                f"as it was read ({self.accepted:,} events), what was written meanwhile may be missing"
            )

    # -- sending ------------------------------------------------------------------------------------------------------

    def _deliver_batch(self) -> None:
        batch, self._batch, self._bytes = self._batch, [], 0
        if not batch:
            return
        self._deliver(batch)
        self._settled = batch[-1].number
        self._show()

    def _deliver(self, batch: list[_Numbered]) -> None:
        """Send a batch, in halves where it is too large for something on the way."""
        events = [one.event for one in batch]
        try:
            self._ask()
            answer = self._client.send_batch(
                events, self._source.stream, self._timeout_s, on_failure=self._waits
            )
        except Refused as refused:
            answer = refused.answer
            if answer.status == 413 and len(batch) > 1:
                middle = len(batch) // 2
                self._deliver(batch[:middle])
                self._deliver(batch[middle:])
                return
            if answer.rejected and answer.rejected[0].error.startswith("sent_at:"):
                raise Failure(
                    f"the server refuses all that is sealed here, by its time ({answer.rejected[0].error}): "
                    f"set the clock of this machine, or the server's ({self.progress_made})"
                ) from None
            if answer.status not in {400, 413}:
                raise
            self._count_rejected(answer, batch, len(batch), str(refused))
        else:
            self._count_rejected(answer, batch, answer.rejected_count, "")
            self.accepted += answer.accepted
            self.before += answer.repeated

    def _ask(self) -> None:
        """Ask once how far the server has this stream. Raises Failure if that is further than the file goes."""
        if self._source.stream is None or self._asked:
            return
        answer = self._client.send_batch([], self._source.stream, self._timeout_s, on_failure=self._waits)
        self._asked = True
        if answer.highest_offset is None:
            return
        self._known = answer.highest_offset
        if self._source.is_file and self._known >= os.fstat(self._source.descriptor).st_size:
            raise Failure(
                f"{self._source.name} is shorter than what was sent of it before, so it is another file that begins "
                f"alike; to send it, give it a name: --stream NAME ({self.accepted:,} events were accepted)"
            )

    def _waits(self, reason: str) -> None:
        ending = "ending, once more ends it at once; " if self._interrupted else ""
        self._terminal.progress(f"{ending}waiting: {reason}", at_once=True)

    def _show(self) -> None:
        text = f"{_events(self.accepted)} accepted"
        if self.before:
            text += f", {self.before:,} sent before"
        if self._source.is_file:
            share = self._position / max(os.fstat(self._source.descriptor).st_size, 1)
            text = f"{min(share, 1.0):.0%} read, {text}"
        seconds = time.monotonic() - self._begun
        self._terminal.progress(f"{text}, {self.accepted / max(seconds, 0.001):,.0f} a second")

    # -- what is wrong with a line ------------------------------------------------------------------------------------

    def _count_rejected(self, answer: Answer, batch: list[_Numbered], count: int, whole: str) -> None:
        self.rejected += count
        named = [
            (batch[entry.index].number, entry.error) for entry in answer.rejected if entry.index < len(batch)
        ]
        if count and not named:
            named = [(batch[0].number, whole or "rejected")]
        for number, error in named:
            self._report(number, error)

    def _report(self, number: int, error: str) -> None:
        self._first_problem = self._first_problem or f"line {number}: {error}"
        self._reported += 1
        if self._reported > REPORTED_LINES + 1:
            return
        more = "further lines like these are counted, not listed"
        self._terminal.note(f"line {number}: {error}" if self._reported <= REPORTED_LINES else more)


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _give_offset(event: dict[str, object], offset: int) -> None:
    if "offset" in event:
        raise ValueError(
            "'offset' is for the place in the file, which is set here (by standard input it may be a field of yours)"
        )
    event["offset"] = offset


def _event(line: bytes) -> dict[str, object]:
    """Read one line. Raises ValueError, which says what is wrong without quoting it."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        event = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deeply") from None
    if not isinstance(event, dict):
        raise NotEncodable("not a JSON object")
    if event.get("ts") is None:
        event["ts"] = round(time.time(), 3)
    return event


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is no JSON number")
