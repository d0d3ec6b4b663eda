# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon conformance`: judges a client of any language by what it sends to an endpoint that misbehaves on purpose."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from .errors import Failure, WrongUsage
from .signals import set_by
from .terminal import Terminal

if TYPE_CHECKING:
    import threading

    from tmon.conformance import Endpoint, Finding, Referee

KEY: Final = bytes.fromhex("00c0ffee5eedb0a710adf00dfee1600dcafe00facade0b57ac1e5ca1ab1edead")
WSID: Final = 9_007_199_254_740_993
"""One more than 2^53, so that it shows where a client takes it for a floating-point number."""
PREFIX: Final = "/kit"
PATIENCE_S: Final = 20.0
OFFERED: Final = 10_000
DETAILS: Final = 100


def register(subparsers: Any) -> None:
    """Add `conformance` to the root parser."""
    conformance = subparsers.add_parser(
        "conformance",
        help="judge a client of any language by what it sends",
        description="Starts an endpoint on this machine that answers as a T-Mon server and, by a script, misbehaves: "
        "503, 429, answers that break off, are late or no answers. It judges what a client sends to it and prints a "
        "table. With a COMMAND, which reads events from standard input, one JSON object per line, and sends them to "
        "the DSN in TMON_DSN, it does everything by itself. Without, it prints the DSN and waits for you to have your "
        "client send events, until Ctrl-C. The exit status is 0 only if no check failed and all required ones were "
        "made.",
    )
    conformance.add_argument(
        "client", metavar="COMMAND", nargs=argparse.REMAINDER, help="the client and its arguments, after --"
    )
    conformance.add_argument(
        "--port", metavar="PORT", type=_port, default=0, help="where to listen (default: a free one)"
    )
    conformance.add_argument(
        "--patience",
        metavar="SECONDS",
        type=_seconds,
        default=PATIENCE_S,
        help=f"how long to wait for what a client should do next (default: {PATIENCE_S:g})",
    )
    conformance.add_argument(
        "--vectors", action="store_true", help="print vectors to test an implementation with, and end"
    )
    conformance.add_argument(
        "--events",
        metavar="N",
        nargs="?",
        type=_count,
        const=OFFERED,
        help=f"print N of the kit's own events, one a line, and end (default: {OFFERED:,}, and 5,000 large ones)",
    )
    conformance.add_argument("--json", action="store_true", help="print JSON")
    conformance.set_defaults(run=judge_client)


def judge_client(arguments: argparse.Namespace) -> int:
    """Run `tmon conformance`. Raises Failure where the client does not conform."""
    if arguments.vectors:
        _show_vectors(arguments.json)
        return 0
    if arguments.events is not None:
        _show_events(arguments.events)
        return 0
    from tmon.conformance import Door, Endpoint, Referee, conforms, judge

    command = arguments.client[1:] if arguments.client[:1] == ["--"] else arguments.client
    door = Door(KEY, WSID, PREFIX)
    referee = Referee(door, fed=bool(command), patience_s=arguments.patience)
    terminal = Terminal()
    with contextlib.ExitStack() as stack:
        try:
            endpoint = stack.enter_context(Endpoint(referee, door, arguments.port))
        except OSError as error:
            raise Failure(f"port {arguments.port} can't be listened on: {error.strerror}") from None
        # Whoever ends the kit ends the client with it, which would try to reach the endpoint for ever.
        ending = stack.enter_context(set_by(signal.SIGINT, signal.SIGTERM))
        if command:
            _run(command, endpoint, arguments.patience, terminal, ending)
        else:
            _wait(endpoint, terminal, ending)
        with endpoint.referee():
            findings = judge(endpoint.record)
    if arguments.json:
        print(json.dumps(_as_json(findings)))
    elif not endpoint.record.requests:
        raise Failure("nothing was sent to the endpoint: does the client use the DSN in TMON_DSN?")
    else:
        _show(findings, opened=bool(endpoint.record.deliveries))
    if not conforms(findings):
        raise Failure(_problem(findings, opened=bool(endpoint.record.deliveries)))
    return 0


# -- running ----------------------------------------------------------------------------------------------------------


def _run(
    command: list[str], endpoint: Endpoint, patience_s: float, terminal: Terminal, ending: threading.Event
) -> None:
    from tmon.conformance import Subject

    subject = Subject(command, endpoint, KEY, patience_s=patience_s, say=terminal.note, ending=ending)
    try:
        subject.run()
    except OSError as error:
        raise WrongUsage(f"{command[0]} can't be started: {error.strerror}") from None


def _wait(endpoint: Endpoint, terminal: Terminal, ending: threading.Event) -> None:
    """Say where to send, and wait for the end of the script or Ctrl-C."""
    print(f"TMON_DSN={endpoint.dsn}", flush=True)
    terminal.note(
        "Have your client send a few hundred events to this DSN, the kit's own best:\n"
        f"    tmon conformance --events | TMON_DSN='{endpoint.dsn}' COMMAND\n"
        "Ctrl-C ends it, and shows what was found."
    )
    quiet = False
    while not quiet and not ending.wait(0.1):
        with endpoint.referee() as referee:
            referee.tick(time.monotonic())
            if referee.main_done:
                referee.refuse()
            quiet = referee.quiet
            terminal.progress(_progress(referee))
    terminal.clear()


def _progress(referee: Referee) -> str:
    record = referee.record
    next_ = f"next: {referee.step.name}" if referee.step is not None else "done"
    return f"{len(record.identities):,} events in {len(record.deliveries):,} envelopes, {next_}"


# -- showing ----------------------------------------------------------------------------------------------------------


def _show_vectors(as_json: bool) -> None:
    from tmon.conformance import VECTORS

    if as_json:
        print(json.dumps([vector.as_json() for vector in VECTORS], ensure_ascii=False))
        return
    for vector in VECTORS:
        for name, value in vector.as_json().items():
            print(f"{name:<10} {value}")
        print()


def _show_events(count: int) -> None:
    from tmon.conformance import line
    from tmon.conformance.offered import LARGE_EVENTS, LARGE_FROM

    for numbers in (range(count), range(LARGE_FROM, LARGE_FROM + LARGE_EVENTS)):
        for number in numbers:
            sys.stdout.write(f"{line(number)}\n")


def _show(findings: list[Finding], *, opened: bool) -> None:
    from tmon.conformance import Verdict

    if not opened:
        findings = [one for one in findings if one.verdict is not Verdict.NOT_SEEN]
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        print(f"{finding.check:<{width}}  {finding.verdict:<8}  {finding.seen}")
        if finding.verdict is not Verdict.PASS and finding.advice:
            print(f"{'':<{width}}  {'':<8}  -> {finding.advice}")
    count = Counter(finding.verdict for finding in findings)
    print(f"{count[Verdict.PASS]} passed, {count[Verdict.FAIL]} failed, {count[Verdict.NOT_SEEN]} not seen")


def _as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    from tmon.conformance import CHECKS

    return [
        {
            "check": finding.check,
            "asks": CHECKS[finding.check].asks,
            "required": CHECKS[finding.check].required,
            "verdict": finding.verdict,
            "seen": finding.seen,
            "advice": finding.advice,
        }
        for finding in findings
    ]


def _problem(findings: list[Finding], *, opened: bool) -> str:
    from tmon.conformance import CHECKS, Verdict

    failed = [one.check for one in findings if one.verdict is Verdict.FAIL]
    unseen = [one.check for one in findings if one.verdict is Verdict.NOT_SEEN and CHECKS[one.check].required]
    parts = [f"failed: {', '.join(failed)}"] if failed else []
    if not opened:
        return f"{parts[0]}; no envelope could be opened, so nothing else was seen"
    parts += [f"not seen, although required: {', '.join(unseen)}"] if unseen else []
    return "; ".join(parts)


# -- arguments --------------------------------------------------------------------------------------------------------


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number up to 999,999")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds up to 600")
    return seconds
