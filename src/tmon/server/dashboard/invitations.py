# SPDX-License-Identifier: GPL-3.0-or-later
"""`/invitation/<token>`: joining a web service, as whoever is logged in or with a new account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import NotFound, Refused, invitations
from tmon.server.tenants.guests import keep_to_oneself
from tmon.server.tenants.models import Invitation

BACKEND = "django.contrib.auth.backends.ModelBackend"


class NewAccount(forms.Form):
    """A name, a password twice, and an address for the day when the password is lost."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )
    again = forms.CharField(
        label="Password again", strip=False, widget=forms.PasswordInput({"autocomplete": "new-password"})
    )
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        required=False,
        help_text="May stay empty. Whoever reads mail there can set a new password.",
    )

    def clean_username(self) -> str:
        """A name that can be one and that nobody has."""
        name: str = self.cleaned_data["username"]
        UnicodeUsernameValidator()(name)
        if User.objects.filter(username=name).exists():
            raise ValidationError("This name is taken on this server.")
        return name

    def clean(self) -> dict[str, Any]:
        """A password that is hard to guess, the same twice."""
        cleaned = super().clean() or {}
        password = cleaned.get("password")
        if password:
            try:
                user = User(username=cleaned.get("username", ""), email=cleaned.get("email", ""))
                validate_password(password, user)
            except ValidationError as error:
                self.add_error("password", error)
            if cleaned.get("again") and cleaned["again"] != password:
                self.add_error("again", "This is not the same password.")
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponseBase:
    """Says what the invitation is to; its form accepts it. One that does not hold says nothing, whatever it was."""
    invitation = invitations.find(token)
    if invitation is None:
        return _private(render(request, "invitation_over.html", {"status": 404}, status=404))
    if isinstance(request.user, User) and request.user.is_active:
        return _private(_as_user(request, request.user, invitation, token))
    return _private(_as_new(request, invitation, token))


def _as_user(request: HttpRequest, user: User, invitation: Invitation, token: str) -> HttpResponseBase:
    refused = ""
    if request.method == "POST":
        try:
            invitations.accept(token, user)
        except NotFound:
            return render(request, "invitation_over.html", {"status": 404}, status=404)
        except Refused as error:
            refused = str(error)
        else:
            return redirect("dashboard", invitation.webservice_id)
    return render(request, "invitation.html", {"invitation": invitation, "refused": refused})


def _as_new(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponseBase:
    form = NewAccount(request.POST or None, initial={"email": invitation.email})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            _, user = invitations.accept_as_new(token, given["username"], given["password"], given["email"])
        except NotFound:
            return render(request, "invitation_over.html", {"status": 404}, status=404)
        except Refused as error:  # somebody was faster with the name
            form.add_error(None, str(error))
        else:
            login(request, user, BACKEND)
            request.session.set_expiry(0)
            return redirect("dashboard", invitation.webservice_id)
    context = {"invitation": invitation, "form": form, "rules": password_validators_help_texts()}
    return render(request, "invitation.html", context)


def _private(response: HttpResponseBase) -> HttpResponseBase:
    assert isinstance(response, HttpResponse)
    keep_to_oneself(response, "same-origin")
    return response
