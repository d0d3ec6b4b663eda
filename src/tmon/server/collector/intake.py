# SPDX-License-Identifier: GPL-3.0-or-later
"""From a body to an opened envelope that is ready for the writer, in three steps that do no I/O.

`read` takes the envelope out of the body, `unlock` finds the key that opens it, `judge` decodes it and runs its events
through the pipeline. Each may be called on the event loop or on a worker thread.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from tmon.client_api import envelope as wire
from tmon.server.pipeline import (
    Batch,
    Message,
    Pipeline,
    Refused,
    SaltMissing,
    SaltOf,
    TooMany,
    decode,
    reject_all,
    unread,
)
from tmon.server.pipeline.quarantine import MAX_BYTES as MAX_QUARANTINED
from tmon.server.pipeline.quarantine import payload as quarantined
from tmon.server.tenants.keyring import Keyring, Service
from tmon.server.writer import Envelope

from .form import read_form
from .inflating import gunzip
from .refusals import LargeWork, Refusal

MAX_BODY: Final = 8 * 1024 * 1024
SMALL_BYTES: Final = 256 * 1024
SMALL_EVENTS: Final = 1_000
"""What has more bytes, as it arrived or inflated, or more events is worked on off the event loop."""
SMALL_AGENTS: Final = 32
"""So is what has more user agents that were not seen lately: 250 of them take half a second."""

_nobodys_key: Final = wire.cipher(secrets.token_bytes(wire.KEY_BYTES))
"""Tried for web services that do not exist, so that their answer takes as long as that of a wrong key."""
_prepared = lru_cache(maxsize=8192)(wire.cipher)


class Body(NamedTuple):
    """What a request brought: `wsid` is the text from its path, None where the form has it."""

    content: bytes
    wsid: str | None
    gzipped: bool


class Sealed(NamedTuple):
    """An envelope, for whom it is, and its id."""

    wsid: int
    envelope: bytes
    parsed: wire.Parsed


class Unlocked(NamedTuple):
    """An envelope that a key of its web service, with the number `key`, has opened; the codec is not undone yet."""

    service: Service
    sealed: Sealed
    payload: bytes
    key: int


class Judged(NamedTuple):
    """An envelope ready for the writer, and how many bytes of plaintext it had."""

    envelope: Envelope
    size: int


def read(body: Body, *, small: bool) -> Sealed:
    """The envelope in a body.

    Raises Refusal 400 or 413; LargeWork if `small` and the body is gzipped and has more than SMALL_BYTES inside.
    """
    content = body.content
    if body.gzipped:
        content = gunzip(content, MAX_BODY, small=SMALL_BYTES if small else None)
    try:
        if body.wsid is None:
            fields = read_form(content)
            wsid = wire.parse_wsid(fields.wsid.decode("latin1"))
            envelope = wire.from_data(fields.data)
        else:
            wsid = wire.parse_wsid(body.wsid)
            envelope = content
        return Sealed(wsid, envelope, wire.parse(envelope))
    except wire.EnvelopeError as error:
        raise Refusal(400, str(error)) from None


def unlock(keyring: Keyring, sealed: Sealed) -> Unlocked | None:
    """Open an envelope; None if its web service is unknown or none of its active keys fits."""
    service = keyring.get(sealed.wsid)
    keys = [_prepared(key.secret) for key in service.keys] if service is not None else None
    try:
        position, payload = wire.decrypt(sealed.parsed, keys or (_nobodys_key,), sealed.wsid)
    except wire.NotAuthentic:
        return None
    return Unlocked(service, sealed, payload, service.keys[position].id) if service is not None else None


def _much(message: Message) -> bool:
    """Whether the events take so long that the event loop would stand still."""
    count = len(message.events)
    return count > SMALL_EVENTS or (count > SMALL_AGENTS and unread(message.events) > SMALL_AGENTS)


SaltsOf = Callable[[int], SaltOf]
"""The salts of a web service."""


class Judge:
    """Decodes opened envelopes and runs their events through the pipeline.

    `known` gives the salts that this process knows already, and raises SaltMissing for others without blocking;
    `fetched` gets them, and raises Refusal 503 where they cannot be had. `fetch_many` is told of those that `fetched`
    will be asked for, if it is several.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        known: SaltsOf,
        fetched: SaltsOf,
        clock: Callable[[], float] = time.time,
        *,
        fetch_many: Callable[[int, list[int]], object] = lambda wsid, days: None,
    ) -> None:
        self._pipeline = pipeline
        self._known = known
        self._fetched = fetched
        self._fetch_many = fetch_many
        self._clock = clock

    def judge(self, unlocked: Unlocked, *, small: bool) -> Judged:
        """Make the envelope that the writer gets, also of one that is refused (400): that is its outcome.

        With `small` this does not block: it raises LargeWork where the plaintext is not small, and
        SaltMissing where a salt has to be fetched. Without, it raises Refusal 503 where one cannot be.
        Either way it raises Refusal 413 for what is too much.
        """
        service, sealed, payload, key = unlocked
        received_ms = int(self._clock() * 1000)
        envelope = Envelope(
            wsid=service.wsid,
            id=wire.envelope_id(sealed.envelope, service.wsid),
            received_ms=received_ms,
            key=key,
        )
        try:
            most = SMALL_BYTES if small else wire.MAX_PLAINTEXT
            plaintext = wire.decode(sealed.parsed.codec, payload, max_plaintext=most)
        except wire.TooLarge as error:
            if small:
                raise LargeWork from None
            raise Refusal(413, str(error)) from None
        except wire.Malformed as error:
            envelope.refused, envelope.message = "damaged", str(error)
            return Judged(envelope, len(payload))
        try:
            message = decode(plaintext, received_ms)
            if small and _much(message):
                raise LargeWork
            if small:
                batch = self._pipeline.run(message, service, received_ms, self._known(service.wsid))
            else:
                batch = self._run_with_fetched(message, service, received_ms)
        except TooMany as error:
            raise Refusal(413, str(error)) from None
        except Refused as refused:
            envelope.refused, envelope.message = refused.reason, refused.message
            if refused.known is None:
                if len(plaintext) <= MAX_QUARANTINED:
                    text = plaintext.decode("utf-8", "replace")
                    envelope.payloads = [(refused.reason, quarantined(text, service.ip_policy))]
                return Judged(envelope, len(plaintext))
            message = refused.known
            batch = reject_all(message, service, refused.reason, refused.message)
        envelope.events, envelope.rejected, envelope.payloads = batch.events, batch.rejected, batch.payloads
        envelope.source, envelope.run, envelope.seq = message.source, message.run, message.seq
        envelope.sent, envelope.lost, envelope.close = message.sent, message.lost, message.close
        envelope.stream = message.stream
        return Judged(envelope, len(plaintext))

    def _run_with_fetched(self, message: Message, service: Service, received_ms: int) -> Batch:
        """Run the pipeline, and again if salts were missing, which are then there.

        They are made together: one by one they take 7 ms each, those of many years a minute.
        """
        known = self._known(service.wsid)
        missing: list[int] = []

        def salt_of(day: int) -> bytes | None:
            try:
                return known(day)
            except SaltMissing:
                missing.append(day)
                return None

        batch = self._pipeline.run(message, service, received_ms, salt_of)
        if not missing:
            return batch
        if len(missing) > 1:
            self._fetch_many(service.wsid, missing)
        return self._pipeline.run(message, service, received_ms, self._fetched(service.wsid))
