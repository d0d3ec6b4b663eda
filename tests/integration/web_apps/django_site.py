# SPDX-License-Identifier: GPL-3.0-or-later
"""A Django project of one module; `django_wsgi_app` and `django_asgi_app` serve it."""

from __future__ import annotations

import tempfile
from typing import Any

import django
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from pieces import async_broken, async_pieces, broken, pieces
from reporting import PIECE, PIECES, SETTINGS

settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["tmon.middleware.django.TmonMiddleware"],
    ROOT_URLCONF="django_site",
    SECRET_KEY="for tests",
    TMON={**SETTINGS, "username": "django_site.login"},
)
django.setup()


def login(request: HttpRequest) -> str | None:
    return request.headers.get("X-Login")


def user(request: HttpRequest, number: int = 0) -> HttpResponse:
    return HttpResponse("hello")


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("before there is an answer")


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def file(request: HttpRequest) -> FileResponse:
    opened = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
    opened.write(PIECE)
    opened.seek(0)
    return FileResponse(opened, headers={"Content-Length": len(PIECE)})


def streaming(sync_body: Any, async_body: Any) -> Any:
    def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(async_body() if hasattr(request, "scope") else sync_body())

    return view


urlpatterns = [
    path("users/<int:number>", user),
    path("stream", streaming(lambda: pieces(PIECES), lambda: async_pieces(PIECES))),
    path("endless", streaming(lambda: pieces(3000), lambda: async_pieces(3000))),
    path("broken", streaming(broken, async_broken)),
    path("boom", boom),
    path("empty", empty),
    path("file", file),
    path("healthz", user),
]
