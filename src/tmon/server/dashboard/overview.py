# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard of a web service, and the page in its place until the first event has arrived.

The page holds no figures: its scripts (static/js) ask the JSON API for them, as any other program would.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from tmon.server.query import Questions, StoreError
from tmon.server.tenants import keys
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.peers import base_url_of
from tmon.server.tenants.rights import Role, readable_by

from .looks import release
from .pages import dsns_of
from .services import wired
from .snippets import snippets
from .switching import others

LAST = "tmon_last"
"""The cookie with the number of the web service whose dashboard this browser showed last."""
LAST_PATH = "/view/dashboard/"
LAST_AGE_S = 365 * 24 * 3600
KEY_SHOWN = 12
"""How many digits of a key are shown at each end while the rest is covered."""


@require_safe
@login_required(login_url="/login")
def last(request: HttpRequest) -> HttpResponseBase:
    """Go to the dashboard that was shown last, else to the first one; without any to the first page."""
    assert isinstance(request.user, User)
    readable = [webservice.wsid for webservice, _ in readable_by(request.user)]
    if not readable:
        return redirect("index")
    shown = request.COOKIES.get(LAST, "")
    wsid = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 20 else 0
    response = redirect("dashboard", wsid if wsid in readable else readable[0])
    response.headers["Cache-Control"] = "private, no-store"
    return response


@webservice_page()
@require_safe
def dashboard(request: AskedRequest) -> HttpResponseBase:
    """The dashboard; where nothing was ever reported, how to report something."""
    webservice = request.webservice
    services = wired()
    subject = services.subject(webservice.wsid)
    if subject is None:
        raise Http404
    try:
        empty = services.questions.is_empty(subject)
    except StoreError:  # the page says so itself, and recovers by itself
        empty = False
    context = {
        "webservice": webservice,
        "base": f"/{webservice.wsid}",
        "others": others(request),
        "manages": request.role >= Role.MANAGER,
    }
    if empty:
        base_url = base_url_of(request)
        scheme, _, host = base_url.partition("://")
        context |= {"scheme": scheme, "host": host, "snippets": snippets()}
        if request.role >= Role.MANAGER:
            context["dsn"] = _covered(dsns_of(keys.active(webservice.wsid), base_url))
        response = render(request, "first_run.html", context)
    else:
        views = services.questions.views()
        context |= {
            "views": services.questions.filterable(),
            "panels": [view for view in views if view.panel != "none"],
        }
        context["latency"] = any(view.name == "latency" for view in views)
        context["keys"] = _keys(services.questions)
        response = _page(request, context)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["TMon-Release"] = release()  # the wall asks for it: it stays open for weeks
    response.set_cookie(
        LAST,
        str(webservice.wsid),
        max_age=LAST_AGE_S,
        path=LAST_PATH,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


@gzip_page
def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page with the figures, compressed: it holds no secret but the form's token, which Django masks."""
    return render(request, "dashboard.html", context)


def _keys(questions: Questions) -> str:
    """How each view makes its keys, as JSON by name: the field it groups by and, of classes, their lower bounds.

    With it the page tells which events of the live stream pass its filters (static/js/dashboard/matching.js).
    """
    return json.dumps(
        {
            view.name: {"field": view.grouped_by, **({"bounds": view.classes.bounds} if view.classes else {})}
            for view in questions.filterable()
        },
        separators=(",", ":"),
    )


def _covered(dsns: list[str]) -> dict[str, str] | None:
    """The newest DSN in the parts in which it is shown: scheme, key (its ends and what is covered), the rest."""
    if not dsns:
        return None
    scheme, _, rest = dsns[0].partition("://")
    key, _, place = rest.partition("@")
    return {
        "whole": dsns[0],
        "scheme": f"{scheme}://",
        "start": key[:KEY_SHOWN],
        "covered": key[KEY_SHOWN:-4],
        "end": key[-4:],
        "place": f"@{place}",
    }
