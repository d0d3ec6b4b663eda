# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST to an address that somebody has given. What the other side does is bounded in time and in bytes.

No redirect is followed, no proxy of the environment is used, and of the answer only its status is understood.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Final, Self

from .addresses import NotAnAddress, Resolve, Target, Unreachable, allowed, parsed, resolved

CONNECT_S: Final = 5.0
"""For one address of a host."""
SILENT_S: Final = 10.0
WHOLE_S: Final = 15.0
"""From the first connection to the end of the answer's head."""
TRIED: Final = 3
"""Addresses of a host."""
READ_BYTES: Final = 4096
"""Of an answer's body, so that small ones are taken before the connection ends."""
AGENT: Final = "T-Mon"


class NotTaken(Exception):
    """The POST was not taken; the message says why, in our own words."""


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private: bool,
    resolve: Resolve = resolved,
    whole_s: float = WHOLE_S,
    context: ssl.SSLContext | None = None,
) -> None:
    """POST JSON to `url`; with `private` also to addresses that are not public. Blocks. Raises NotTaken.

    It was taken if the answer's status is 200 to 299, whatever its body is.
    """
    try:
        target = parsed(url)
        addresses = allowed(target, private=private, resolve=resolve)
        with _Deadline(whole_s) as deadline:
            status = _exchange(target, addresses[:TRIED], body, headers, deadline, context)
    except (NotAnAddress, Unreachable) as error:
        raise NotTaken(str(error)) from None
    except _Over:
        raise NotTaken(f"it took longer than {whole_s:g} s") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotTaken(_reason(error)) from None
    if 300 <= status < 400:
        raise NotTaken(f"it answered with status {status}, and redirects are not followed")
    if not 200 <= status < 300:
        raise NotTaken(f"it answered with status {status}")


class _Over(Exception):
    """Time is over."""


class _Deadline:
    """Ends a connection, whatever it is doing, once time is over: the other side may send a byte now and then."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._over = False

    def hold(self, connection: socket.socket) -> None:
        """Watch over this one. Raises _Over."""
        with self._lock:
            self._socket = connection
        self.check()

    def check(self) -> None:
        """Raises _Over where time is over: what was read until then may be half of something."""
        if self._over:
            raise _Over

    def _end(self) -> None:
        with self._lock:
            self._over = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if kind is not None and self._over:
            raise _Over


def _exchange(
    target: Target,
    addresses: list[str],
    body: bytes,
    headers: Mapping[str, str],
    deadline: _Deadline,
    context: ssl.SSLContext | None,
) -> int:
    """The status of the answer."""
    # Made for the name, so that the Host header has it; connected to an address that was judged.
    port = target.port
    if target.scheme == "https":
        context = context or ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            target.host, port, context=context
        )
    else:
        context, connection = None, http.client.HTTPConnection(target.host, port)
    connection.auto_open = 0  # it would resolve the name once more
    plain = _connected(addresses, port, deadline)
    try:
        connection.sock = plain
        if context is not None:
            secure = context.wrap_socket(
                plain, server_hostname=target.host.rstrip("."), do_handshake_on_connect=False
            )
            connection.sock = secure
            deadline.hold(secure)
            secure.do_handshake()
        sent = {"Content-Type": "application/json", "User-Agent": AGENT, "Connection": "close", **headers}
        connection.request("POST", target.path, body, sent)
        response = connection.getresponse()
        deadline.check()
        status = response.status
        if 200 <= status < 300:
            with contextlib.suppress(OSError, http.client.HTTPException):
                response.read(READ_BYTES)
        return status
    finally:
        connection.close()
        plain.close()


def _connected(addresses: list[str], port: int, deadline: _Deadline) -> socket.socket:
    """A connection to the first of these addresses that takes one. Raises OSError, _Over."""
    trouble: OSError = OSError("no address")
    for address in addresses:
        try:
            found = socket.create_connection((address, port), CONNECT_S)
        except OSError as error:
            trouble = error
            continue
        found.settimeout(SILENT_S)
        deadline.hold(found)
        return found
    raise trouble


def _reason(error: Exception) -> str:
    """An error in our own words, without what the other side has sent."""
    match error:
        case ssl.SSLCertVerificationError():
            return "its certificate is not valid"
        case ssl.SSLError():
            return "no encrypted connection comes about"
        case TimeoutError():
            return "it does not answer"
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionError():
            return "it ended the connection"
        case http.client.HTTPException() | ValueError():
            return "what answers is not HTTP"
        case _:
            return "there is no way there"
