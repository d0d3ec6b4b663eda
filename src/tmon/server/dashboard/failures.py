# SPDX-License-Identifier: GPL-3.0-or-later
"""What is answered when a request fails: JSON to programs, a short page to people, a traceback to nobody."""

from __future__ import annotations

import re
import sys

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string

from tmon.server.tenants.access import MESSAGES, json_error

AWAY = "The accounts database does not answer now. Try again in a moment."
RETRY_AFTER_S = 5
_DATA_PATH = re.compile(r"/(?:[^/]+/|share/[^/]+/)?data/")


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asked: the path is one of the JSON API's."""
    return _DATA_PATH.match(request.path_info) is not None


def answer(request: HttpRequest, status: int, message: str | None = None) -> HttpResponse:
    """The failure `status` in the form that suits whoever asked."""
    if wants_json(request):
        return json_error(status, message)
    response = render(
        request, f"{status}.html", {"status": status, "message": message or MESSAGES[status]}, status=status
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400. A foreign host name gets plain text, since a page could not even know who asks."""
    if not isinstance(exception, DisallowedHost):
        return answer(request, 400)
    if wants_json(request):
        return json_error(400, "This server does not answer to that host name; see TMON_PUBLIC_URL.")
    return render(
        request, "400.html", {"status": 400, "foreign_host": True, "message": MESSAGES[400]}, status=400
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """403."""
    return answer(request, 403, str(exception) or None)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404, which also is the answer about web services that are somebody else's."""
    return answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500, or 503 where the accounts database is away. Asks no database and no session, since these may have failed."""
    away = isinstance(sys.exception(), (OperationalError, InterfaceError))
    status = 503 if away else 500
    message = AWAY if away else MESSAGES[500]
    if wants_json(request):
        response: HttpResponse = json_error(status, message)
    else:
        page = render_to_string("500.html", {"status": status, "message": message})
        response = HttpResponse(page, status=status)
    if away:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
