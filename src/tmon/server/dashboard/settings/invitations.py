# SPDX-License-Identifier: GPL-3.0-or-later
"""Invitations to a web service: made and shown once, sent where mail is set up, listed, revoked."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import TenantsError, audit, invitations, mail
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import Invitation
from tmon.server.tenants.peers import base_url_of
from tmon.server.tenants.rights import Role

from .forms import NewInvitation
from .frame import done, moment, refused, sentence, webservice_settings

ROUTE = "settings-invitations"
ENDED_SHOWN = 20


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The invitations. A new one's link is in the answer to its form, and never again."""
    if request.POST.get("do") == "revoke":
        return _revoke(request)
    webservice = request.webservice
    form = NewInvitation(request.POST or None)
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        role, email = form.cleaned_data["role"], form.cleaned_data["email"]
        try:
            _, token = invitations.create(webservice, role, request.user, email)
        except TenantsError as error:
            form.add_error(None, sentence(str(error)))
        else:
            url = base_url_of(request) + reverse("invitation", args=[token])
            made = {"fresh": url, "sent_to": email, "sent": _sent(request, email, role, url)}
            form = NewInvitation()
    every = Invitation.objects.filter(webservice=webservice).select_related("by", "accepted_by")
    ended = every.exclude(pk__in=invitations.waiting().values("pk"))
    return webservice_settings(
        request,
        ROUTE,
        form=form,
        mail=mail.is_set_up(),
        waiting=[_shown(request, one) for one in invitations.waiting().filter(pk__in=every.values("pk"))],
        ended=[_shown(request, one) for one in ended[:ENDED_SHOWN]],
        **made,
    )


def _sent(request: AskedRequest, email: str, role: str, url: str) -> bool | None:
    """Whether it is on its way; None where nothing was to be sent."""
    if not email or not mail.is_set_up():
        return None
    by, name = request.user.get_username(), request.webservice.name
    subject = "An invitation to T-Mon"  # what people wrote is in the text alone
    try:
        mail.send(email, subject, "invitation", by=by, webservice=name, role=role, url=url)
    except mail.NotSent:
        return False
    return True


def _revoke(request: AskedRequest) -> HttpResponseBase:
    wsid, text = request.webservice.wsid, request.POST.get("invitation", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    try:
        invitations.revoke(number, wsid, audit.on_page(request.user))
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    return done(request, "The invitation is revoked. Its link does nothing any more.", ROUTE, wsid)


def _shown(request: AskedRequest, one: Invitation) -> dict[str, Any]:
    """An invitation as its row shows it."""
    calendar = request.webservice.calendar()
    accepted_by = one.accepted_by.get_username() if one.accepted_by is not None else None
    return {
        "id": one.pk,
        "name": one.email or f"Invitation {one.pk}",
        "role": one.role,
        "by": one.by.get_username(),
        "void": not invitations.may_invite(one.by, request.webservice.wsid),
        "created": moment(one.created, calendar),
        "expires": moment(one.expires, calendar),
        "accepted": one.accepted and moment(one.accepted, calendar),
        "accepted_by": accepted_by,
        "revoked": one.revoked and moment(one.revoked, calendar),
    }
