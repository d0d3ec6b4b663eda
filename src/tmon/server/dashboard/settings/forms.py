# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of the settings pages. What a form checks here is checked again where it is done."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import QueryDict

from tmon.server.modules.models import LEAST_IDLE_S, MOST_IDLE_S, Whose
from tmon.server.modules.patterns import EXAMPLE, lines
from tmon.server.sessions import Rule
from tmon.server.tenants import Refused
from tmon.server.tenants.models import IpPolicy, MemberRole, WebService, one_line
from tmon.server.tenants.sharing import PERIODS, ends

Data = QueryDict | None
"""What was sent, None where the form is only shown."""
LINK_DAYS = {1: "a day", 7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
OPENINGS = [(name, f"the last {said}" if said[0].isdigit() else said) for name, said in PERIODS.items()]
"""The periods that have a name, as those who make a share link choose them."""
EXACT = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
"""Attributes of a field whose text has to be given letter by letter."""


@cache
def zone_choices() -> list[tuple[str, Any]]:
    """Every time zone, grouped by the part of the world that its name begins with."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(available_timezones()):
        area, slash, place = zone.partition("/")
        groups.setdefault(area if slash else "Others", []).append(
            (zone, place.replace("_", " ") if slash else zone)
        )
    return [("UTC", "UTC"), *sorted(groups.items())]


def _zone_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Time zone",
        choices=zone_choices,
        help_text="Where its days and months begin.",
        error_messages={"invalid_choice": "This is not a time zone that this server knows."},
    )


class NewWebService(forms.Form):
    """A name and a time zone."""

    name = forms.CharField(
        label="Name", max_length=120, help_text="Unique on this server, for instance shop.example."
    )
    timezone = _zone_field()

    def clean_name(self) -> str:
        """A name in one line that nobody has."""
        name: str = self.cleaned_data["name"]
        one_line(name)
        if WebService.objects.filter(name=name).exists():
            raise ValidationError("This name is taken on this server.")
        return name


class General(NewWebService):
    """The same of a web service that is there."""

    def __init__(self, data: Data, *, webservice: WebService) -> None:
        super().__init__(data, initial={"name": webservice.name, "timezone": webservice.timezone})
        self._webservice = webservice

    def clean_name(self) -> str:
        """A name that nobody else has."""
        name: str = self.cleaned_data["name"]
        return name if name == self._webservice.name else super().clean_name()


class Typed(forms.Form):
    """Asks for a name to be typed, so that what can't be undone is done to what was meant."""

    typed = forms.CharField(max_length=200, required=True, widget=forms.TextInput(EXACT))

    def __init__(self, *args: Any, wanted: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = wanted
        self.fields["typed"].label = "To confirm, type the name of the web service"
        self.order_fields([name for name in self.fields if name != "typed"])

    def clean_typed(self) -> str:
        """The name itself."""
        typed: str = self.cleaned_data["typed"]
        if typed != self.wanted:
            raise ValidationError("This is not its name. Capitals matter.")
        return typed


class Erasing(Typed):
    """The user name that is to be erased."""

    username = forms.CharField(
        label="User name",
        max_length=1024,
        strip=False,
        widget=forms.TextInput(EXACT),
        help_text="As it was reported, letter by letter.",
    )


class HandingOver(Typed):
    """Which member becomes the owner."""

    user = forms.ChoiceField(label="New owner")

    def __init__(self, *args: Any, members: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._members = {str(one.pk): one for one in members}
        field = self.fields["user"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(key, one.get_username()) for key, one in self._members.items()]

    @property
    def chosen(self) -> User:
        """The member."""
        return self._members[self.cleaned_data["user"]]


class SessionRuleForm(forms.Form):
    """By which rule sessions are made of requests."""

    by = forms.ChoiceField(label="Whose sessions are they?", choices=Whose.choices, widget=forms.RadioSelect)
    objects = forms.CharField(
        label="What is used",
        required=False,
        max_length=10_000,
        widget=forms.Textarea({"rows": 3, "placeholder": EXAMPLE, **EXACT}),
        help_text="Patterns of paths, one in a line. {object} stands for the folder that names what is used, * for "
        "one folder of any name. Empty: the whole service is one.",
    )
    entry = forms.CharField(
        label="File that begins a session",
        required=False,
        max_length=1_000,
        widget=forms.TextInput(EXACT),
        help_text="Such as index.html. Empty: any request does.",
    )
    idle_s = forms.IntegerField(
        label="Seconds without a request after which a session has ended",
        min_value=LEAST_IDLE_S,
        max_value=MOST_IDLE_S,
    )
    exclusive = forms.BooleanField(
        label="One thing at a time: who begins with another ends the one before", required=False
    )
    assets = forms.BooleanField(label="Pictures, styles, scripts and other assets count", required=False)
    failed = forms.BooleanField(label="Failed requests count (status 400 and above)", required=False)
    sources = forms.CharField(
        label="Sources whose user names count",
        required=False,
        max_length=20_000,
        widget=forms.Textarea({"rows": 2, **EXACT}),
        help_text="One in a line. Empty: all. Name those that know who is logged in, and not what a browser says of "
        "itself.",
    )

    def __init__(self, data: Data, *, rule: Rule) -> None:
        """`rule` is what it shows at first."""
        shown = {
            "by": rule.by,
            "objects": "\n".join(rule.objects),
            "entry": rule.entry,
            "idle_s": rule.idle_ms // 1000,
            "exclusive": rule.exclusive,
            "assets": rule.assets,
            "failed": rule.failed,
            "sources": "\n".join(rule.sources),
        }
        super().__init__(data, initial=shown)

    def rule(self) -> Rule:
        """The rule that was given, unchecked."""
        given = self.cleaned_data
        return Rule(
            by=given["by"],
            objects=tuple(lines(given["objects"])),
            entry=given["entry"],
            idle_ms=given["idle_s"] * 1000,
            exclusive=given["exclusive"],
            sources=tuple(lines(given["sources"])),
            assets=given["assets"],
            failed=given["failed"],
        )


class Privacy(forms.Form):
    """What is kept of addresses, and for how long single events are.

    Keeping less deletes something at once, so it asks for the name.
    """

    ip_policy = forms.ChoiceField(label="IP addresses", choices=IpPolicy.choices, widget=forms.RadioSelect)
    retention_days = forms.IntegerField(
        label="Days for which single events are kept", min_value=1, max_value=3650
    )
    typed = forms.CharField(
        label="To confirm, type the name of the web service",
        max_length=200,
        required=False,
        widget=forms.TextInput(EXACT),
    )

    def __init__(self, data: Data, *, webservice: WebService) -> None:
        kept = {"ip_policy": webservice.ip_policy, "retention_days": webservice.retention_days}
        super().__init__(data, initial=kept)
        self._webservice = webservice

    @property
    def shortens(self) -> bool:
        """Whether events that are kept now would be deleted."""
        days = (
            self.cleaned_data.get("retention_days")
            if self.is_bound and hasattr(self, "cleaned_data")
            else None
        )
        return days is not None and days < self._webservice.retention_days

    def clean(self) -> dict[str, Any]:
        """Ask for the name where events would go."""
        cleaned = super().clean() or {}
        if self.shortens and cleaned.get("typed") != self._webservice.name:
            self.add_error(
                "typed",
                f"Events older than {cleaned['retention_days']} days will be deleted for good."
                if not cleaned.get("typed")
                else "This is not its name. Capitals matter.",
            )
        return cleaned


class NewToken(forms.Form):
    """What a token is for, and what it may read."""

    name = forms.CharField(label="What it is for", max_length=120)
    webservice = forms.TypedChoiceField(
        label="What it may read", required=False, coerce=int, empty_value=None
    )

    def __init__(self, *args: Any, readable: list[WebService], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["webservice"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", "Everything that you may read"),
            *((str(one.wsid), f"{one.name} only") for one in readable),
        ]


class NewPassword(forms.Form):
    """One's password, and the one that is to replace it."""

    current = forms.CharField(
        label="Your password now",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )
    fresh = forms.CharField(
        label="New password",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password again",
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self.rules = password_validators_help_texts()

    def clean_fresh(self) -> str:
        """One that is hard to guess."""
        fresh: str = self.cleaned_data["fresh"]
        validate_password(fresh, self._user)
        return fresh

    def clean(self) -> dict[str, Any]:
        """The same twice."""
        cleaned = super().clean() or {}
        if cleaned.get("fresh") and cleaned.get("again") and cleaned["fresh"] != cleaned["again"]:
            self.add_error("again", "This is not the same password.")
        return cleaned


class NewLink(forms.Form):
    """What a share link is called, what is asked of its guests, how long it is valid, and what it opens with."""

    label = forms.CharField(
        label="Label",
        max_length=120,
        required=False,
        help_text="Who it is for. Guests don't see it.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text="Empty: the link alone is enough.",
    )
    days = forms.TypedChoiceField(
        label="Valid for",
        choices=[("", "until it is revoked"), *((str(days), said) for days, said in LINK_DAYS.items())],
        coerce=int,
        empty_value=None,
        required=False,
    )
    period = forms.ChoiceField(label="Opens with", choices=OPENINGS, required=False)

    def __init__(self, given: QueryDict | None, *, opening: str) -> None:
        """`opening` is the period that it opens with unless another is chosen; one without a name is offered, too."""
        super().__init__(given, initial={"period": opening})
        chosen = opening if given is None else given.get("period", "")
        try:
            since, until = ends(chosen)
        except Refused:  # it has a name, or is none
            return
        period = self.fields["period"]
        assert isinstance(period, forms.ChoiceField)
        period.choices = [*OPENINGS, (chosen, f"{_end_in_words(since)} to {_end_in_words(until)}")]

    def clean_password(self) -> str:
        """None, or one that is hard to guess."""
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password


def _end_in_words(text: str) -> str:
    """One end of a period that `sharing.ends` took."""
    end = dt.datetime.fromisoformat(text)
    clock = "" if end.tzinfo is None else f" {end:%H:%M:%S}" if end.second else f" {end:%H:%M}"
    return f"{end.day} {end:%b %Y}{clock}{' UTC' if clock else ''}"


class NewInvitation(forms.Form):
    """As what somebody is invited, and where to."""

    role = forms.ChoiceField(
        label="Role",
        choices=[
            (MemberRole.VIEWER.value, "Viewer: reads"),
            (MemberRole.MANAGER.value, "Manager: reads and changes"),
        ],
    )
    email = forms.EmailField(label="E-mail address", max_length=254, required=False)


class NewAddress(forms.Form):
    """Where a link to set a new password may be sent; one's password, since that is as good as one."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        required=False,
        widget=forms.EmailInput({"autocomplete": "email"}),
        help_text="Empty: no mail, so a lost password needs whoever runs this server.",
    )
    current = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )


class NewWebhook(forms.Form):
    """An address that takes POSTs."""

    address = forms.CharField(
        label="Address",
        max_length=2000,
        widget=forms.TextInput({**EXACT, "inputmode": "url", "placeholder": "https://"}),
    )


class NewMail(forms.Form):
    """An address of mail."""

    address = forms.EmailField(label="E-mail address", max_length=254)
