# SPDX-License-Identifier: GPL-3.0-or-later
"""A FastAPI application with a router, served by uvicorn."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import StreamingResponse
from pieces import async_broken, async_pieces
from reporting import PIECES, SETTINGS, begin
from under_uvicorn import serve

from tmon.middleware.fastapi import watch

app = FastAPI()
users = APIRouter(prefix="/users")


@users.get("/{number}")
async def user(number: int) -> Response:
    return Response("hello")


@app.get("/stream")
async def stream() -> Response:
    return StreamingResponse(async_pieces(PIECES))


@app.get("/endless")
async def endless() -> Response:
    return StreamingResponse(async_pieces(3000))


@app.get("/broken")
async def broken() -> Response:
    return StreamingResponse(async_broken())


@app.get("/boom")
def boom() -> Response:
    raise RuntimeError("before there is an answer")


@app.get("/empty", status_code=204)
def empty() -> None:
    return None


@app.get("/healthz")
def health() -> str:
    return "ok"


app.include_router(users)
watch(
    app,
    username=lambda scope: next(
        (value.decode() for name, value in scope["headers"] if name == b"x-login"), None
    ),
    **SETTINGS,
)
begin()
serve(app)
