# SPDX-License-Identifier: LGPL-3.0-or-later
"""T-Mon's public face for programs that report events: `Client`, or `init()`, `track()`, `flush()`.

    import tmon

    tmon.init()                                # the DSN is in TMON_DSN
    tmon.track(url="/cart", ip="203.0.113.9", useragent="curl/8.5.0", status=200)

Under the LGPL like the client that it leads to, since every tracked program imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmon.client_api import Client, MemoryTransport, Trouble, flush, init, track

__all__ = ["Client", "MemoryTransport", "Trouble", "flush", "init", "track"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tmon import client_api

    # Kept, so that asking again imports nothing: an interpreter that is ending cannot.
    globals()[name] = value = getattr(client_api, name)
    return value
