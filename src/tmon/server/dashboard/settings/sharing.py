# SPDX-License-Identifier: GPL-3.0-or-later
"""The share links of a web service: made, shown with their addresses to people who look after it, revoked."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from tmon.server.query import QuestionError
from tmon.server.tenants import TenantsError, audit, sharing
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import ShareLink
from tmon.server.tenants.peers import base_url_of
from tmon.server.tenants.rights import Role

from ..services import wired
from .forms import NewLink
from .frame import done, moment, refused, sentence, webservice_settings

ROUTE = "settings-sharing"
ENDED_SHOWN = 10


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The links. `period` and `filter` in the page's address are what a new one is to open with."""
    if request.POST.get("do") == "revoke":
        return _revoke(request)
    filters, left_out = _filters(request)
    form = NewLink(request.POST or None, opening=_opening(request))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        days = given["days"]
        try:
            sharing.create(
                request.webservice,
                given["label"],
                password=given["password"],
                expires=None if days is None else timezone.now() + dt.timedelta(days=days),
                period=given["period"],
                filters=filters,
                by=audit.on_page(request.user),
            )
        except TenantsError as error:
            form.add_error(None, sentence(str(error)))
        else:
            return done(request, "The link is made. Its address is below.", ROUTE, request.webservice.wsid)
    links = ShareLink.objects.filter(webservice=request.webservice).select_related("by")
    return webservice_settings(
        request,
        ROUTE,
        form=form,
        filters=filters,
        left_out=left_out,
        panels=[view.title for view in wired().public_questions.views() if view.panel != "none"],
        links=[_shown(request, link) for link in links.filter(revoked__isnull=True)],
        ended=[
            _shown(request, link)
            for link in links.filter(revoked__isnull=False).order_by("-revoked")[:ENDED_SHOWN]
        ],
    )


def _revoke(request: AskedRequest) -> HttpResponseBase:
    wsid, text = request.webservice.wsid, request.POST.get("link", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    try:
        link = sharing.revoke(number, wsid, audit.on_page(request.user))
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    return done(
        request, f"{_name(link)} is revoked. Pages that are open stop within ten seconds.", ROUTE, wsid
    )


def _filters(request: AskedRequest) -> tuple[list[str], list[str]]:
    """The filters that a link may open with, and those that it may not: guests know public views only."""
    given = request.POST if request.method == "POST" else request.GET
    good, bad = [], []
    for text in given.getlist("filter")[:16]:
        try:
            wired().public_questions.check_filters([text])
        except QuestionError:
            bad.append(text)
        else:
            good.append(text)
    return good, bad


def _opening(request: AskedRequest) -> str:
    """The period that the page's address names, as a link opens with it."""
    since, until = request.GET.get("from", ""), request.GET.get("to", "")
    return f"{since}{sharing.BETWEEN}{until}" if since and until else request.GET.get("period", "")


def _name(link: ShareLink) -> str:
    return f"“{link.label}”" if link.label else f"Link {link.pk}"


def _shown(request: AskedRequest, link: ShareLink) -> dict[str, Any]:
    """A link as its row shows it. A token reads, but gives no address away."""
    calendar = request.webservice.calendar()
    path = None if request.by_token or link.revoked else sharing.path_of(link)
    return {
        "id": link.pk,
        "name": link.label or f"Link {link.pk}",
        "password": bool(link.password),
        "over": sharing.is_over(link),
        "by": None if link.by is None else link.by.get_username(),
        "url": None if path is None else base_url_of(request) + path,
        "created": moment(link.created, calendar),
        "expires": link.expires and moment(link.expires, calendar),
        "last_used": link.last_used and moment(link.last_used, calendar),
        "revoked": link.revoked and moment(link.revoked, calendar),
    }
