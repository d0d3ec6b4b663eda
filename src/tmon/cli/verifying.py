# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon verify`: proves that a DSN works, with one event that is sealed, sent twice, and seen counted once."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tmon.client_api import Answer, DeliveryError, Dsn, DsnError, Unreachable
from tmon.settings import read

from .errors import Failure, WrongUsage
from .terminal import Terminal

if TYPE_CHECKING:
    from tmon.client_api.transport import Reply, Transport

ANSWER_WITHIN_S: Final = 20.0
COUNTED_WITHIN_S: Final = 15.0
ASK_EVERY_S: Final = 0.25
LATEST_EVENTS: Final = 500
CLOCKS_DIFFER_S: Final = 60.0
"""Below that nothing suffers; events more than ten minutes ahead are rejected."""

DSN_HELP: Final = (
    "where to send and the secret that seals; better set TMON_DSN (or TMON_DSN_FILE, the name of a file that "
    "holds it), because the process list shows the command line to everybody on this machine"
)


def register(subparsers: Any) -> None:
    """Add `verify` to the root parser."""
    verify = subparsers.add_parser(
        "verify",
        help="send one canary event and check that it arrives and counts once",
        description="Seals one request, sends it twice and checks that it is stored once and, with an API token, that "
        "it counts once; says how long each step took. This canary is a real event: it stays in the statistics of "
        "the web service like any other. The exit status is 0 only if every check was passed that could be made.",
    )
    verify.add_argument("--dsn", metavar="DSN", help=DSN_HELP)
    verify.add_argument(
        "--token",
        metavar="TOKEN",
        help="an API token (tmon token create), to see also that the canary is counted; better set TMON_TOKEN instead",
    )
    verify.set_defaults(run=verify_dsn)


def chosen_dsn(argument: str | None) -> Dsn:
    """The DSN of the command line, else of the environment. Raises DsnError."""
    return Dsn.parse(argument) if argument is not None else Dsn.from_environment()


def verify_dsn(arguments: argparse.Namespace) -> int:
    """Run `tmon verify`. Raises Failure at the first thing that is not as it should be."""
    try:
        dsn = chosen_dsn(arguments.dsn)
    except DsnError as error:
        raise WrongUsage(str(error)) from None
    token = (arguments.token or read("TMON_TOKEN") or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise WrongUsage("the token holds letters that no token has")

    from tmon.client_api.transport import Transport

    terminal = Terminal()
    transport = Transport(dsn, timeout_s=10.0)
    try:
        _verify(dsn, token, transport, terminal)
    finally:
        terminal.clear()
        transport.close()
    return 0


def _verify(dsn: Dsn, token: str, transport: Transport, terminal: Terminal) -> None:
    path = f"/tmon-verify/{os.urandom(8).hex()}"
    _say("canary", f"a real request for {path}, which stays in the statistics of web service {dsn.wsid}")
    begun = time.monotonic()
    canary = _seal(dsn, path)
    _say(
        "sealed", f"in {_took(begun)}: {len(canary)} bytes that only the key of web service {dsn.wsid} opens"
    )
    server = _Server(dsn, transport, terminal)
    begun = sent_at = time.monotonic()
    first = server.deliver(canary)
    if first.accepted != 1:
        raise Failure(f"{dsn.url} did not accept the canary: {_described(first)}{server.clocks}")
    _say("sent", f"in {_took(begun)}: {dsn.url} opened it and answered 200")
    begun = time.monotonic()
    second = server.deliver(canary)
    if second.accepted != 1 or not second.duplicate:
        raise Failure(
            f"{dsn.url} did not recognise the same bytes when they came again: {_described(second)}"
        )
    _say("stored", f"once: the same bytes, sent again, were answered as a duplicate in {_took(begun)}")
    if not token:
        _say(
            "counted",
            "not checked, that takes an API token (TMON_TOKEN or --token; tmon token create gives one)",
        )
    else:
        where = _wait_until_counted(transport, dsn, token, path)
        _say("counted", f"{where} {_took(sent_at)} after it was sent")
    if server.clocks:
        terminal.note(f"attention{server.clocks}")


class _Server:
    """The server that the DSN names, as far as the canary meets it."""

    def __init__(self, dsn: Dsn, transport: Transport, terminal: Terminal) -> None:
        self.clocks = ""
        """What there is to say about the clocks, beginning with a colon; empty if they agree."""
        self._dsn = dsn
        self._transport = transport
        self._terminal = terminal

    def deliver(self, canary: bytes) -> Answer:
        """Send it and return the answer. Raises Failure if there is none in time, or it is a refusal."""
        from tmon.client_api.delivery import deliver, until

        pause = until(time.monotonic() + ANSWER_WITHIN_S)
        try:
            return deliver(self._post, canary, pause=pause, on_failure=self._waits)
        except DeliveryError as error:
            raise Failure(f"{error}{self.clocks}") from None

    def _post(self, canary: bytes) -> Reply:
        asked = time.time()
        reply = self._transport.post(canary)
        ahead_s = _ahead_s(reply.date, asked)
        if ahead_s is not None and abs(ahead_s) > CLOCKS_DIFFER_S:
            side = "ahead of" if ahead_s > 0 else "behind"
            self.clocks = (
                f": the clock of this machine is {abs(ahead_s):,.0f} s {side} the server's, set one of them"
            )
        return reply

    def _waits(self, reason: str) -> None:
        self._terminal.progress(f"waiting: {reason}", at_once=True)


def _seal(dsn: Dsn, path: str) -> bytes:
    from tmon.client_api.encoding import encode
    from tmon.client_api.parcel import Sealer
    from tmon.client_api.run import Run

    event = encode({"ts": round(time.time(), 3), "url": path, "ip": None, "useragent": "tmon-verify"})
    head = Run("tmon-verify").head(1, close=True)
    return Sealer(dsn).seal(head, [event]).envelope


def _ahead_s(date: str, now: float) -> float | None:
    """How many seconds `now` is ahead of a Date header (RFC 9110 section 6.6.1); None if it cannot be read."""
    from email.utils import parsedate_to_datetime

    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _wait_until_counted(transport: Transport, dsn: Dsn, token: str, path: str) -> str:
    """Ask for the canary's count until it is there; returns where it was found. Raises Failure if it is not 1."""
    from urllib.parse import quote

    begun = time.monotonic()
    look: tuple[str, Callable[[bytes, str], int]] = (
        f"users/url?limit=1&search={quote(path, safe='')}",
        _requests_of,
    )
    found = "once, in the view url,"
    while True:
        problem = "it is not counted yet"
        try:
            reply = transport.get(f"{dsn.url}/{dsn.wsid}/data/{look[0]}", token=token)
        except Unreachable as error:
            problem = str(error)
        else:
            if reply.status == 404 and look[1] is _requests_of:
                # Either the operator has removed the view, or the token may not read: the events tell which.
                look, found = (
                    (f"events?limit={LATEST_EVENTS}", _among_latest),
                    "not looked up, there is no view url; seen",
                )
                continue
            if reply.status in {401, 404}:
                raise Failure(f"stored, but the token may not read web service {dsn.wsid} ({reply.status})")
            if reply.status != 200:
                problem = f"the server answers {reply.status}"
            elif (count := look[1](reply.body, path)) > 1:
                raise Failure(f"stored once, but it counts {count} times")
            elif count == 1:
                return found
        if time.monotonic() - begun > COUNTED_WITHIN_S:
            raise Failure(f"stored, but not counted within {COUNTED_WITHIN_S:.0f} seconds: {problem}")
        time.sleep(ASK_EVERY_S)


def _requests_of(body: bytes, path: str) -> int:
    """How many requests for `path` a ranking counts."""
    counts = [row.get("requests") for row in _results(body) if row.get("key") == path]
    return sum(count for count in counts if isinstance(count, int))


def _among_latest(body: bytes, path: str) -> int:
    """How many of the latest events are requests for `path`."""
    return sum(event.get("url") == path for event in _results(body))


def _results(body: bytes) -> list[dict[str, Any]]:
    try:
        results = json.loads(body)["results"]
        return [row for row in results if isinstance(row, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _described(answer: Answer) -> str:
    if answer.rejected:
        return f"it rejected the event, {answer.rejected[0].error}"
    duplicate = ", as a duplicate" if answer.duplicate else ""
    return f"it answered {answer.status} with {answer.accepted} accepted{duplicate}"


def _took(begun: float) -> str:
    """The time since `begun` (monotonic)."""
    seconds = time.monotonic() - begun
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"


def _say(step: str, text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the checks go on, for the exit status
        print(f"{step:<8} {text}", flush=True)
