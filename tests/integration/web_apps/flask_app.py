# SPDX-License-Identifier: GPL-3.0-or-later
"""A Flask application, served by werkzeug."""

from __future__ import annotations

from flask import Flask, Request, Response
from pieces import broken, pieces
from reporting import PIECES, SETTINGS, begin, say_port
from werkzeug.serving import make_server

from tmon.middleware.flask import watch


def login(request: Request) -> str | None:
    return request.headers.get("X-Login")


app = Flask("shop")
watch(app, username=login, **SETTINGS)


@app.get("/users/<int:number>")
def user(number: int) -> str:
    return "hello"


@app.get("/stream")
def stream() -> Response:
    return Response(pieces(PIECES))


@app.get("/endless")
def endless() -> Response:
    return Response(pieces(3000))


@app.get("/broken")
def fails_late() -> Response:
    return Response(broken())


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("before there is an answer")


@app.get("/empty")
def empty() -> tuple[str, int]:
    return "", 204


@app.get("/healthz")
def health() -> str:
    return "ok"


begin()
server = make_server("127.0.0.1", 0, app, threaded=True)
say_port(server.server_port)
server.serve_forever()
