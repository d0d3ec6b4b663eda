# SPDX-License-Identifier: GPL-3.0-or-later
"""A Tornado application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from pieces import async_broken, async_pieces
from reporting import PIECES, SETTINGS, begin, listening
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from tmon.middleware.tornado import watch


class User(RequestHandler):
    def get(self, number: str) -> None:
        self.write("hello")

    head = get


class Streaming(RequestHandler):
    def initialize(self, pieces: AsyncIterator[bytes] | None = None, count: int = 0) -> None:
        self.pieces = async_pieces(count) if count else async_broken()

    async def get(self) -> None:
        async for piece in self.pieces:
            self.write(piece)
            await self.flush()


class Boom(RequestHandler):
    def get(self) -> None:
        raise RuntimeError("before there is an answer")


class Empty(RequestHandler):
    def get(self) -> None:
        self.set_status(204)


async def main() -> None:
    app = Application(
        [
            (r"/users/([0-9]+)", User),
            (r"/healthz()", User),
            (r"/stream", Streaming, {"count": PIECES}),
            (r"/endless", Streaming, {"count": 3000}),
            (r"/broken", Streaming),
            (r"/boom", Boom),
            (r"/empty", Empty),
        ]
    )
    watch(app, username=lambda handler: handler.request.headers.get("X-Login"), **SETTINGS)
    server = HTTPServer(app)
    listener = listening()
    listener.setblocking(False)
    server.add_socket(listener)
    await asyncio.Event().wait()


logging.getLogger("tornado").setLevel(logging.CRITICAL)
begin()
asyncio.run(main())
