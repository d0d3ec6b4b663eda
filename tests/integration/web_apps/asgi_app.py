# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare ASGI application, served by uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pieces import async_broken, async_pieces
from reporting import PIECES, SETTINGS, begin
from under_uvicorn import serve

from tmon.middleware.asgi import AsgiMiddleware


async def one_piece() -> AsyncIterator[bytes]:
    yield b"hello"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        await lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/boom":
        raise RuntimeError("before there is an answer")
    status = 404 if path.startswith("/none") else 204 if path == "/empty" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    if status == 204:
        await send({"type": "http.response.body"})
        return
    bodies = {"/stream": async_pieces(PIECES), "/endless": async_pieces(3000), "/broken": async_broken()}
    left = asyncio.ensure_future(left_by(receive))
    async for piece in bodies.get(path) or one_piece():
        if left.done():
            return
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    left.cancel()
    await send({"type": "http.response.body"})


async def left_by(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def lifespan(receive: Any, send: Any) -> None:
    for kind in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{kind}.complete"})


def login(scope: Any) -> str | None:
    return next((value.decode() for name, value in scope["headers"] if name == b"x-login"), None)


begin()
serve(AsgiMiddleware(app, username=login, **SETTINGS))
