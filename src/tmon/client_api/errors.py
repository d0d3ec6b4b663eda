# SPDX-License-Identifier: LGPL-3.0-or-later
"""The errors of the client room.

    ClientError
    ├── DsnError                the DSN is missing or wrong (the caller's mistake)
    ├── NotEncodable            an event holds a value that the wire format has no place for (the caller's)
    ├── EnvelopeError           bytes that are no envelope, or not one for us (the peer's)
    │   ├── Malformed           too short, not Base64, or the compressed content is damaged
    │   ├── UnknownVersion      the first byte names a version that this program does not know
    │   ├── UnknownCodec        the second byte names a codec that this program does not know
    │   ├── NotAuthentic        the tag does not fit: another key, another web service, or changed bytes
    │   └── TooLarge            longer than allowed once inflated
    └── DeliveryError           an envelope that did not reach the log (the network's, the server's)
        ├── Unreachable         no answer, or one that no collector gives; worth another attempt
        ├── Refused             the server answered and its answer is final
        └── Undelivered         the time for further attempts is over

No message ever contains a secret. Arguments of the wrong type or length raise ValueError as usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Answer


class ClientError(Exception):
    """Base of everything that `tmon.client_api` raises on purpose."""


class DsnError(ClientError, ValueError):
    """A DSN is missing or cannot be read. The message never quotes it."""


class NotEncodable(ClientError, ValueError):
    """An event cannot be written as JSON that the server accepts.

    `reason` is the word under which such a loss is counted (`not_encodable` or `too_large`), `index` the
    event's position in its batch where there is one.
    """

    def __init__(self, message: str, *, reason: str = "not_encodable", index: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.index = index


class EnvelopeError(ClientError):
    """Bytes that cannot be opened as an envelope."""


class Malformed(EnvelopeError):
    """Not an envelope at all, or one whose content is damaged although its tag is right."""


class UnknownVersion(EnvelopeError):
    """An envelope of a version that this program does not know."""


class UnknownCodec(EnvelopeError):
    """An envelope with a codec that this program does not know."""


class NotAuthentic(EnvelopeError):
    """No given key opens the envelope for this web service."""


class TooLarge(EnvelopeError):
    """The plaintext is longer than allowed."""


class DeliveryError(ClientError):
    """An envelope was not accepted."""


class Unreachable(DeliveryError):
    """No answer of a collector came back. The same bytes may be sent again."""


class Refused(DeliveryError):
    """The server's answer is final and is not 200. `answer` holds it."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class Undelivered(DeliveryError):
    """No attempt succeeded in the time allowed. The server may still have stored the envelope.

    `reason` is why the last one failed.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
