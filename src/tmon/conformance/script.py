# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a session: in each the endpoint misbehaves in one way towards one envelope."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


@dataclass(frozen=True, slots=True)
class Reply:
    """What the endpoint does with a request.

    `body` None stands for the answer of a server that does what it should, `stores` for one that does so behind the
    scenes. `slow_s` has the answer trickle in over so many seconds, `cut` is the share of its bytes after which the
    connection closes, `noise` comes instead of an answer.
    """

    status: int = 200
    retry_after_s: int | None = None
    content_type: str = "application/json"
    body: bytes | None = None
    stores: bool = False
    gzipped: bool = False
    slow_s: float = 0.0
    cut: float | None = None
    noise: bytes = b""


class Kind(Enum):
    """What is expected of a client after a step's replies."""

    AGAIN = auto()
    """The same bytes come again after each reply, and then they are taken."""
    ONCE = auto()
    """They were taken, and do not come again."""
    NEVER = auto()
    """They were refused for good, and do not come again."""
    SPLIT = auto()
    """Their events come again in several smaller envelopes."""
    LARGE = auto()
    """The client is offered megabytes, and all of them arrive."""
    PARKED = auto()
    """Everything is refused, and the client is silent for some time, or ends."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way of misbehaving: `replies` to the first arrivals of the bytes that meet it."""

    name: str
    kind: Kind
    replies: tuple[Reply, ...]
    least_events: int = 1
    gzip_only: bool = False
    """Whether it is for clients that accept gzip; others pass it by."""


LOGIN_PAGE: Final = b"<!doctype html><title>Welcome</title><p>Please accept the terms of this network.</p>"
NOT_HTTP: Final = b"\x16\x03\x01\x00\xfa\xff\r\n\r\n" * 8

MAIN: Final = (
    Step("retry-503", Kind.AGAIN, (Reply(503, retry_after_s=2),)),
    Step("retry-429", Kind.AGAIN, (Reply(429, retry_after_s=1),)),
    Step("backoff", Kind.AGAIN, (Reply(500), Reply(408))),
    Step("no-answer", Kind.AGAIN, (Reply(stores=True, cut=0.0),)),
    Step("cut-answer", Kind.AGAIN, (Reply(stores=True, cut=0.8),)),
    Step("not-http", Kind.AGAIN, (Reply(noise=NOT_HTTP),)),
    Step("foreign-200", Kind.AGAIN, (Reply(200, content_type="text/html", body=LOGIN_PAGE),)),
    Step("slow-answer", Kind.ONCE, (Reply(stores=True, slow_s=1.0),)),
    Step("gzip-answer", Kind.ONCE, (Reply(stores=True, gzipped=True),), gzip_only=True),
    Step("final-400", Kind.NEVER, (Reply(400),)),
    Step("split-413", Kind.SPLIT, (Reply(413),), least_events=2),
    Step("large", Kind.LARGE, ()),
)
REFUSED: Final = Step("calm-403", Kind.PARKED, (Reply(403),))
