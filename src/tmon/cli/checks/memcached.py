# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the memcached that holds logins answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, warning

ANSWER_S: Final = 2.0


def check(deployment: Deployment) -> Iterator[Finding]:
    """Asks it for its version (https://github.com/memcached/memcached/blob/master/doc/protocol.txt)."""
    where = deployment.settings.memcached
    if where is None:
        yield ok("none; logins are looked up in the accounts database")
        return
    host, _, port = where.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as connection:
            connection.sendall(b"version\r\n")
            answer = connection.recv(200)
    except OSError as error:
        yield warning(
            f"TMON_MEMCACHED: {where} does not answer: {error.strerror or error}",
            "start it, or unset TMON_MEMCACHED; meanwhile logins are looked up in the accounts database",
        )
        return
    if answer.startswith(b"VERSION "):
        yield ok(f"{where} answers")
    else:
        yield warning(
            f"TMON_MEMCACHED: what answers at {where} is no memcached", "set it to a memcached's host:port"
        )
