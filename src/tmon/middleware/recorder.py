# SPDX-License-Identifier: LGPL-3.0-or-later
"""Says what of a request becomes an event, and has the client report it; nothing here raises into the application.

An exchange is a request and its answer. Its duration goes from when the application was asked to when the last byte was
handed to the server, or until it was clear that there would be none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from time import perf_counter, time
from typing import Any, Final

from tmon.client_api import Client, DsnError
from tmon.client_api.default import current

from .masking import Masking
from .proxies import Proxies

log = logging.getLogger("tmon")

HEALTH_PATHS: Final = (
    "/healthz",
    "/health",
    "/health/*",
    "/livez",
    "/readyz",
    "/ping",
    "/-/healthy",
    "/-/ready",
    "/_health",
)
FAILED: Final = 500
REASON: Final = "middleware"
"""The word for what is lost here, in the ledger and for `on_error`."""
LEFT: Final = 499
"""Who asked has left before there was an answer; the number is nginx's."""

Username = Callable[[Any], object]
"""Is given the request in the framework's own form, and returns a name or None."""


class Recorder:
    """What all requests of one application have in common.

    `client` reports them; without one it is the program's (`tmon.init`, or `TMON_DSN`). `trusted_proxies` are the
    networks of proxies whose header `forwarded_by` is believed; by default none is. `skip` are paths that are not
    reported, those that end with * with whatever follows. `mask` names further parameters of URLs whose values are
    secrets, `keep` those that are not, though they are called so. `username` says who is logged in; by default nobody
    is asked.

    Raises ValueError for a setting that makes no sense.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        trusted_proxies: Iterable[str] = (),
        forwarded_by: str = "X-Forwarded-For",
        skip: Iterable[str] = HEALTH_PATHS,
        mask: Iterable[str] = (),
        keep: Iterable[str] = (),
        username: Username | None = None,
    ) -> None:
        for name, value in (("skip", skip), ("mask", mask), ("keep", keep)):
            if isinstance(value, str):
                raise ValueError(f"{name} is a list, not a text")
        if username is not None and not callable(username):
            raise ValueError("username is a function that is given the request")
        self.proxies = Proxies(trusted_proxies, forwarded_by)
        self._masked = Masking(mask, keep)
        paths = frozenset(skip)
        self._skipped = frozenset(path for path in paths if not path.endswith("*"))
        self._skipped_below = tuple(path[:-1] for path in paths if path.endswith("*"))
        self._username = username
        self._client = client
        self._warned = threading.Event()

    def wants(self, path: str) -> bool:
        """Whether requests for this path are reported."""
        return path not in self._skipped and not (
            self._skipped_below and path.startswith(self._skipped_below)
        )

    @property
    def asks(self) -> bool:
        """Whether somebody is to be asked who is logged in."""
        return self._username is not None

    def asked_by(self, request: Any) -> str | None:
        """Who is logged in, as far as that is to be reported."""
        if self._username is None:
            return None
        try:
            name = self._username(request)
        except Exception as error:  # noqa: BLE001 (the hook is the program's, and may raise anything)
            self.incomplete(error, "who is logged in can't be told")
            return None
        return None if name is None else str(name)

    def report(self, exchange: Exchange) -> None:
        """Report what was exchanged."""
        client = self._client or self._found()
        if client is None:
            return
        try:
            client.track(**self._event(exchange))
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            self.failed(error, "a request could not be reported")

    def flush(self, timeout_s: float) -> None:
        """Have sent what waits, for at most so many seconds."""
        client = self._client or self._found()
        if client is not None:
            client.flush(timeout_s)

    def failed(self, error: BaseException, what: str) -> None:
        """Count a request that is not reported by a mistake as lost."""
        client = self._client or self._found()
        if client is not None:
            client.lose(REASON, f"{what}: {type(error).__name__}")

    def incomplete(self, error: BaseException, what: str) -> None:
        """Say that something is missing in what is reported."""
        client = self._client or self._found()
        if client is not None:
            client.tell(REASON, f"{what}: {type(error).__name__}")

    def _found(self) -> Client | None:
        try:
            return current()
        except DsnError as error:
            if not self._warned.is_set():
                self._warned.set()
                log.warning("no request is reported: %s", error)
            return None

    def _event(self, exchange: Exchange) -> dict[str, object]:
        method = _text(exchange.method)
        bodiless = method == "HEAD" or exchange.status in {204, 304} or 100 <= exchange.status < 200
        event: dict[str, object] = {
            "url": self._masked(_text(exchange.url)),
            "ip": self.proxies.client(exchange.peer, exchange.forwarded),
            "useragent": _text(exchange.useragent) if exchange.useragent is not None else None,
            "ts": round(exchange.begun_at, 3),
            "method": method,
            "status": exchange.status,
            "duration_ms": round(exchange.duration_s * 1000, 3),
            "bytes": 0 if bodiless else exchange.bytes,
        }
        if exchange.referrer:
            event["referrer"] = self._masked(_text(exchange.referrer))
        if exchange.host:
            event["host"] = _text(exchange.host)
        if exchange.route:
            event["route"] = exchange.route
        if exchange.username:
            event["username"] = exchange.username
        if exchange.aborted:
            event["aborted"] = True
        return event


class Exchange:
    """A request that is being answered. Texts of headers are as WSGI has them, each character a byte."""

    __slots__ = (
        "_asked",
        "_began",
        "_recorder",
        "aborted",
        "begun_at",
        "bytes",
        "duration_s",
        "ended",
        "forwarded",
        "host",
        "method",
        "peer",
        "referrer",
        "route",
        "status",
        "url",
        "useragent",
        "username",
    )

    def __init__(
        self,
        recorder: Recorder,
        method: str,
        url: str,
        peer: str | None,
        *,
        forwarded: str = "",
        host: str = "",
        referrer: str = "",
        useragent: str | None = None,
    ) -> None:
        self._recorder = recorder
        self._asked = False
        self.begun_at = time()
        self._began = perf_counter()
        self.method = method
        self.url = url
        self.peer = peer
        self.forwarded = forwarded
        self.host = host
        self.referrer = referrer
        self.useragent = useragent
        self.status = 0
        self.bytes = 0
        self.duration_s = 0.0
        self.route = ""
        self.username: str | None = None
        self.aborted = False
        self.ended = False

    def ask(self, request: Any) -> None:
        """Have the application say who is logged in, unless it was asked before."""
        if not self._asked:
            self._asked = True
            self.username = self._recorder.asked_by(request)

    def end(self, *, failed: bool = False, aborted: bool = False) -> None:
        """Report it, once. `failed`: the application raised. `aborted`: the answer is not whole.

        Without a status the application failed, or whoever asked has left.
        """
        if self.ended:
            return
        self.ended = True
        self.duration_s = perf_counter() - self._began
        self.aborted = aborted
        if failed:
            self.status = FAILED
        elif not self.status:
            self.status = LEFT if aborted else FAILED
        self._recorder.report(self)


def _text(header: str) -> str:
    """Text of which each character is a byte, as the UTF-8 that it probably is."""
    if header.isascii():
        return header
    raw = header.encode("latin-1", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
