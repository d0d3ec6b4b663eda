# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves an application with the standard library's server, a thread for each connection."""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from reporting import say_port


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def serve(app: Any) -> None:
    """Serve until it is ended."""
    server = _Server(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(app)
    say_port(server.server_port)
    server.serve_forever()
