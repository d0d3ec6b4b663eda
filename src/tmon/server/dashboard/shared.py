# SPDX-License-Identifier: GPL-3.0-or-later
"""`/share/<slug>`: the public part of a dashboard for whoever has its link, and the question for its password."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import sharing, throttle
from tmon.server.tenants.guests import holds_a_cookie, keep_to_oneself, let_in
from tmon.server.tenants.models import ShareLink

from .pages import too_many_attempts
from .services import wired


@require_http_methods(["GET", "HEAD", "POST"])
def dashboard(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The shared dashboard, to those who know its password where it has one. A link that is over was never there."""
    link = sharing.find(slug)
    if link is None:
        raise Http404
    if link.password and not holds_a_cookie(request, link):
        return _ask_for_password(request, link, slug)
    if request.method == "POST":  # the form came once more
        return HttpResponseRedirect(request.get_full_path())
    services = wired()
    if services.subject(link.webservice_id) is None:
        raise Http404
    sharing.note_use(link)
    views = services.public_questions.views()
    context = {
        "webservice": link.webservice,
        "base": f"/share/{slug}",
        "shared": True,
        "views": services.public_questions.filterable(),
        "panels": [view for view in views if view.panel != "none"],
    }
    response = render(request, "shared.html", context)
    keep_to_oneself(response)
    let_in(request, response, link, slug)
    return response


def _ask_for_password(request: HttpRequest, link: ShareLink, slug: str) -> HttpResponseBase:
    """The page in front. It says nothing about what is behind it."""
    what = f"share link {link.pk}"
    if request.method == "POST":
        if throttle.waits(request, what):
            return too_many_attempts(request)
        if sharing.opens(link, request.POST.get("password", "")):
            throttle.succeeded(request, what)
            response: HttpResponseBase = HttpResponseRedirect(request.get_full_path())
            keep_to_oneself(response)
            let_in(request, response, link, slug)
            return response
        throttle.failed(request, what)
    context = {"server": request.get_host(), "wrong": request.method == "POST"}
    response = render(request, "shared_gate.html", context)
    keep_to_oneself(response, "same-origin")  # with none at all the form would come from nowhere
    return response
