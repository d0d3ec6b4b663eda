# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon verify`: proves that a DSN works, with one event that is sealed, sent twice, and read."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any, Final

from tmon.client_api import Answer, DeliveryError, Dsn, DsnError, Unreachable
from tmon.settings import read

from .errors import Failure, WrongUsage

ANSWER_WITHIN_S: Final = 20.0
VISIBLE_WITHIN_S: Final = 15.0
ASK_EVERY_S: Final = 0.25
LATEST_EVENTS: Final = 500

DSN_HELP: Final = (
    "where to send and the secret that seals; better set TMON_DSN (or TMON_DSN_FILE, the name of a file that "
    "holds it), because the process list shows the command line to everybody on this machine"
)


def register(subparsers: Any) -> None:
    """Add `verify` to the root parser."""
    verify = subparsers.add_parser(
        "verify",
        help="send one canary event and check that it arrives and counts once",
        description="Seals one request, sends it twice and checks that it is stored and counted once. This "
        "canary is a real event: it stays in the statistics of the web service like any other.",
    )
    verify.add_argument("--dsn", metavar="DSN", help=DSN_HELP)
    verify.add_argument(
        "--token",
        metavar="TOKEN",
        help="an API token, to check also that the canary can be read; better set TMON_TOKEN instead",
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

    path = f"/tmon-verify/{os.urandom(8).hex()}"
    print(f"canary: a real request for {path}, which stays in the statistics of web service {dsn.wsid}")
    canary = _seal(dsn, path)
    transport = Transport(dsn, timeout_s=10.0)
    try:
        first = _deliver(transport, canary)
        if first.accepted != 1:
            raise Failure(f"{dsn.url} did not accept the canary: {_described(first)}")
        print(f"accepted: {dsn.url} opened the envelope and stored the event")
        second = _deliver(transport, canary)
        if second.accepted != 1 or not second.duplicate:
            raise Failure(
                f"{dsn.url} did not recognise the same bytes when they came again: {_described(second)}"
            )
        print("counted once: the same bytes sent again were answered as a duplicate")
        if token:
            waited_s = _wait_until_visible(transport, dsn, token, path)
            print(f"visible: found among the latest events {waited_s:.1f} s later")
        else:
            print("not checked: whether it can be read, which takes an API token (TMON_TOKEN or --token)")
    finally:
        transport.close()
    return 0


def _seal(dsn: Dsn, path: str) -> bytes:
    from tmon.client_api import envelope
    from tmon.client_api.encoding import encode
    from tmon.client_api.run import Run, plaintext

    event = encode({"ts": round(time.time(), 3), "url": path, "ip": None, "useragent": "tmon-verify"})
    head = Run("tmon-verify").head(1, close=True)
    return envelope.seal(plaintext(head, [event]), dsn.key, dsn.wsid)


def _deliver(transport: Any, canary: bytes) -> Answer:
    from tmon.client_api.delivery import deliver, until

    try:
        return deliver(transport.post, canary, pause=until(time.monotonic() + ANSWER_WITHIN_S))
    except DeliveryError as error:
        raise Failure(str(error)) from None


def _wait_until_visible(transport: Any, dsn: Dsn, token: str, path: str) -> float:
    """Ask for the latest events until the canary is among them; returns the seconds it took."""
    from urllib.parse import quote

    begun = time.monotonic()
    latest = f"{dsn.url}/{dsn.wsid}/data/events?limit={LATEST_EVENTS}"
    url = f"{latest}&filter={quote(f'url:{path}', safe='')}"
    while True:
        problem = "it is not among the latest events"
        try:
            reply = transport.get(url, token=token)
        except Unreachable as error:
            problem = str(error)
        else:
            if reply.status in {401, 404}:
                raise Failure(f"stored, but the token may not read web service {dsn.wsid} ({reply.status})")
            if reply.status == 400 and url != latest:
                # The operator has removed the view `url`, by which the canary is found among many events.
                url = latest
                continue
            if reply.status != 200:
                problem = f"the server answers {reply.status}"
            elif _is_among(reply.body, path):
                return time.monotonic() - begun
        if time.monotonic() - begun > VISIBLE_WITHIN_S:
            raise Failure(f"stored, but not visible within {VISIBLE_WITHIN_S:.0f} seconds: {problem}")
        time.sleep(ASK_EVERY_S)


def _is_among(body: bytes, path: str) -> bool:
    try:
        events = json.loads(body)["results"]
        return any(event.get("url") == path for event in events)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _described(answer: Answer) -> str:
    if answer.rejected:
        return f"it rejected the event, {answer.rejected[0].error}"
    duplicate = ", as a duplicate" if answer.duplicate else ""
    return f"it answered {answer.status} with {answer.accepted} accepted{duplicate}"
