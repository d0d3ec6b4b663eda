# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare WSGI application, served by the standard library."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import Any

from pieces import broken, pieces
from reporting import PIECE, PIECES, SETTINGS, begin
from under_wsgiref import serve

from tmon.middleware.wsgi import WsgiMiddleware


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise RuntimeError("before there is an answer")
    if path.startswith("/none"):
        start_response("404 Not Found", [("Content-Length", "2")])
        return [b"no"]
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/written":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"written")
        return [b" and returned"]
    if path == "/file":
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
        file.write(PIECE)
        file.seek(0)
        start_response("200 OK", [("Content-Length", str(len(PIECE)))])
        return environ["wsgi.file_wrapper"](file)  # type: ignore[no-any-return]
    bodies = {"/stream": pieces(PIECES), "/endless": pieces(3000), "/broken": broken()}
    start_response("200 OK", [("Content-Type", "text/plain")])
    return bodies.get(path, [b"hello"])


begin()
serve(WsgiMiddleware(app, username=lambda environ: environ.get("HTTP_X_LOGIN"), **SETTINGS))
