# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon load`: asks one's own server on this machine for so many events a second, and says how it answers."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tmon.client_api import DeliveryError, Dsn, DsnError

from . import verifying
from .errors import Failure, WrongUsage
from .terminal import Terminal

if TYPE_CHECKING:
    from tmon.load import Report

SOURCE: Final = "tmon-load"
MOST_EVENTS: Final = 5_000_000
"""Sealed ahead of time they take a minute or two, and up to a gigabyte on disk."""
MOST_RATE: Final = 200_000.0
MOST_SECONDS: Final = 3_600.0
MOST_BATCH: Final = 10_000
MOST_CONNECTIONS: Final = 512
ANSWER_WITHIN_S: Final = 5.0
GRACE_S: Final = 30.0
DISTINCT_HOURS: Final = 24
LATE_S: Final = 0.002
BUSY_SHARE: Final = 0.8
KEPT_UP: Final = 0.99
PERCENTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))


def register(subparsers: Any) -> None:
    """Add `load` to the root parser."""
    load = subparsers.add_parser(
        "load",
        help="measure how your own server on this machine answers under load",
        description="Sends made-up requests to your own server on this machine, so many events a second whatever the "
        "server does, and says what it accepted and how long each envelope took from the moment at which it was due. "
        "Everything is sealed before. The events stay in the statistics like any others and cannot be taken out "
        "again, so make a web service for this, and delete it afterwards.",
    )
    load.add_argument("--dsn", metavar="DSN", help=verifying.DSN_HELP)
    load.add_argument(
        "--rate",
        metavar="EVENTS",
        type=_number(MOST_RATE),
        default=100.0,
        help="events a second (default: 100)",
    )
    load.add_argument(
        "--duration",
        metavar="SECONDS",
        type=_number(MOST_SECONDS),
        default=10.0,
        help="how long (default: 10)",
    )
    load.add_argument(
        "--batch",
        metavar="EVENTS",
        type=_whole(MOST_BATCH),
        default=1,
        help="events in an envelope (default: 1)",
    )
    load.add_argument(
        "--connections",
        metavar="N",
        type=_whole(MOST_CONNECTIONS),
        default=32,
        help="connections, each with one envelope under way; what is due while all are busy waits, and its waiting "
        "counts (default: 32)",
    )
    load.add_argument("--json", action="store_true", help="print JSON")
    load.set_defaults(run=load_server)


class _Plan(NamedTuple):
    """A load: `events` in `envelopes`, `rate` envelopes a second."""

    dsn: Dsn
    port: int
    events: int
    batch: int
    rate: float
    seconds: float
    connections: int

    @property
    def envelopes(self) -> int:
        return math.ceil(self.events / self.batch)


def load_server(arguments: argparse.Namespace) -> int:
    """Run `tmon load`. Raises Failure if it cannot be done, or not every envelope was accepted."""
    plan = _plan(arguments)
    from tmon import load

    terminal = Terminal()
    with contextlib.ExitStack() as stack:
        stack.callback(terminal.clear)
        run = _ask_first(plan.dsn)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tmon-load-"))
        file = Path(folder) / "requests"
        begun = time.monotonic()
        load.write_requests(file, _requests(plan, run, terminal))
        sealing_s = time.monotonic() - begun
        process = load.start(
            plan.port,
            file,
            connections=plan.connections,
            seconds=plan.seconds,
            rate=plan.rate,
            grace_s=GRACE_S,
            host=plan.dsn.host,
        )
        report = _report(process, plan, terminal)
    if arguments.json:
        print(json.dumps(_figures(plan, report)))
    else:
        _show(plan, report, sealing_s)
    for warning in _warnings(plan, report):
        terminal.note(f"attention: {warning}")
    missing = plan.envelopes - report.accepted
    if missing:
        raise Failure(f"{missing:,} of {plan.envelopes:,} envelopes were not accepted")
    return 0


# -- before -----------------------------------------------------------------------------------------------------------


def _plan(arguments: argparse.Namespace) -> _Plan:
    """What is asked for. Raises WrongUsage for what makes no sense, or is for another machine."""
    try:
        dsn = verifying.chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    from tmon.client_api.transport import is_loopback

    if not is_loopback(dsn.host):
        raise WrongUsage(
            f"{dsn.host} is not this machine: tmon load only measures a server at 127.0.0.1, ::1 or localhost"
        )
    if dsn.secure:
        raise WrongUsage(
            "tmon load speaks plain HTTP: use the address that tmon serve prints, in tmon+http://…"
        )
    events = round(arguments.rate * arguments.duration)
    if not 1 <= events <= MOST_EVENTS:
        raise WrongUsage(
            f"--rate times --duration is {events:,} events; between 1 and {MOST_EVENTS:,} can be sealed ahead"
        )
    return _Plan(
        dsn=dsn,
        port=dsn.port or 80,
        events=events,
        batch=arguments.batch,
        rate=arguments.rate / arguments.batch,
        seconds=arguments.duration,
        connections=arguments.connections,
    )


def _ask_first(dsn: Dsn) -> Any:
    """Send an empty envelope, to see that the server is there and takes them; returns the run that it began.

    Raises Failure if it is not.
    """
    from tmon.client_api.delivery import deliver, until
    from tmon.client_api.parcel import Sealer
    from tmon.client_api.run import Run
    from tmon.client_api.transport import Transport

    run = Run(SOURCE)
    transport = Transport(dsn, timeout_s=ANSWER_WITHIN_S)
    sealed = Sealer(dsn).seal(run.head(0), []).envelope
    try:
        deliver(transport.post, sealed, pause=until(time.monotonic() + ANSWER_WITHIN_S))
    except DeliveryError as error:
        raise Failure(str(error)) from None
    finally:
        transport.close()
    return run


def _requests(plan: _Plan, run: Any, terminal: Terminal) -> Iterator[bytes]:
    """Whole HTTP requests, each with a sealed envelope of its own."""
    from tmon.client_api.parcel import Sealer

    dsn = plan.dsn
    sealer = Sealer(dsn)
    events = itertools.cycle(_events())
    host = dsn.url.removeprefix("http://").removesuffix(dsn.prefix)
    for number in range(plan.envelopes):
        some = list(itertools.islice(events, min(plan.batch, plan.events - number * plan.batch)))
        last = number == plan.envelopes - 1
        body = sealer.seal(run.head(len(some), close=last), some).envelope
        terminal.progress(f"sealing ahead: {number / plan.envelopes:.0%}")
        head = (
            f"POST {dsn.prefix}/data/collect/{dsn.wsid} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {SOURCE}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _events() -> list[bytes]:
    """A day of the demo's shop, encoded, without times: they count at the time of receipt."""
    from tmon.client_api.encoding import encode
    from tmon.demo import SITES, Plan, Traffic

    now = int(time.time()) // 3600
    traffic = Traffic(SITES[0], Plan(seed=1, start=now * 3600, days=DISTINCT_HOURS // 24))
    events = itertools.chain.from_iterable(map(traffic.hour, range(now - DISTINCT_HOURS, now)))
    return [encode({name: event[name] for name in event if name not in {"ts", "offset"}}) for event in events]


# -- meanwhile and after ----------------------------------------------------------------------------------------------


def _report(process: Any, plan: _Plan, terminal: Terminal) -> Report:
    """Wait for the load to end, showing how far it is. Raises Failure if the generator fails."""
    begun = time.monotonic()
    try:
        while not process.wait(0.2):
            seconds = time.monotonic() - begun
            waiting = ", waiting for the last answers" if seconds > plan.seconds + 1 else ""
            terminal.progress(f"sending: {min(seconds, plan.seconds):.0f} of {plan.seconds:g} s{waiting}")
        report: Report = process.report()
    except RuntimeError as error:
        raise Failure(str(error)) from None
    except BaseException:
        process.stop()
        raise
    return report


def _figures(plan: _Plan, report: Report) -> dict[str, Any]:
    """What `--json` prints. Latencies are milliseconds."""
    return {
        "wsid": plan.dsn.wsid,
        "source": SOURCE,
        "events": plan.events,
        "envelopes": plan.envelopes,
        "batch": plan.batch,
        "connections": plan.connections,
        "rate": round(plan.rate * plan.batch, 3),
        "seconds": round(report.seconds, 3),
        "achieved": round(_achieved(plan, report), 3),
        "accepted": report.accepted,
        "refused": {str(status): count for status, count in sorted(report.refused.items())},
        "errors": report.errors,
        "unanswered": report.unanswered,
        "latency_ms": {
            name: round(report.latency_ms(share), 3) if report.latencies else None
            for name, share in PERCENTILES
        },
        "longest_without_answer_ms": round(1000 * report.stall_s, 3),
        "generator": {
            "late_p99_ms": round(1000 * report.late_p99_s, 3),
            "late_max_ms": round(1000 * report.late_max_s, 3),
            "cpu_s": round(report.cpu_s, 3),
        },
    }


def _show(plan: _Plan, report: Report, sealing_s: float) -> None:
    asked = f"{plan.rate * plan.batch:,.1f} events a second for {plan.seconds:g} s"
    _say(
        "asked",
        f"{asked}, {plan.batch:,} in an envelope, over {plan.connections} connections to {plan.dsn.url}",
    )
    _say(
        "sealed",
        f"{plan.events:,} events in {plan.envelopes:,} envelopes, ahead of time, in {sealing_s:.1f} s",
    )
    _say(
        "achieved",
        f"{_achieved(plan, report):,.1f} events a second accepted, {report.per_second:,.1f} envelopes",
    )
    _say("accepted", f"{report.accepted:,} of {plan.envelopes:,} envelopes")
    _say("problems", ", ".join(f"{count:,} {what}" for what, count in report.problems.items()) or "none")
    if report.latencies:
        shown = "  ".join(f"{name} {report.latency_ms(share):,.1f}" for name, share in PERCENTILES)
        _say("latency", f"{shown} ms, from the moment at which an envelope was due to its answer")
        _say("silence", f"{1000 * report.stall_s:,.1f} ms at most without any answer")
    _say("left", f"the events stay in web service {plan.dsn.wsid}, as those of source {SOURCE};")
    _say(
        "",
        f"tmon webservice delete {plan.dsn.wsid} deletes it with all of its events, if it was made for this",
    )


def _warnings(plan: _Plan, report: Report) -> Iterator[str]:
    """What the figures do not say about the server alone."""
    if report.late_p99_s > LATE_S:
        yield (
            f"the load generator itself was late (one send in a hundred by {1000 * report.late_p99_s:,.1f} ms or more, "
            f"{1000 * report.late_max_s:,.1f} ms at most), and its delay is part of these latencies"
        )
    if report.seconds and report.cpu_s / report.seconds > BUSY_SHARE:
        yield (
            f"the load generator used {report.cpu_s / report.seconds:.0%} of a processor, so this may be its own "
            "limit; larger envelopes (--batch) take less of it"
        )
    if _achieved(plan, report) < KEPT_UP * plan.rate * plan.batch:
        yield "less was accepted a second than was asked for: beside the load generator the server does no more"
    if len(report.latencies) < 1000:
        yield f"with {len(report.latencies):,} envelopes p99.9 is the slowest of them"


def _achieved(plan: _Plan, report: Report) -> float:
    """Events accepted a second, over the planned time or as long as it took, if that was longer."""
    accepted = min(report.accepted * plan.batch, plan.events)
    return accepted / max(report.seconds, plan.seconds)


def _say(step: str, text: str) -> None:
    print(f"{step:<8} {text}")


# -- arguments --------------------------------------------------------------------------------------------------------


def _number(most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and up to {most:,.0f}")
        return value

    return number


def _whole(most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
        return value

    return whole
