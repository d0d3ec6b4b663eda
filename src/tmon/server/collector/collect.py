# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /data/collect: the way in (CONTRACT section 3).

Small envelopes are worked on where they arrive, on the event loop, without a task or another thread in between; what
is large, or has to wait for the accounts database, goes on in a task. Nothing here asks the store: an envelope goes
to the writer, and the answer follows its outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from prometheus_client import Counter

from tmon.server.pipeline import SaltMissing
from tmon.server.tenants.keyring import Keyring
from tmon.server.writer import Envelope, NotTaken, Outcome
from tmon.settings.proxies import TrustedProxies, client_address

from .answers import of_not_taken, of_outcome
from .exchange import Exchange, Head, joined
from .failures import Failures
from .intake import MAX_BODY, SMALL_BYTES, Body, Judge, Judged, Sealed, Unlocked, read, unlock
from .refreshing import Refresher
from .refusals import LargeWork, Refusal, accounts_away

Result = TypeVar("Result")

PATH: Final = "/data/collect"
FORM: Final = "application/x-www-form-urlencoded"
RAW: Final = "application/octet-stream"


class Appender(Protocol):
    """The writer as the collector sees it, on this machine a thread."""

    def take(self, envelope: Envelope, size: int, answered: Callable[[Outcome | NotTaken], None]) -> None:
        """Take an envelope; `answered` is told its outcome or a NotTaken. Raises Busy."""


@dataclass(frozen=True, slots=True)
class Collector:
    """What every request to collect needs."""

    keyring: Keyring
    judge: Judge
    writer: Appender
    refresher: Refresher
    workers: ThreadPoolExecutor
    """For large envelopes and for what waits for the accounts database; two threads, so two at a time."""
    failures: Failures
    trusted_proxies: TrustedProxies
    failed_opens: Counter


class Collect:
    """One request to collect."""

    most = MAX_BODY
    allow = "POST"

    def __init__(self, collector: Collector, exchange: Exchange) -> None:
        self._collector = collector
        self._exchange = exchange
        self._body: bytes | bytearray = b""
        self._wsid: str | None = None
        self._gzipped = False
        self._verdict: Refusal | None = None
        self._stream = False

    # -- the exchange calls these -------------------------------------------------------------------------------------

    def begin(self, head: Head) -> None:
        """Judge the head. A refusal waits until the body is read, unless the client waits for leave to send it."""
        try:
            self._judge_head(head)
        except Refusal as refusal:
            self._verdict = refusal
            if head.headers.get("expect", "").lower() == "100-continue":
                self._exchange.refuse(refusal)

    def data(self, chunk: bytes) -> None:
        """Keep a part of the body. Raises Refusal 503 where bodies take too much memory already."""
        if self._verdict is not None:
            return
        exchange = self._exchange
        self._body = joined(self._body, chunk)
        exchange.hold(len(chunk))
        if exchange.front.full and exchange.held > SMALL_BYTES:
            raise Refusal(503, "too many large envelopes at once", retry_after_s=1)

    def end(self) -> None:
        """Collect the envelope in the body."""
        if self._verdict is not None:
            self._exchange.refuse(self._verdict)
            return
        body = Body(bytes(self._body), self._wsid, self._gzipped)
        self._body = b""
        if len(body.content) <= SMALL_BYTES:
            try:
                self._collect_here(body)
            except NotTaken as error:
                self._not_taken(error)
            except (LargeWork, SaltMissing):
                self._exchange.front.spawn(self._collect_elsewhere(body))
        else:
            self._exchange.front.spawn(self._collect_elsewhere(body))

    def gone(self) -> None:
        """Nobody waits for an answer."""
        self._body = b""

    # -- the head -----------------------------------------------------------------------------------------------------

    def _judge_head(self, head: Head) -> None:
        if head.method != "POST":
            raise Refusal(405, "envelopes are sent with POST", allow=self.allow)
        headers = head.headers
        path = head.target.partition("?")[0]
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if path == PATH:
            if content_type != FORM:
                raise Refusal(400, f"the Content-Type here is {FORM}; {RAW} goes to {PATH}/<wsid>")
        else:
            self._wsid = path.removeprefix(f"{PATH}/")
            if content_type != RAW:
                raise Refusal(400, f"the Content-Type here is {RAW}; {FORM} goes to {PATH}")
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in {"gzip", "x-gzip", "identity"}:
            raise Refusal(400, "the only Content-Encoding is gzip")
        self._gzipped = coding != "identity"

    # -- the envelope -------------------------------------------------------------------------------------------------

    def _collect_here(self, body: Body) -> None:
        """Do everything at once, on the event loop."""
        sealed = read(body, small=True)
        unlocked = unlock(self._collector.keyring, sealed)
        if unlocked is None:
            self._exchange.front.spawn(self._try_again(sealed))
        else:
            self._submit(self._collector.judge.judge(unlocked, small=True))

    async def _try_again(self, sealed: Sealed) -> None:
        """Open a small envelope with a keyring that is younger than the request."""
        with self._answering():
            await self._refresh()
            unlocked = unlock(self._collector.keyring, sealed)
            if unlocked is None:
                self._failed_to_open()
                return
            try:
                judged = self._collector.judge.judge(unlocked, small=True)
            except (LargeWork, SaltMissing):
                judged = await self._judge_elsewhere(unlocked)
            self._submit(judged)

    async def _collect_elsewhere(self, body: Body) -> None:
        """Do everything on a worker thread."""
        keyring = self._collector.keyring
        with self._answering():
            sealed = await self._off_loop(lambda: read(body, small=False))
            unlocked = await self._off_loop(lambda: unlock(keyring, sealed))
            if unlocked is None:
                await self._refresh()
                unlocked = await self._off_loop(lambda: unlock(keyring, sealed))
            if unlocked is None:
                self._failed_to_open()
            else:
                self._submit(await self._judge_elsewhere(unlocked))

    async def _judge_elsewhere(self, unlocked: Unlocked) -> Judged:
        return await self._off_loop(lambda: self._collector.judge.judge(unlocked, small=False))

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """See to it that a task ends with an answer."""
        with self._exchange.answering():
            try:
                yield
            except NotTaken as error:
                self._not_taken(error)

    async def _off_loop(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._collector.workers, work)

    async def _refresh(self) -> None:
        """Have the keyring be younger than this request. Raises Refusal 503 where the accounts do not answer.

        A 403 is final, so it is given only by somebody who knows.
        """
        if not await self._collector.refresher.refreshed():
            raise accounts_away()

    def _failed_to_open(self) -> None:
        collector, exchange = self._collector, self._exchange
        collector.failed_opens.inc()
        address = client_address(exchange.peer, exchange.headers, collector.trusted_proxies)
        wait_s = collector.failures.charge(address, time.monotonic())
        if wait_s:
            self._exchange.refuse(Refusal(429, "too many envelopes that do not open", retry_after_s=wait_s))
        else:
            self._exchange.refuse(Refusal(403, "no key of this web service opens the envelope"))

    # -- the answer ---------------------------------------------------------------------------------------------------

    def _submit(self, judged: Judged) -> None:
        """Hand the envelope to the writer. Raises Busy."""
        self._stream = judged.envelope.stream is not None
        self._exchange.release()
        self._collector.writer.take(judged.envelope, judged.size, self._answered)

    def _answered(self, answer: Outcome | NotTaken) -> None:
        if isinstance(answer, NotTaken):
            self._not_taken(answer)
            return
        try:
            debug = self._exchange.front.debug
            self._exchange.answer(of_outcome(answer, stream=self._stream, debug=debug))
        except Exception as error:
            with self._answering():
                raise error

    def _not_taken(self, error: NotTaken) -> None:
        self._exchange.answer(of_not_taken(error, debug=self._exchange.front.debug))
