# SPDX-License-Identifier: LGPL-3.0-or-later
"""For aiohttp's server: `watch(app)`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from .recorder import Exchange, Recorder

if TYPE_CHECKING:
    from tmon.client_api import Client

EXCHANGE: Final = web.RequestKey("tmon.exchange", Exchange)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ABSOLUTE: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
SWITCHING: Final = 101


def watch(app: web.Application, client: Client | None = None, **settings: Any) -> None:
    """Report the requests of `app` and of its subapplications; WebSockets pass by untouched.

    The settings are those of `Recorder`; `username` is given the request.
    """
    recorder = Recorder(client, **settings)

    @web.middleware
    async def reporting(request: web.Request, handler: Handler) -> web.StreamResponse:
        exchange = _begun(recorder, request)
        if exchange is None:
            return await handler(request)
        request[EXCHANGE] = exchange
        try:
            return await handler(request)
        except web.HTTPException:
            raise  # it is the answer
        except asyncio.CancelledError:
            exchange.end(aborted=True)
            raise
        except BaseException:
            exchange.route = _route(request)
            if exchange.status:
                exchange.end(failed=True, aborted=True)
            raise  # aiohttp makes an answer of it, if there is none yet

    async def prepared(request: web.Request, response: web.StreamResponse) -> None:
        exchange = request.get(EXCHANGE)
        if exchange is None or exchange.status:
            return
        try:
            exchange.status = response.status
            exchange.route = _route(request)
            exchange.ask(request)
            _follow(response, exchange)
        except Exception as error:  # noqa: BLE001 (a mistake of ours is not to become the application's)
            recorder.failed(error, "an answer could not be followed")

    app.middlewares.insert(0, reporting)
    app.on_response_prepare.append(prepared)


def _begun(recorder: Recorder, request: web.Request) -> Exchange | None:
    try:
        return _asked(recorder, request) if recorder.wants(request.path) else None
    except Exception as error:  # noqa: BLE001 (as above)
        recorder.failed(error, "a request could not be read")
        return None


def _asked(recorder: Recorder, request: web.Request) -> Exchange:
    headers = request.headers
    useragent = headers.get("User-Agent")
    return Exchange(
        recorder,
        request.method,
        _ABSOLUTE.sub("", _bytewise(request.raw_path)) or "/",
        request.remote,
        forwarded=_bytewise(",".join(headers.getall(recorder.proxies.header, ()))),
        host=_bytewise(headers.get("Host", "")),
        referrer=_bytewise(headers.get("Referer", "")),
        useragent=None if useragent is None else _bytewise(useragent),
    )


def _follow(response: web.StreamResponse, exchange: Exchange) -> None:
    """Have the exchange end when the response has been written, with what was written of it by then."""
    if response.status == SWITCHING:
        exchange.ended = True
        return
    write, write_eof = response.write, response.write_eof

    async def counted(data: Any) -> None:
        await _whole(write(data), exchange)
        exchange.bytes += len(data)

    async def ending(data: bytes = b"") -> None:
        await _whole(write_eof(data), exchange)
        length = response.headers.get("Content-Length", "")
        if length.isdecimal():
            exchange.bytes = int(length)
        elif not exchange.bytes:
            exchange.bytes = len(data) or _size(response)
        exchange.end()

    response.write = counted  # type: ignore[method-assign]  # aiohttp has no other way to see a response end
    response.write_eof = ending  # type: ignore[method-assign]


async def _whole(writing: Awaitable[None], exchange: Exchange) -> None:
    try:
        await writing
    except (OSError, asyncio.CancelledError):  # whoever asked has left
        exchange.end(aborted=True)
        raise


def _size(response: web.StreamResponse) -> int:
    body = getattr(response, "body", None)
    return len(body) if isinstance(body, bytes | bytearray) else 0


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _bytewise(text: str) -> str:
    """Text that aiohttp decoded as UTF-8 with surrogates for what is none, so that each character is a byte again."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")
