# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon send`: reports events, one JSON object per line. (`tmon verify` is in the module beside it.)"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from typing import Any, Final, NoReturn

from tmon.client_api import Answer, Client, DeliveryError, Dsn, DsnError, NotEncodable, Refused
from tmon.client_api.encoding import encode

from . import verifying
from .errors import Failure, WrongUsage
from .lines import MAX_LINE_BYTES, read_lines

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
BATCH_AGE_S: Final = 1.0
# Of more lines than these a person only wants the number.
REPORTED_LINES: Final = 20


def register(subparsers: Any) -> None:
    """Add `send` and `verify` to the root parser."""
    send = subparsers.add_parser(
        "send",
        help="send events, one JSON object per line",
        description="Sends events, one JSON object per line, and says what became of them. Lines that come "
        "slowly, as from a pipe that follows something, are sent within a second.",
    )
    send.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="where to read (default: standard input)"
    )
    send.add_argument("--dsn", metavar="DSN", help=verifying.DSN_HELP)
    send.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="how long to keep trying when the server is away (default: 30)",
    )
    send.set_defaults(run=send_lines)
    verifying.register(subparsers)


def send_lines(arguments: argparse.Namespace) -> int:
    """Run `tmon send`. Raises Failure if not every line was accepted."""
    try:
        dsn = verifying.chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    with contextlib.ExitStack() as stack:
        if arguments.file == "-":
            descriptor = 0
        else:
            descriptor = os.open(arguments.file, os.O_RDONLY)
            stack.callback(os.close, descriptor)
        sending = _Sending(dsn, arguments.timeout)
        stack.callback(sending.end)
        try:
            sending.run(descriptor)
        except DeliveryError as error:
            raise Failure(f"{error} ({sending.accepted:,} events were accepted before)") from None
    if sending.problem:
        raise Failure(sending.problem)
    print(f"{sending.accepted:,} events accepted")
    return 0


class _Stopped(Exception):
    """Somebody interrupted the wait for the next line."""


class _Sending:
    """One reading of a file: its batches, what became of them, and the progress shown on a terminal."""

    def __init__(self, dsn: Dsn, timeout_s: float) -> None:
        self.accepted = 0
        self.invalid = 0
        self.rejected = 0
        self._client = Client(dsn)
        self._timeout_s = timeout_s
        self._line = 0
        self._events: list[dict[str, object]] = []
        self._numbers: list[int] = []
        self._bytes = 0
        self._due_at = 0.0
        self._delivering = False
        self._interrupted = False
        self._first_problem = ""
        self._reported = 0
        self._finished = False
        self._progress = _Progress()

    @property
    def problem(self) -> str:
        """What keeps the result from being a success, in one line; empty if nothing does."""
        failed = self.invalid + self.rejected
        if not failed:
            return ""
        return (
            f"{failed:,} of {self.accepted + failed:,} lines were not accepted: {self.invalid:,} invalid, "
            f"{self.rejected:,} rejected by the server (the first: {self._first_problem})"
        )

    def run(self, descriptor: int) -> None:
        """Read to the end and send everything; a first interrupt ends it in order, as if the input had ended.

        Raises DeliveryError when the server cannot be reached or will take nothing from this sender.
        """
        earlier = signal.signal(signal.SIGINT, self._interrupt)
        try:
            for line in read_lines(descriptor, self._patience_s):
                if line is not None:
                    self._take(line)
                if self._events and (self._is_full() or time.monotonic() >= self._due_at):
                    self._deliver()
                if self._interrupted:
                    break
            self._deliver()
        except _Stopped:
            self._deliver()
        finally:
            signal.signal(signal.SIGINT, earlier)
        self._finished = True

    def end(self) -> None:
        """Clear the progress line and say that this run ends; hardly wait for a server that is away."""
        self._progress.clear()
        self._client.close(5.0 if self._finished else 0.5)

    def _interrupt(self, *_: object) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        if not self._delivering:
            raise _Stopped

    def _patience_s(self) -> float | None:
        return max(self._due_at - time.monotonic(), 0.0) if self._events else None

    def _is_full(self) -> bool:
        return len(self._events) >= BATCH_EVENTS or self._bytes >= BATCH_BYTES

    def _take(self, line: bytes) -> None:
        self._line += 1
        if not line.strip():
            return
        try:
            event = _event(line)
            size = len(encode(event))
        except ValueError as error:
            self.invalid += 1
            self._report(self._line, str(error))
            return
        if not self._events:
            self._due_at = time.monotonic() + BATCH_AGE_S
        self._events.append(event)
        self._numbers.append(self._line)
        self._bytes += size

    def _deliver(self) -> None:
        if not self._events:
            return
        self._delivering = True
        events, numbers = self._events, self._numbers
        self._events, self._numbers, self._bytes = [], [], 0
        try:
            answer = self._client.send_batch(events, timeout=self._timeout_s, on_failure=self._progress.waits)
        except Refused as refused:
            if refused.answer.status != 400:
                raise
            answer = refused.answer
            self._count_rejected(answer, numbers, len(events), str(refused))
        else:
            self._count_rejected(answer, numbers, answer.rejected_count, "")
            self.accepted += answer.accepted
        self._delivering = False
        self._progress.show(self.accepted)

    def _count_rejected(self, answer: Answer, numbers: list[int], count: int, whole: str) -> None:
        self.rejected += count
        named = [
            (numbers[entry.index], entry.error) for entry in answer.rejected if entry.index < len(numbers)
        ]
        if count and not named:
            named = [(numbers[0], whole or "rejected")]
        for number, error in named:
            self._report(number, error)

    def _report(self, number: int, error: str) -> None:
        self._first_problem = self._first_problem or f"line {number}: {error}"
        self._reported += 1
        if self._reported > REPORTED_LINES + 1:
            return
        self._progress.clear()
        more = "further lines like these are counted, not listed"
        print(f"line {number}: {error}" if self._reported <= REPORTED_LINES else more, file=sys.stderr)


class _Progress:
    """One line on the terminal that is written over and over; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown_at = 0.0

    def show(self, accepted: int) -> None:
        now = time.monotonic()
        if now - self._shown_at >= 0.1:
            self._shown_at = now
            self._write(f"{accepted:,} events accepted")

    def waits(self, reason: str) -> None:
        self._write(f"waiting: {reason}")

    def clear(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        if self._on:
            print(f"\r\x1b[K{text[:78]}", end="", file=sys.stderr, flush=True)


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


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86,400")
    return seconds
