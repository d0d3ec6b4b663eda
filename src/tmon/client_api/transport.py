# SPDX-License-Identifier: LGPL-3.0-or-later
"""Posts one envelope over HTTP and says what came back; the client's only network I/O.

It uses httpx's transport below its client: a client writes one line per request into the log of the program
that is being tracked, follows redirects and keeps cookies, none of which anybody wants here.
"""

from __future__ import annotations

import contextlib
import importlib
import ipaddress
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from .dsn import Dsn
from .errors import Unreachable

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES: Final = 1024 * 1024
_LOADED_LATE: Final = ("httpx", "email.utils", "encodings.idna")
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "tmon"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as it came: status, what Retry-After and Date said ("" if nothing), and the body."""

    status: int
    retry_after: str
    body: bytes
    date: str = ""


class Post(Protocol):
    """What a sender needs of a transport. May be used from several threads at once."""

    def post(self, envelope: bytes, *, timeout_s: float | None = None) -> Reply:
        """Post `envelope` and return the answer. Raises Unreachable if none came back in time."""

    def close(self) -> None:
        """Close what is open; a later `post` opens it anew."""


class Transport:
    """Connections to one server, kept alive between envelopes. May be shared between threads.

    `timeout_s` bounds connecting, each read and each write. Proxies are taken from the environment
    (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) as usual, but never for the machine itself.

    The first one of a process loads every module that sending needs. A thread that loads one while the process
    forks leaves its lock held in the child, where nobody could send any more.
    """

    def __init__(self, dsn: Dsn, *, timeout_s: float = 30.0) -> None:
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._http: httpx.HTTPTransport | None = None
        for name in _LOADED_LATE:
            if name not in sys.modules:
                importlib.import_module(name)
                with contextlib.suppress(Unreachable):
                    self._connections()

    def post(self, envelope: bytes, *, timeout_s: float | None = None) -> Reply:
        """Post `envelope` and return the answer. `timeout_s` shortens this one attempt.

        Raises Unreachable if no complete answer of at most 1 MiB came back in time.
        """
        headers = {**_HEADERS, "Content-Type": "application/octet-stream"}
        return self._send("POST", self._dsn.collect_url, headers, envelope, timeout_s)

    def get(self, url: str, *, token: str, timeout_s: float | None = None) -> Reply:
        """Ask one of the server's JSON endpoints with an API token. Raises Unreachable like `post`."""
        return self._send("GET", url, {**_HEADERS, "Authorization": f"Bearer {token}"}, None, timeout_s)

    def close(self) -> None:
        """Close all connections. A later `post` opens new ones."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _send(
        self, method: str, url: str, headers: dict[str, str], content: bytes | None, timeout_s: float | None
    ) -> Reply:
        import httpx

        limit_s = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        extensions = {"timeout": httpx.Timeout(limit_s).as_dict()}
        give_up_at = time.monotonic() + 2 * limit_s
        body = bytearray()
        problem = ""
        try:
            request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
            response = self._connections().handle_request(request)
            with contextlib.closing(response):
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES or time.monotonic() > give_up_at:
                        problem = "the answer does not end"
                        break
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            problem = str(error) or type(error).__name__
        if problem:
            raise Unreachable(f"{self._dsn.url}: {problem}")
        said = response.headers
        return Reply(response.status_code, said.get("retry-after", ""), bytes(body), said.get("date", ""))

    def _connections(self) -> httpx.HTTPTransport:
        with self._lock:
            if self._http is None:
                self._http = _open(self._dsn)
            return self._http


def _open(dsn: Dsn) -> httpx.HTTPTransport:
    import httpx

    try:
        return httpx.HTTPTransport(
            # Reading the certificates takes 20 ms and memory, and over plain HTTP nothing is verified.
            verify=dsn.secure,
            proxy=_proxy(dsn),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=2, keepalive_expiry=30),
        )
    except (ValueError, ImportError):
        problem = "the proxy that the environment names cannot be used"
    raise Unreachable(f"{dsn.url}: {problem}")


def _proxy(dsn: Dsn) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    if is_loopback(dsn.host) or proxy_bypass(dsn.host):
        return None
    proxies = getproxies()
    address = proxies.get("https" if dsn.secure else "http") or proxies.get("all")
    return address if address is None or "://" in address else f"http://{address}"


def is_loopback(host: str) -> bool:
    """Whether `host` is a name or an address of the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
