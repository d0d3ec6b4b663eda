# SPDX-License-Identifier: GPL-3.0-or-later
"""A Starlette application, part of it mounted, served by uvicorn."""

from __future__ import annotations

from pieces import async_broken, async_pieces
from reporting import PIECES, SETTINGS, begin
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from under_uvicorn import serve

from tmon.middleware.starlette import watch


async def user(request: Request) -> Response:
    return PlainTextResponse("hello")


async def stream(request: Request) -> Response:
    return StreamingResponse(async_pieces(PIECES))


async def endless(request: Request) -> Response:
    return StreamingResponse(async_pieces(3000))


async def broken(request: Request) -> Response:
    return StreamingResponse(async_broken())


async def boom(request: Request) -> Response:
    raise RuntimeError("before there is an answer")


async def empty(request: Request) -> Response:
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/users/{number:int}", user),
        Mount("/mounted", routes=[Route("/users/{number:int}", user)]),
        Route("/stream", stream),
        Route("/endless", endless),
        Route("/broken", broken),
        Route("/boom", boom),
        Route("/empty", empty),
        Route("/healthz", user),
    ]
)
watch(
    app,
    username=lambda scope: next(
        (value.decode() for name, value in scope["headers"] if name == b"x-login"), None
    ),
    **SETTINGS,
)
begin()
serve(app)
