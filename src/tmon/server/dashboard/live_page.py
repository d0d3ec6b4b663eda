# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of who uses what now. It holds no figures: its scripts (static/js/sessions) ask the JSON API for them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from tmon.server.events import SESSION
from tmon.server.query import StoreError
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from .services import wired
from .switching import others


@webservice_page()
@require_safe
def live(request: AskedRequest) -> HttpResponseBase:
    """`/view/live/<wsid>`."""
    wsid = request.webservice.wsid
    context = {
        "webservice": request.webservice,
        "base": f"/{wsid}",
        "others": others(request),
        "manages": request.role >= Role.MANAGER,
        "page": "live",
        "views": _views(),
        "idle_s": _idle_s(wsid),
    }
    response = _page(request, context)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _idle_s(wsid: int) -> float | None:
    """After how many seconds sessions end; None where there is no rule, or the store is away: the page says so."""
    try:
        return wired().sessions.idle_s(wsid)
    except StoreError:
        return None


def _views() -> list[Any]:
    """Those that sessions can be filtered by; none where the store is away."""
    try:
        return [view for view in wired().questions.views() if view.kind == SESSION]
    except StoreError:
        return []


@gzip_page
def _page(request: AskedRequest, context: dict[str, object]) -> HttpResponse:
    """The page, compressed: it holds no secret but the form's token, which Django masks."""
    return render(request, "live.html", context)
