# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mistake of a client is found by the name of the check that it fails, and no other check is blamed for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .simulated import DOOR, KEY, WALL, Client, FormClient, Got, failures


class ResendsAfter400(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status == 400:
            self.post(sealed)
        else:
            super().refused(got, sealed, events)


class SendsTheEventsOfA400Anew(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status == 400:
            self.deliver(events)
        else:
            super().refused(got, sealed, events)


class SealsAnew(Client):
    def again(self, sealed: bytes, events: Sequence[Any]) -> bytes | None:
        return self.seal(self.plaintext({"sent_at": WALL + self.now, "events": list(events)}))


class GivesUp(Client):
    def again(self, sealed: bytes, events: Sequence[Any]) -> bytes | None:
        self.lost["failed"] = self.lost.get("failed", 0) + len(events)
        return None


class ConstantNonce(Client):
    def nonce(self) -> bytes:
        return bytes(12)


class CountingNonce(Client):
    counter = 0

    def nonce(self) -> bytes:
        CountingNonce.counter += 1
        return CountingNonce.counter.to_bytes(12, "big")


class IgnoresRetryAfter(Client):
    def pause_s(self, got: Got, attempt: int) -> float:
        return 0.5


class Hammers(Client):
    def pause_s(self, got: Got, attempt: int) -> float:
        return got.retry_after_s or 0.0


class TellsTheSecretInAHeader(Client):
    def headers(self) -> dict[str, str]:
        return {**super().headers(), "X-Key": KEY.hex().upper()}


class TellsTheSecretAsBasicAuthorization(Client):
    def headers(self) -> dict[str, str]:
        return {
            **super().headers(),
            "Authorization": "Basic " + base64.b64encode(f"{KEY.hex()}:".encode()).decode(),
        }


class TellsTheSecretInTheAddress(Client):
    def path(self) -> str:
        return f"{super().path()}?key={KEY.hex()}"


class UrlSafeBase64(FormClient):
    def data(self, sealed: bytes) -> str:
        # A tail that needs both letters, so that no envelope goes through by chance.
        return base64.urlsafe_b64encode(sealed + b"\xff\xef\xbe").decode()


class Unpadded(FormClient):
    def data(self, sealed: bytes) -> str:
        return (
            base64.b64encode(sealed + b"..."[: (1 - len(sealed)) % 3])
            .decode()
            .rstrip("=")
            .replace("+", "%2B")
        )


class NoAssociatedData(Client):
    associated: bytes | None = None

    def seal(self, plaintext: bytes) -> bytes:
        nonce = self.nonce()
        return b"\1\0" + nonce + AESGCM(KEY).encrypt(nonce, plaintext, self.associated)


class AssociatedWithoutTheWsid(NoAssociatedData):
    associated = b"\1\0"


class RoundsTheWsid(NoAssociatedData):
    associated = b"\1\0" + b"9007199254740992"


class TagFirst(Client):
    def seal(self, plaintext: bytes) -> bytes:
        sealed = super().seal(plaintext)
        return sealed[:14] + sealed[-16:] + sealed[14:-16]


class TakesHexDigitsForTheKey(Client):
    def seal(self, plaintext: bytes) -> bytes:
        nonce = self.nonce()
        cipher = AESGCM(KEY.hex().encode()[:32])
        return b"\1\0" + nonce + cipher.encrypt(nonce, plaintext, b"\1\0%d" % DOOR.wsid)


class SaysZlibAndIsPlain(Client):
    def seal(self, plaintext: bytes) -> bytes:
        nonce = self.nonce()
        return b"\1\1" + nonce + AESGCM(KEY).encrypt(nonce, plaintext, b"\1\1%d" % DOOR.wsid)


class ForgetsThePrefix(Client):
    def path(self) -> str:
        return f"/data/collect/{DOOR.wsid}"


class SendsText(Client):
    content_type = "text/plain"


class OneEventEach(Client):
    batch = 1


class Latin1(Client):
    def plaintext(self, document: dict[str, Any]) -> bytes:
        return json.dumps(document, ensure_ascii=False).encode("latin-1", "replace")


class DropsWhatIsBeyondTheBmp(Client):
    def event(self, number: int) -> Any:
        return {
            name: "".join(one for one in value if one < "\U00010000") if isinstance(value, str) else value
            for name, value in super().event(number).items()
        }


class MakesTextOfNumbers(Client):
    def event(self, number: int) -> Any:
        event = super().event(number)
        return {**event, **({"whole": str(event["whole"])} if "whole" in event else {})}


class StampsEventsAnew(Client):
    def event(self, number: int) -> Any:
        return {**super().event(number), "ts": WALL}


class TakesMillisecondsForSeconds(Client):
    def event(self, number: int) -> Any:
        event = super().event(number)
        return {**event, "ts": WALL * 1000} if "ts" not in event else event


class ForgetsTheAddress(Client):
    def event(self, number: int) -> Any:
        return {name: value for name, value in super().event(number).items() if name != "ip"}


class BelievesAnyTwoHundred(Client):
    def taken(self, got: Got) -> bool:
        return got.status == 200


class HasNoPatience(Client):
    timeout_s = 0.5


class ForgetsWhatIsTooLarge(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status == 413:
            self.lost["refused_413"] = len(events)
        else:
            super().refused(got, sealed, events)


class SendsWhatIsTooLargeAgain(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status == 413:
            self.post(sealed)
        super().refused(got, sealed, events)


class GoesOnAfter403(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status != 403:
            super().refused(got, sealed, events)


class TakesADuplicateForAFailure(Client):
    def taken(self, got: Got) -> bool:
        return super().taken(got) and not got.duplicate

    def again(self, sealed: bytes, events: Sequence[Any]) -> bytes | None:
        arrivals = [one.arrivals for one in self.referee.record.in_order if one.received.envelope == sealed]
        return sealed if len(arrivals[0]) < 5 else None


class ForgetsTheRest(Client):
    """Loses the last batch, and says nothing."""

    def finish(self) -> None:
        self.referee.record.offered[1].update(range(700, 720))
        super().finish()


class EndsWithoutAWord(Client):
    def finish(self) -> None:
        pass


class NumbersRetries(Client):
    def head(self, count: int, *, close: bool) -> dict[str, Any]:
        return {**super().head(count, close=close), "seq": 1}


class CountsOneEnvelopeOnly(Client):
    def head(self, count: int, *, close: bool) -> dict[str, Any]:
        return {**super().head(count, close=close), "sent": count}


class CountsRejectedAsLost(Client):
    def refused(self, got: Got, sealed: bytes, events: Sequence[Any]) -> None:
        if got.status == 400:
            self.lost["refused_400"] = len(events)
        super().refused(got, sealed, events)


class SpellsLostWrong(Client):
    def head(self, count: int, *, close: bool) -> dict[str, Any]:
        return {**super().head(count, close=close), "lost": 0}


class SendsTooMuch(Client):
    grown = False

    def plaintext(self, document: dict[str, Any]) -> bytes:
        if document["seq"] > 3 and not self.grown:
            self.grown = True
            return super().plaintext(document) + b" " * 9_000_000
        return super().plaintext(document)


AGAIN = {"retry-503", "retry-429", "backoff", "no-answer", "cut-answer", "not-http", "foreign-200"}
MISTAKES: dict[type[Client], set[str]] = {
    ResendsAfter400: {"final-400"},
    SendsTheEventsOfA400Anew: {"final-400", "counts", "bookkeeping"},
    SealsAnew: AGAIN | {"counts", "bookkeeping"},
    GivesUp: AGAIN | {"bookkeeping"},
    ConstantNonce: {"nonces"},
    CountingNonce: {"nonces"},
    IgnoresRetryAfter: {"retry-after"},
    Hammers: {"backoff"},
    TellsTheSecretInAHeader: {"secret"},
    TellsTheSecretAsBasicAuthorization: {"secret"},
    TellsTheSecretInTheAddress: {"secret"},
    UrlSafeBase64: {"base64"},
    Unpadded: {"base64"},
    NoAssociatedData: {"envelope"},
    AssociatedWithoutTheWsid: {"envelope"},
    RoundsTheWsid: {"envelope"},
    TagFirst: {"envelope"},
    TakesHexDigitsForTheKey: {"envelope"},
    SaysZlibAndIsPlain: {"zlib"},
    ForgetsThePrefix: {"endpoint"},
    SendsText: {"endpoint"},
    OneEventEach: {"batching"},
    DropsWhatIsBeyondTheBmp: {"unicode"},
    MakesTextOfNumbers: {"values"},
    StampsEventsAnew: {"times"},
    TakesMillisecondsForSeconds: {"times"},
    ForgetsTheAddress: {"events", "values"},
    BelievesAnyTwoHundred: {"foreign-200", "counts", "bookkeeping"},
    HasNoPatience: {"slow-answer"},
    ForgetsWhatIsTooLarge: {"split-413"},
    SendsWhatIsTooLargeAgain: {"split-413"},
    GoesOnAfter403: {"calm-403"},
    TakesADuplicateForAFailure: {"no-answer", "cut-answer"},
    ForgetsTheRest: {"counts"},
    EndsWithoutAWord: {"close"},
    NumbersRetries: {"bookkeeping"},
    CountsOneEnvelopeOnly: {"bookkeeping"},
    CountsRejectedAsLost: {"bookkeeping"},
    SpellsLostWrong: {"bookkeeping"},
    SendsTooMuch: {"limits"},
    Latin1: {"json"},
}


@pytest.mark.parametrize("client", MISTAKES, ids=lambda client: client.__name__)
def test_a_mistake_is_found_by_its_name(client: type[Client]) -> None:
    found = failures(client)
    assert set(found) == MISTAKES[client], found
