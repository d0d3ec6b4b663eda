# SPDX-License-Identifier: GPL-3.0-or-later
"""A client in a made-up time, against the referee itself, without sockets. Bad clients change a method of it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from tmon.client_api import envelope
from tmon.client_api.envelope import Codec
from tmon.conformance import Door, Finding, Referee, Verdict, judge, line
from tmon.conformance.offered import LARGE_EVENTS, LARGE_FROM
from tmon.conformance.received import Request
from tmon.conformance.script import Reply

KEY = bytes.fromhex("a1b2c3d4e5f60718293a4b5c6d7e8f90" * 2)
DOOR = Door(KEY, 9_007_199_254_740_993, "/kit")
WALL = 1_795_341_600.0
PATIENCE_S = 5.0


class Got(NamedTuple):
    """What a client understands of an answer; status None stands for none."""

    status: int | None
    retry_after_s: float | None = None
    ours: bool = False
    duplicate: bool = False


class Stopped(Exception):
    """The client ends."""


class Client:
    """A client that does everything right, in batches of twenty."""

    batch = 20
    batches = 100
    large_batch = 500
    timeout_s = 10.0
    accept_encoding = "gzip"
    content_type = "application/octet-stream"

    def __init__(self, referee: Referee, start_at: float) -> None:
        self.referee = referee
        self.now = start_at
        self.run = os.urandom(8).hex()
        self.seq = self.sent = self.attempts = 0
        self.lost: dict[str, int] = {}

    # -- what a bad one changes ---------------------------------------------------------------------------------------

    def nonce(self) -> bytes:
        return os.urandom(12)

    def plaintext(self, document: dict[str, Any]) -> bytes:
        return json.dumps(document).encode()

    def codec(self) -> Codec:
        return Codec.PLAIN

    def seal(self, plaintext: bytes) -> bytes:
        return envelope.seal(plaintext, KEY, DOOR.wsid, codec=self.codec(), nonce=self.nonce())

    def path(self) -> str:
        return f"{DOOR.prefix}/data/collect/{DOOR.wsid}"

    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, "Accept-Encoding": self.accept_encoding}

    def body(self, sealed: bytes) -> bytes:
        return sealed

    def event(self, number: int) -> Any:
        return json.loads(line(number))

    def pause_s(self, got: Got, attempt: int) -> float:
        return max(0.5 * 2 ** (attempt - 1), got.retry_after_s or 0.0)

    def again(self, sealed: bytes, events: Sequence[Any]) -> bytes | None:
        """What to send after a failure."""
        return sealed

    def taken(self, got: Got) -> bool:
        return got.status == 200 and got.ours

    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        """A final status."""
        if got.status == 413 and len(events) > 1:
            middle = len(events) // 2
            self.deliver(events[:middle], counted=0)
            self.deliver(events[middle:], counted=0)
        elif got.status == 403:
            raise Stopped
        elif got.status == 413:
            self.lost["refused_413"] = self.lost.get("refused_413", 0) + 1

    def head(self, count: int, *, close: bool) -> dict[str, Any]:
        self.seq += 1
        self.sent += count
        head = {
            "source": "s",
            "run": self.run,
            "seq": self.seq,
            "sent_at": WALL + self.now,
            "sent": self.sent,
        }
        return {**head, "lost": self.lost, **({"close": True} if close else {})}

    # -- what all do --------------------------------------------------------------------------------------------------

    def deliver(self, events: Sequence[Any], *, close: bool = False, counted: int | None = None) -> None:
        head = self.head(len(events) if counted is None else counted, close=close)
        sealed = self.seal(self.plaintext({**head, "events": list(events)}))
        attempt = 0
        while True:
            attempt += 1
            got = self.post(sealed)
            if self.taken(got):
                return
            if got.status is not None and 300 <= got.status < 500 and got.status not in {408, 429}:
                self.refused(got, sealed, events)
                return
            self.now += self.pause_s(got, attempt)
            following = self.again(sealed, events)
            if following is None:
                return
            sealed = following

    def post(self, sealed: bytes) -> Got:
        request = Request(
            self.now, WALL + self.now, "POST", self.path(), tuple(self.headers().items()), self.body(sealed)
        )
        reply, content, arrival = self.referee.request(request)
        took = reply.slow_s + 0.01
        if arrival is not None:
            self.referee.answered(arrival, self.now + took)
        self.now += min(took, self.timeout_s)
        return self.understood(reply, content) if took <= self.timeout_s else Got(None)

    def understood(self, reply: Reply, content: dict[str, Any]) -> Got:
        if reply.noise or reply.cut is not None:
            return Got(None)
        status = content["status_code"] if reply.body is None else reply.status
        return Got(status, reply.retry_after_s, reply.body is None, content.get("duplicate", False))

    def play(self, first: int, *, refusing: bool = False) -> int:
        """Send events from number `first` on until the script is over; the number of the next one."""
        self.referee.started()
        start = self.referee.record.starts
        fed: set[int] = set()
        if not refusing:
            self.referee.record.offered[start] = fed
        numbers = iter(range(first, first + self.batch * self.batches))
        large = False
        with contextlib.suppress(Stopped):
            for number in numbers:
                self.now += 1
                self.referee.tick(self.now)
                some = [number, *(next(numbers) for _ in range(self.batch - 1))]
                fed.update(some)
                self.deliver([self.event(one) for one in some])
                if self.referee.wants_large and not large:
                    large = True
                    fed.update(range(LARGE_FROM, LARGE_FROM + LARGE_EVENTS))
                    for at in range(LARGE_FROM, LARGE_FROM + LARGE_EVENTS, self.large_batch):
                        self.deliver([self.event(one) for one in range(at, at + self.large_batch)])
                if self.referee.main_done and not refusing:
                    break
            self.finish()
            if not refusing:
                self.referee.record.ended_in_order.add(start)
        self.referee.tick(self.now)
        self.referee.ended()
        return number + self.batch

    def finish(self) -> None:
        self.deliver([], close=True)


class FormClient(Client):
    """Sends forms instead."""

    content_type = "application/x-www-form-urlencoded"

    def path(self) -> str:
        return f"{DOOR.prefix}/data/collect"

    def data(self, sealed: bytes) -> str:
        return quote(base64.b64encode(sealed), safe="")

    def body(self, sealed: bytes) -> bytes:
        return f"data={self.data(sealed)}&wsid={DOOR.wsid}".encode()


class GzipClient(Client):
    """Has HTTP compress its bodies, and accepts no gzip."""

    accept_encoding = "identity"

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "Content-Encoding": "gzip"}

    def body(self, sealed: bytes) -> bytes:
        return gzip.compress(sealed)


def judged(client: type[Client], *, large: bool = False) -> dict[str, Finding]:
    """What the kit finds about a client that is started, and started again for the end, by check."""
    referee = Referee(DOOR, fed=large, patience_s=PATIENCE_S)
    main = client(referee, 1000.0)
    following = main.play(0)
    referee.refuse()
    last = client(referee, main.now + 1)
    last.play(following, refusing=True)
    referee.tick(last.now + 3)
    return {finding.check: finding for finding in judge(referee.record)}


def failures(client: type[Client]) -> dict[str, str]:
    """The checks that a client fails, and what was seen."""
    return {name: one.seen for name, one in judged(client).items() if one.verdict is Verdict.FAIL}
