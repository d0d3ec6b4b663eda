# SPDX-License-Identifier: GPL-3.0-or-later
"""A lost password: a link by e-mail, whose answer is the same for every address, and the page that the link opens."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import audit, mail, resetting, throttle
from tmon.server.tenants.guests import keep_to_oneself
from tmon.server.tenants.peers import base_url_of

from .pages import too_many_attempts

WHAT = "a new password"


class Lost(forms.Form):
    """The address where mail is read."""

    email = forms.EmailField(
        label="E-mail address of your account",
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "email", "autofocus": True}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def lost(request: HttpRequest) -> HttpResponseBase:
    """Asks for the address. Every request counts as a failed login does: it may be a search for accounts."""
    if not mail.is_set_up():
        return render(request, "password_lost.html", {"mail": False})
    form = Lost(request.POST or None)
    sent = False
    if request.method == "POST" and form.is_valid():
        if throttle.waits(request, WHAT):
            return too_many_attempts(request)
        throttle.failed(request, WHAT)
        mail.later(partial(resetting.mail_links, form.cleaned_data["email"], base_url_of(request)))
        sent = True
    return render(request, "password_lost.html", {"mail": True, "form": form, "sent": sent})


class NewPassword(PasswordResetConfirmView):
    """The page that a link opens. Django takes the token out of the address into a session, and checks it there."""

    template_name = "password_set.html"

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Nobody learns of the address by the answer; a link that does not hold is not there."""
        response = super().dispatch(*args, **kwargs)
        if isinstance(response, HttpResponse) and response.status_code == 200 and not self.validlink:
            response.status_code = 404
        keep_to_oneself(response, "same-origin")
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it, which ends every login of the account, and have the account log in with it."""
        user: User = form.user
        with transaction.atomic():
            form.save()
            audit.record(audit.on_page(user), audit.Act.PASSWORD_RESET, user=user.get_username())
        self.request.session.flush()
        return redirect("password-done")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, whose password it is, and what a password has to be like."""
        return super().get_context_data(
            rules=password_validators_help_texts(),
            name=self.user.get_username() if self.user else "",
            **kwargs,
        )


@never_cache
def done(request: HttpRequest) -> HttpResponseBase:
    """Says that it is set."""
    return render(request, "password_done.html")
