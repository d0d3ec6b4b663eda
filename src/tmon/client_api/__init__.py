# SPDX-License-Identifier: LGPL-3.0-or-later
"""The light client: seals events and delivers them; what a tracked program imports.

Needs cryptography and httpx only, and loads either when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Answer, Rejected
    from .books import Stats
    from .client import Client
    from .default import flush, init, track
    from .dsn import Dsn
    from .errors import (
        ClientError,
        DeliveryError,
        DsnError,
        EnvelopeError,
        NotEncodable,
        Refused,
        Undelivered,
        Unreachable,
    )
    from .memory import MemoryTransport
    from .trouble import Trouble

__all__ = [
    "Answer",
    "Client",
    "ClientError",
    "DeliveryError",
    "Dsn",
    "DsnError",
    "EnvelopeError",
    "MemoryTransport",
    "NotEncodable",
    "Refused",
    "Rejected",
    "Stats",
    "Trouble",
    "Undelivered",
    "Unreachable",
    "flush",
    "init",
    "track",
]

_HOMES = {
    "Answer": "answer",
    "Rejected": "answer",
    "Client": "client",
    "Dsn": "dsn",
    "MemoryTransport": "memory",
    "Stats": "books",
    "Trouble": "trouble",
    "flush": "default",
    "init": "default",
    "track": "default",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    globals()[name] = value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    return value
