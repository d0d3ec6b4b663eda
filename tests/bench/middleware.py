# SPDX-License-Identifier: GPL-3.0-or-later
"""What the middleware adds to a request: processor time of the whole process, with and without it, in the same run.

Applications are called as servers call them, without a server, so that nothing else is measured; a framework's own time
is in both figures. The client is whole: its thread batches, seals and hands over to a transport in memory, and that is
in the figure. A round is shorter than the queue, so nothing is dropped.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from .table import Table, median, progress

ROUNDS: Final = 21
REQUESTS: Final = 1_000
TARGET_US: Final = 50.0
HEADERS: Final = {
    "Host": "shop.example",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Referer": "https://news.example/2026/11/article?ref=front",
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Language": "en",
    "X-Forwarded-For": "203.0.113.7, 10.0.0.2",
}
PATH, QUERY = "/items/42", "page=2&sort=price"
SETTINGS: Final[dict[str, Any]] = {"trusted_proxies": ["10.0.0.0/8"]}
Ask = Callable[[int], None]
"""Has an application answer so many requests."""


def measure(table: Table, *, requests: int = REQUESTS) -> None:
    """Fill the section about the middleware. It runs in a process of its own, since Django is set up only once."""
    progress("the middleware")
    table.section("11. What the middleware adds to a request (processor time, the client's thread included)")
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(requests)], stdout=subprocess.PIPE, text=True, check=True
    )
    for line in done.stdout.splitlines():
        name, without_us, with_us = json.loads(line)
        added = with_us - without_us
        table.at_most(
            f"{name}, {without_us:,.0f} µs without",
            added,
            TARGET_US,
            f"{added:.1f} µs",
            f"target {TARGET_US:g} µs or less",
        )


def main(requests: int) -> None:
    """Print what requests of each application cost without and with the middleware, in µs."""
    import tmon

    tmon.init(transport=tmon.MemoryTransport())
    for name, make in APPS.items():
        asking = [make(False), make(True)]
        costs: list[list[float]] = [[], []]
        for _ in range(ROUNDS):
            for which, ask in enumerate(asking):
                began = time.process_time()
                ask(requests)
                assert tmon.flush(60)
                costs[which].append(1e6 * (time.process_time() - began) / requests)
        print(json.dumps([name, *map(median, costs)]), flush=True)


# -- the applications -------------------------------------------------------------------------------------------------


def _environ() -> dict[str, Any]:
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()}
    return {
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{PATH}?{QUERY}",  # as gunicorn tells
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": QUERY,
        "REMOTE_ADDR": "10.0.0.1",
        "SERVER_NAME": "shop.example",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        **named,
    }


def _asked_by_wsgi(app: Any) -> Ask:
    def ask(count: int) -> None:
        for _ in range(count):
            body = app(_environ(), lambda *_: lambda _: None)
            for _piece in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return ask


def _asked_by_asgi(app: Any) -> Ask:
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def asking(count: int) -> None:
        for _ in range(count):
            scope = {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": PATH,
                "raw_path": PATH.encode(),
                "query_string": QUERY.encode(),
                "root_path": "",
                "headers": headers,
                "client": ("10.0.0.1", 4711),
                "server": ("127.0.0.1", 80),
            }
            await app(scope, receive, send)

    return lambda count: asyncio.run(asking(count))


def _wsgi(watched: bool) -> Ask:
    from tmon.middleware.wsgi import WsgiMiddleware

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    return _asked_by_wsgi(WsgiMiddleware(app, **SETTINGS) if watched else app)


def _flask(watched: bool) -> Ask:
    from flask import Flask

    from tmon.middleware.flask import watch

    app = Flask("shop")
    app.add_url_rule("/items/<int:number>", "item", lambda number: "hello")
    if watched:
        watch(app, **SETTINGS)
    return _asked_by_wsgi(app)


def _django(watched: bool) -> Ask:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="for benchmarks", TMON=SETTINGS
        )
        django.setup()
        urlpatterns.append(path("items/<int:number>", lambda request, number: HttpResponse("hello")))
    with override_settings(MIDDLEWARE=["tmon.middleware.django.TmonMiddleware"] if watched else []):
        return _asked_by_wsgi(WSGIHandler())


urlpatterns: list[Any] = []


def _asgi(watched: bool) -> Ask:
    from tmon.middleware.asgi import AsgiMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    return _asked_by_asgi(AsgiMiddleware(app, **SETTINGS) if watched else app)


def _starlette(watched: bool) -> Ask:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    from tmon.middleware.starlette import watch

    async def item(request: Request) -> Response:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/items/{number:int}", item)])
    if watched:
        watch(app, **SETTINGS)
    return _asked_by_asgi(app)


APPS: Final[dict[str, Callable[[bool], Ask]]] = {
    "WSGI": _wsgi,
    "Flask": _flask,
    "Django": _django,
    "ASGI": _asgi,
    "Starlette": _starlette,
}

if __name__ == "__main__":
    main(int(sys.argv[1]))
