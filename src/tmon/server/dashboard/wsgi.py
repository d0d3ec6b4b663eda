# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages and the JSON API as a WSGI application, for the server that runs them in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver

Headers = list[tuple[str, str]]


def application() -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The application. Call `tmon.settings.prepare` before.

    Every route is imported here: what is wrong with one stops the start, and the first request need not wait for it.
    Django begins the value of Set-Cookie with a space, which Tornado (6.6) refuses as no field value of RFC 9110
    §5.5 after the answer was due, so that the client waits for ever; white space around values goes here.
    """
    handler = WSGIHandler()
    _ = get_resolver().url_patterns

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            return start_response(status, [(name, value.strip(" \t")) for name, value in headers], exc_info)

        answer: Iterable[bytes] = handler(environ, start)
        return answer

    return run
