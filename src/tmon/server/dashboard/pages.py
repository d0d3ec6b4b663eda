# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages around the dashboard: the first one, login and logout."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import logout as end_session
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tmon.server.tenants import keys
from tmon.server.tenants.models import Key
from tmon.server.tenants.peers import base_url_of
from tmon.server.tenants.rights import Role, readable_by
from tmon.server.tenants.sealing import Unopenable

from . import failures

RESULTS = ("summary", "users/country", "users/url", "requests/hour/24", "events", "sources")
"""Results of the JSON API that the first page links to."""
RESULTS_OF_MANAGERS = (*RESULTS, "quarantine")
IP_ADDRESSES = {"none": "dropped", "truncated": "kept truncated", "full": "kept in full"}


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponseBase:
    """What this is and how to send data; for whoever is logged in, his web services."""
    base_url = base_url_of(request)
    services = _services_of(request.user, base_url) if isinstance(request.user, User) else []
    scheme, _, host = base_url.partition("://")
    context = {"services": services, "scheme": scheme, "host": host}
    return render(request, "index.html", context)


def _services_of(user: User, base_url: str) -> list[dict[str, Any]]:
    readable = readable_by(user)
    active = keys.all_active(webservice.wsid for webservice, role in readable if role >= Role.MANAGER)
    services = []
    for webservice, role in readable:
        services.append(
            {
                "webservice": webservice,
                "role": role.name.lower(),
                "manages": role >= Role.MANAGER,
                "dsns": dsns_of(active[webservice.wsid], base_url),
                "results": RESULTS_OF_MANAGERS if role >= Role.MANAGER else RESULTS,
                "ip_addresses": IP_ADDRESSES[webservice.ip_policy],
            }
        )
    return services


def dsns_of(active: list[Key], base_url: str) -> list[str]:
    """The DSN of each of these keys; those that don't open under this server's secret are left out."""
    dsns = []
    for key in active:
        try:
            dsns.append(keys.dsn(key.webservice_id, keys.secret_of(key), base_url))
        except Unopenable:
            continue
    return dsns


class LoginForm(AuthenticationForm):
    """Name, password, and whether this device is to remember them."""

    remember = forms.BooleanField(required=False, label="Keep me logged in for 14 days on this device")
    error_messages = {  # noqa: RUF012 (Django's form)
        "invalid_login": "This name and password don't go together. Capitals matter.",
        "inactive": "This account is switched off. Ask whoever runs this server.",
    }


class Login(LoginView):
    """The only login page, of the administration too."""

    form_class = LoginForm
    template_name = "login.html"

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in, until the browser closes unless asked for longer."""
        response = super().form_valid(form)
        if not form.cleaned_data["remember"]:
            self.request.session.set_expiry(0)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and which server this is."""
        return super().get_context_data(server=self.request.get_host(), **kwargs)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def logout(request: HttpRequest) -> HttpResponseBase:
    """End the session; whoever comes here by a link is asked with a button."""
    if request.method == "POST":
        end_session(request)
        return redirect(settings.LOGOUT_REDIRECT_URL)
    if not request.user.is_authenticated:
        return redirect(settings.LOGOUT_REDIRECT_URL)
    return render(request, "logout.html")


def too_many_attempts(
    request: HttpRequest, original_response: Any = None, credentials: Any = None
) -> HttpResponseBase:
    """429 for an address that guesses passwords."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    response = failures.answer(
        request, 429, f"Too many failed logins from your address. Wait {minutes} minutes."
    )
    response.headers["Retry-After"] = str(minutes * 60)
    return response


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """403 for a form that did not come from a page of ours, or came too late."""
    return failures.answer(
        request, 403, "This form has expired or came from elsewhere. Go back, reload and try again."
    )
