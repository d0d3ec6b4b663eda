# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CouchDB answers that isn't what was asked for."""

from __future__ import annotations

from ..base import StoreError


class Answered(StoreError):
    """The server does not do what was asked, and would not do it at another try (4xx).

    StoreError
    ├── Unavailable      no node has answered (store/base.py)
    ├── TooLarge         the answer is larger than its limit
    └── Answered         any other 4xx
        ├── Refused      401, 403: the login is wrong, or may not do that
        ├── Missing      404: there is no such database or document, or it was deleted
        ├── Conflict     409: the document is there in another revision
        └── Exists       412: the database is there already

    `status` is HTTP's, `error` and `reason` are the server's words.
    """

    def __init__(self, what: str, status: int, error: str, reason: str) -> None:
        said = ": ".join(word for word in (error, reason) if word)
        super().__init__(f"CouchDB answered {what} with {status}{f' ({said})' if said else ''}")
        self.status = status
        self.error = error
        self.reason = reason


class Refused(Answered):
    """The user or password of TMON_STORE is wrong there, or that user may not do what was asked."""

    def __init__(self, what: str, status: int, error: str, reason: str) -> None:
        super().__init__(what, status, error, reason)
        self.args = (f"{self.args[0]}: the user of TMON_STORE has to be an administrator of this CouchDB",)


class Missing(Answered):
    """There is no such database, document or view, or it was deleted."""


class Conflict(Answered):
    """The document is there in another revision, or in any where none was named."""


class Exists(Answered):
    """The database is there already."""


class TooLarge(StoreError):
    """The answer is larger than its limit, and was not read."""
