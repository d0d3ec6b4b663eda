# SPDX-License-Identifier: GPL-3.0-or-later
"""Links with which somebody sets a new password without the old one: by e-mail, or made by an administrator.

They are Django's: signed with the server's secret, and spent by the new password, by a login, by a change of the
address, or by a day (PASSWORD_RESET_TIMEOUT). Nothing is kept of them.
"""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from . import audit, mail
from .models import AuditEntry

MOST_MAILS = 3
"""To one account within PER."""
PER = dt.timedelta(hours=1)
SOMEBODY = "somebody"


def path_for(user: User, by: audit.Actor | None = None) -> str:
    """The path of a link for `user`, made by an administrator."""
    path = _path(user)
    audit.record(by, audit.Act.RESET_LINK_MADE, user=user.get_username())
    return path


def mail_links(address: str, base_url: str) -> None:
    """Send a link to each account with this address: to the address as the account has it. Raises mail.NotSent.

    Nothing is sent to accounts that are switched off or have no password, or got three messages within an hour.
    """
    for user in PasswordResetForm({"email": address}).get_users(address):
        actor = audit.Actor(SOMEBODY, audit.Way.PAGE, user)
        lately = AuditEntry.objects.filter(
            user=user, act=audit.Act.RESET_ASKED, at__gte=timezone.now() - PER
        ).count()
        if lately >= MOST_MAILS:
            continue
        audit.record(actor, audit.Act.RESET_ASKED, user=user.get_username())
        mail.send(
            user.email,
            "A new password for T-Mon",
            "reset",
            name=user.get_username(),
            base_url=base_url,
            url=base_url + _path(user),
        )


def _path(user: User) -> str:
    key = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("password-set", args=[key, default_token_generator.make_token(user)])
