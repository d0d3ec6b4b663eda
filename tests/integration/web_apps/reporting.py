# SPDX-License-Identifier: GPL-3.0-or-later
"""What the small applications beside this share: each prints its port, and then each event that it reports."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any, Final

import tmon

PIECE: Final = b"x" * 1000
PIECES: Final = 5
PAUSE_S: Final = 0.02
SETTINGS: Final[dict[str, Any]] = {"trusted_proxies": ["127.0.0.0/8"], "mask": ["coupon"]}


def begin() -> None:
    """Make the program's client: what it reports goes to the standard output."""
    tmon.init(transport=tmon.MemoryTransport(), before_send=_printed)


def listening() -> socket.socket:
    """A listening socket whose port has been told."""
    listener = socket.create_server(("127.0.0.1", 0))
    say_port(listener.getsockname()[1])
    return listener


def say_port(port: int) -> None:
    """Tell the test where this listens."""
    print(f"port {port}", flush=True)


def _printed(event: dict[str, object]) -> dict[str, object]:
    sys.stdout.write(f"{json.dumps(event)}\n")
    sys.stdout.flush()
    return event
