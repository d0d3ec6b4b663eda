# SPDX-License-Identifier: LGPL-3.0-or-later
"""The core for ASGI applications (asgi.readthedocs.io, HTTP 2.5): `app = AsgiMiddleware(app)`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from .recorder import Exchange, Recorder

if TYPE_CHECKING:
    from tmon.client_api import Client

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Route = Callable[[Scope, str], str]
"""The template of the route that was taken, told from the scope afterwards and from its `root_path` before."""

FLUSH_S: Final = 5.0
SAFE: Final = "/:@!$&'()*+,;=~-._%"


class AsgiMiddleware:
    """Reports the HTTP requests of `app`; WebSockets and the rest pass by untouched.

    The settings are those of `Recorder`; `username` is given the scope. `route` is for frameworks.
    """

    def __init__(
        self, app: App, client: Client | None = None, *, route: Route | None = None, **settings: Any
    ) -> None:
        self._app = app
        self._route = route
        self._recorder = Recorder(client, **settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._flushing(send))
            return
        exchange = self._begun(scope)
        if exchange is None:
            await self._app(scope, receive, send)
            return
        answer = _Answer(self._recorder, exchange, scope, self._route, send)
        try:
            await self._app(scope, receive, answer.send)
        except (asyncio.CancelledError, GeneratorExit):
            answer.end(aborted=True)
            raise
        except BaseException:
            answer.end(failed=not answer.left, aborted=answer.left or exchange.status > 0)
            raise
        answer.end(aborted=exchange.status > 0)

    def _flushing(self, send: Send) -> Send:
        """Have what waits sent before the server hears that the application is done: uvicorn ends by a signal then."""

        async def flush_and_send(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await asyncio.to_thread(self._recorder.flush, FLUSH_S)
            await send(message)

        return flush_and_send

    def _begun(self, scope: Scope) -> Exchange | None:
        if scope["type"] != "http":
            return None
        try:
            return asked(self._recorder, scope) if self._recorder.wants(scope.get("path", "")) else None
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            self._recorder.failed(error, "a request could not be read")
            return None


def asked(recorder: Recorder, scope: Scope) -> Exchange:
    """What a request asks for, which begins now."""
    forwarded_by = recorder.proxies.asgi_name
    host = referrer = forwarded = ""
    useragent = None
    for name, value in scope.get("headers", ()):
        if name == b"host":
            host = value.decode("latin-1")
        elif name == b"user-agent":
            useragent = value.decode("latin-1")
        elif name == b"referer":
            referrer = value.decode("latin-1")
        elif name == forwarded_by:
            text = value.decode("latin-1")
            forwarded = f"{forwarded},{text}" if forwarded else text
    client = scope.get("client")
    return Exchange(
        recorder,
        scope.get("method", ""),
        url_of(scope),
        client[0] if client else None,
        forwarded=forwarded,
        host=host,
        referrer=referrer,
        useragent=useragent,
    )


def url_of(scope: Scope) -> str:
    """Path and query as they were asked for, where the server tells, else put together again."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope.get("path", ""), safe=SAFE)
    query = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path


class _Answer:
    """Follows one answer from its status to its last byte."""

    def __init__(
        self, recorder: Recorder, exchange: Exchange, scope: Scope, route: Route | None, send: Send
    ) -> None:
        self._recorder = recorder
        self._exchange = exchange
        self._scope = scope
        self._route = route
        self._root_path = scope.get("root_path", "")
        self._send = send
        self.left = False
        """Whether the server said that whoever asked has left."""

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the server."""
        try:
            await self._send(message)
        except OSError:
            self.left = True
            raise
        kind = message["type"]
        if kind == "http.response.start":
            self._exchange.status = message["status"]
        elif kind == "http.response.body":
            self._exchange.bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.end()
        elif kind == "http.response.pathsend":
            self._exchange.bytes += _size(message["path"])
            self.end()
        elif kind == "http.response.zerocopysend":
            self._exchange.bytes += message.get("count") or 0
            if not message.get("more_body", False):
                self.end()

    def end(self, *, failed: bool = False, aborted: bool = False) -> None:
        """There is nothing more to come."""
        exchange = self._exchange
        if exchange.ended:
            return
        if self._route is not None:
            try:
                exchange.route = self._route(self._scope, self._root_path)
            except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
                self._recorder.incomplete(error, "a route can't be told")
        exchange.ask(self._scope)
        exchange.end(failed=failed, aborted=aborted)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
