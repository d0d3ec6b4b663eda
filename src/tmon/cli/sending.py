# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon send`: reports events, one JSON object per line. (`tmon verify` is in the module beside it.)

A file is a stream with positions (CONTRACT section 1): each event carries the byte at which its line begins, so the
server knows which lines it has, and the same command sends each line once, however often it was killed. What comes by
standard input has no such name unless `--stream` gives one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Final

from tmon.client_api import DeliveryError, DsnError

from . import verifying
from .errors import Failure, WrongUsage
from .line_sender import LineSender, Source
from .terminal import Terminal

MAX_NAME: Final = 190
"""Characters of a stream's name, which gets a prefix; the server takes 200 in all."""
FIRST_LINE_BYTES: Final = 64 * 1024
PREFIX: Final = "send:"


def register(subparsers: Any) -> None:
    """Add `send` and `verify` to the root parser."""
    send = subparsers.add_parser(
        "send",
        help="send events, one JSON object per line",
        description="Sends events, one JSON object per line, and says what became of them. A FILE can be sent again "
        "after whatever stopped it, also when it has grown: the server knows which of its lines it has, and each "
        "counts once. What comes by standard input is sent within a second, and sent again if it comes again, "
        "unless it has a name (--stream).",
    )
    send.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="where to read (default: standard input)"
    )
    send.add_argument("--dsn", metavar="DSN", help=verifying.DSN_HELP)
    send.add_argument(
        "--stream",
        metavar="NAME",
        type=_stream_name,
        help="the input's name, for standard input that comes again alike after a stop, or for a FILE that is new "
        "although one with the same name and first line was sent before; lines are told apart by their places "
        "in what has one name",
    )
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
    terminal = Terminal()
    with contextlib.ExitStack() as stack:
        source = _opened(arguments.file, arguments.stream, stack)
        if os.isatty(source.descriptor):
            terminal.note("reading events from the terminal, one JSON object per line; Ctrl-D ends them")
        sender = LineSender(dsn, source, terminal, arguments.timeout)
        stack.callback(sender.end)
        try:
            sender.run()
        except DeliveryError as error:
            raise Failure(f"{error} ({sender.progress_made})") from None
    if problem := sender.problem:
        raise Failure(problem)
    print(sender.result)
    return 0


def _opened(name: str, stream: str | None, stack: contextlib.ExitStack) -> Source:
    """What to read. Raises OSError or Failure where it cannot be."""
    named = None if stream is None else PREFIX + stream
    if name == "-":
        try:
            os.fstat(0)
        except OSError:
            raise Failure("standard input is closed; name a FILE, or pipe events in") from None
        return Source(0, "standard input", named)
    descriptor = os.open(name, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(kind):
        raise Failure(f"{name} is a folder; name a file")
    if not stat.S_ISREG(kind):
        return Source(descriptor, name, named)
    return Source(descriptor, name, named or _fingerprint(Path(name), descriptor), is_file=True)


def _fingerprint(path: Path, descriptor: int) -> str:
    """The stream of a file: its full name and its first line with anything in it, which stay while it grows.

    The name is part of it because events need not carry a time: files of different names may begin alike.
    """
    head = os.pread(descriptor, FIRST_LINE_BYTES, 0)
    first = next((line for line in head.split(b"\n") if line.strip()), b"").removesuffix(b"\r")
    known_by = os.fsencode(path.resolve()) + b"\0" + first
    return PREFIX + hashlib.sha256(known_by).hexdigest()[:32]


def _stream_name(text: str) -> str:
    if not (0 < len(text) <= MAX_NAME and text.isprintable()):
        raise argparse.ArgumentTypeError(
            f"a stream's name has 1 to {MAX_NAME} characters that can be printed"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 86,400")
    return seconds
