# SPDX-License-Identifier: GPL-3.0-or-later
"""An aiohttp application with a subapplication."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from aiohttp import web
from pieces import async_broken, async_pieces
from reporting import PIECES, SETTINGS, begin, listening

from tmon.middleware.aiohttp import watch


async def user(request: web.Request) -> web.StreamResponse:
    return web.Response(text="hello")


async def sent(request: web.Request, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    return response


async def stream(request: web.Request) -> web.StreamResponse:
    return await sent(request, async_pieces(PIECES))


async def endless(request: web.Request) -> web.StreamResponse:
    return await sent(request, async_pieces(3000))


async def broken(request: web.Request) -> web.StreamResponse:
    return await sent(request, async_broken())


async def boom(request: web.Request) -> web.StreamResponse:
    raise RuntimeError("before there is an answer")


async def empty(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


app = web.Application()
mounted = web.Application()
mounted.router.add_get("/users/{number}", user)
app.add_subapp("/mounted", mounted)
app.router.add_get("/users/{number}", user)
for path, handler in {
    "/stream": stream,
    "/endless": endless,
    "/broken": broken,
    "/boom": boom,
    "/empty": empty,
    "/healthz": user,
}.items():
    app.router.add_get(path, handler)
watch(app, username=lambda request: request.headers.get("X-Login"), **SETTINGS)
logging.disable()
begin()
web.run_app(app, sock=listening(), print=None, access_log=None)
