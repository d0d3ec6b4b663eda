# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of one's own account: web services, API tokens, password. A token opens none of these pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from tmon.server.tenants import NotFound, Refused, accounts, audit, mail
from tmon.server.tenants.models import Token, WebService
from tmon.server.tenants.rights import Role, readable_by

from .forms import NewAddress, NewPassword, NewToken, NewWebService
from .frame import UTC, account_settings, done, moment, refused, sentence

TOKENS = 100
"""How many active API tokens somebody may have."""
ENDED_SHOWN = 10
ACTS_SHOWN = 20

View = Callable[..., HttpResponseBase]


class Mine(HttpRequest):
    """A request of somebody who is logged in."""

    user: User


def own_account(view: View) -> View:
    """Guard a page of one's own account: whoever is not logged in is asked to."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        assert isinstance(request.user, User)
        return view(request, *args, **kwargs)

    return login_required(login_url="/login")(guarded)


@own_account
@require_http_methods(["GET", "HEAD", "POST"])
def web_services(request: Mine) -> HttpResponseBase:
    """What one may read, with the way to its settings; making a web service."""
    readable = readable_by(request.user)
    owned = sum(role is Role.OWNER for _, role in readable)
    most = None if request.user.is_staff else settings.TMON.webservices_per_user
    full = most is not None and owned >= most
    form = NewWebService(request.POST or None, initial={"timezone": "UTC"})
    if request.method == "POST" and not full and form.is_valid():
        try:
            made = accounts.create_webservice(
                form.cleaned_data["name"],
                request.user,
                form.cleaned_data["timezone"],
                by=audit.on_page(request.user),
                most=most,
            )
        except Refused as error:  # somebody was faster
            form.add_error("name", sentence(str(error)))
        else:
            return done(
                request,
                f"{made.webservice.name} is made. Its DSN is below.",
                "dashboard",
                made.webservice.wsid,
            )
    rows = [(one, role.name.lower(), role >= Role.MANAGER) for one, role in readable]
    return account_settings(request, "account", rows=rows, form=form, full=full, most=most)


@own_account
@require_POST
def leave(request: Mine, wsid: int) -> HttpResponseBase:
    """End one's own membership of a web service."""
    try:
        accounts.remove_member(wsid, request.user, audit.on_page(request.user))
    except NotFound:
        raise Http404 from None
    return done(request, "You have left it.", "account")


@own_account
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: Mine) -> HttpResponseBase:
    """One's API tokens. A new one is shown in the answer to its form, and never again."""
    readable = [one for one, _ in readable_by(request.user)]
    active = Token.objects.filter(user=request.user, revoked__isnull=True).select_related("webservice")
    full = active.count() >= TOKENS
    form = NewToken(request.POST or None, readable=readable)
    fresh = None
    if request.method == "POST" and not full and form.is_valid():
        given = form.cleaned_data
        try:
            _, fresh = accounts.create_token(
                request.user, given["webservice"], given["name"], audit.on_page(request.user)
            )
        except Refused as error:
            form.add_error("webservice", sentence(str(error)))
        else:
            form = NewToken(readable=readable)
    ended = Token.objects.filter(user=request.user, revoked__isnull=False).select_related("webservice")
    return account_settings(
        request,
        "account-tokens",
        tokens=[_shown(token) for token in active],
        ended=[_shown(token) for token in ended.order_by("-revoked")[:ENDED_SHOWN]],
        form=form,
        fresh=fresh,
        full=full,
        most=TOKENS,
    )


@own_account
@require_POST
def revoke_token(request: Mine, token: int) -> HttpResponseBase:
    """End one of one's own tokens; of another's nobody learns that it is there."""
    if not Token.objects.filter(pk=token, user=request.user).exists():
        raise Http404
    try:
        ended = accounts.revoke_token(token, audit.on_page(request.user))
    except Refused as error:
        return refused(request, str(error), "account-tokens")
    return done(request, f"The token “{ended}” is revoked.", "account-tokens")


@own_account
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: Mine) -> HttpResponseBase:
    """Change one's password, which ends every other login; guesses are throttled like logins."""
    name = request.user.get_username()
    form = NewPassword(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        if authenticate(request, username=name, password=form.cleaned_data["current"]) is None:
            form.add_error("current", "This is not your password.")
        else:
            accounts.set_password(name, form.cleaned_data["fresh"], audit.on_page(request.user))
            request.user.refresh_from_db()
            update_session_auth_hash(request, request.user)
            return done(
                request, "Your password is changed. Everywhere else you are logged out.", "account-password"
            )
    acts = audit.of_account(request.user)[:ACTS_SHOWN]
    return account_settings(
        request,
        "account-password",
        form=form,
        rules=form.rules,
        acts=[
            (moment(entry.at, UTC), audit.in_words(entry), list(audit.details_in_words(entry.details)))
            for entry in acts
        ],
    )


@own_account
@require_http_methods(["GET", "HEAD", "POST"])
def email(request: Mine) -> HttpResponseBase:
    """Say where mail goes; the password is asked for, and guesses are throttled like logins."""
    user = request.user
    form = NewAddress(request.POST or None, initial={"email": user.email})
    if request.method == "POST" and form.is_valid():
        name = user.get_username()
        if authenticate(request, username=name, password=form.cleaned_data["current"]) is None:
            form.add_error("current", "This is not your password.")
        else:
            accounts.set_email(user, form.cleaned_data["email"], audit.on_page(user))
            return done(request, "Your e-mail address is changed.", "account-email")
    return account_settings(request, "account-email", form=form, mail=mail.is_set_up())


def _shown(token: Token) -> dict[str, Any]:
    """A token as its row shows it; times are in UTC, since it belongs to no web service's zone."""
    webservice: WebService | None = token.webservice
    return {
        "id": token.pk,
        "name": token.name or f"token {token.pk}",
        "webservice": webservice,
        "created": moment(token.created, UTC),
        "last_used": token.last_used and moment(token.last_used, UTC),
        "revoked": token.revoked and moment(token.revoked, UTC),
    }
