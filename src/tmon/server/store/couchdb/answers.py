# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of a node means: JSON, an error that the caller is told, or a failure of the node. No I/O."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .errors import Answered, Conflict, Exists, Missing, Refused

LONGEST_REASON: Final = 300
"""Characters: a server's reason may repeat a whole document."""
_MEANINGS: Final = {401: Refused, 403: Refused, 404: Missing, 409: Conflict, 412: Exists}
_SAID_BY_ANYBODY: Final = frozenset({401, 403, 413})
"""A proxy before the nodes answers these in its own words, and they mean the same."""
_FAILURES: Final = frozenset({408, 429})
"""4xx that say nothing about the request: the node has no time for it."""


class NodeFailed(Exception):
    """A node did not do its work; the message says what it did instead. Another node is to be asked."""


def meaning(status: int, content: bytes, what: str) -> Any:
    """The JSON of an answer to `what` (method and path, for messages).

    Raises Answered or the kind of it that the status stands for, and NodeFailed where the node has failed, or the
    answer is none of CouchDB's. A 404 that isn't CouchDB's own must not pass for a missing document.
    """
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if status not in _SAID_BY_ANYBODY:
            raise NodeFailed(f"answered {status} without JSON") from None
        answer = {"error": ""}
    if 200 <= status < 300:
        return answer
    error, reason = _words(answer)
    if not 400 <= status < 500 or status in _FAILURES or error is None:
        said = ": ".join(word for word in (error, reason) if word)
        raise NodeFailed(f"answered {status}{f' ({said})' if said else ''}")
    raise _MEANINGS.get(status, Answered)(what, status, error, reason)


def _words(answer: Any) -> tuple[str | None, str]:
    """The `error` and `reason` of an answer, None for the first where it has no such thing."""
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return None, ""
    reason = answer.get("reason")
    return answer["error"][:LONGEST_REASON], reason[:LONGEST_REASON] if isinstance(reason, str) else ""
