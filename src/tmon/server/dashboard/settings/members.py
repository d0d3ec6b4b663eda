# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read a web service and change it: members get other roles and are removed; the owner hands over.

Nobody is added by name: that would tell any manager who has an account here, and make people members who never said
that they want to be. Invitations ask them.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import TenantsError, accounts, audit
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import MemberRole, Membership
from tmon.server.tenants.rights import Role

from .forms import HandingOver
from .frame import done, refused, sentence, webservice_settings

ROUTE = "settings-members"


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The members; a POST says in `do` what is to be done to whom."""
    acts = {"change": _change, "remove": _remove, "hand-over": _hand_over}
    act = acts.get(request.POST.get("do", "")) if request.method == "POST" else None
    return act(request) if act is not None else _shown(request)


def _shown(request: AskedRequest, handing: HandingOver | None = None) -> HttpResponseBase:
    members = list(_members(request))
    return webservice_settings(
        request,
        ROUTE,
        members=members,
        roles=[(value, value.capitalize()) for value in MemberRole.values],
        handing=(handing or _handing(request)) if request.role is Role.OWNER and members else None,
        handing_open=handing is not None,
    )


def _members(request: AskedRequest) -> Any:
    return (
        Membership.objects.filter(webservice=request.webservice)
        .select_related("user")
        .order_by("user__username")
    )


def _handing(request: AskedRequest, data: Any = None) -> HandingOver:
    people = [member.user for member in _members(request) if member.user.is_active]
    return HandingOver(data, wanted=request.webservice.name, members=people)


def _change(request: AskedRequest) -> HttpResponseBase:
    user, wsid = _named(request), request.webservice.wsid
    try:
        member = accounts.add_member(wsid, user, request.POST.get("role", ""), audit.on_page(request.user))
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    return _after(request, user, f"{user.get_username()} is a {member.role} now.", Role[member.role.upper()])


def _remove(request: AskedRequest) -> HttpResponseBase:
    user, wsid = _named(request), request.webservice.wsid
    try:
        accounts.remove_member(wsid, user, audit.on_page(request.user))
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    return _after(request, user, f"{user.get_username()} is no longer a member.", None)


def _hand_over(request: AskedRequest) -> HttpResponseBase:
    if request.role is not Role.OWNER:
        raise PermissionDenied("This is for its owner.")
    form = _handing(request, request.POST)
    if not form.is_valid():
        return _shown(request, handing=form)
    wsid = request.webservice.wsid
    try:
        accounts.hand_over(wsid, form.chosen, audit.on_page(request.user))
    except TenantsError as error:
        form.add_error("user", sentence(str(error)))
        return _shown(request, handing=form)
    return done(request, f"{form.chosen.get_username()} owns it now; you are a manager.", ROUTE, wsid)


def _named(request: AskedRequest) -> User:
    """The member whom a form is about. Raises Http404 where it is none."""
    text = request.POST.get("user", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    member = _members(request).filter(user_id=number).first()
    if member is None:
        raise Http404
    user: User = member.user
    return user


def _after(request: AskedRequest, user: User, what: str, role: Role | None) -> HttpResponseBase:
    """Go on to a page that whoever did it may still see: he may have done it to himself."""
    if user != request.user or role is Role.MANAGER:
        return done(request, what, ROUTE, request.webservice.wsid)
    return done(request, what, "account")
