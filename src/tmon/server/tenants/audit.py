# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log: who did what to which web service or account, when, and by which way.

Whoever changes something calls `record` in the transaction of the change, so that neither is there without the other.
An entry holds no secret, and of an erased user name only how much was erased: the name itself would be kept by it.
Entries outlive their web service and their user.
"""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import close_old_connections, models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from .models import AuditEntry, WebService

DETAILS = 12
"""How many details an entry has at most."""
CHARACTERS = 200
"""A detail's text is cut after so many characters."""
KEPT = dt.timedelta(days=730)
"""For how long an entry is kept."""

Detail = str | int | float | bool | None


class Way(models.TextChoices):
    """By which way something was done; the label says how it was."""

    PAGE = "page", "on T-Mon's pages"
    ADMINISTRATION = "administration", "in the administration"
    COMMAND = "command", "by a command on the server"
    SERVER = "server", "by the server itself"


class Act(models.TextChoices):
    """What can be done; the label follows the name of whoever did it."""

    WEBSERVICE_CREATED = "webservice-created", "created the web service"
    WEBSERVICE_CHANGED = "webservice-changed", "changed the web service"
    WEBSERVICE_DELETED = "webservice-deleted", "deleted the web service"
    KEY_ISSUED = "key-issued", "made a key"
    KEY_REVOKED = "key-revoked", "revoked a key"
    MEMBER_ADDED = "member-added", "added a member"
    MEMBER_CHANGED = "member-changed", "changed a member's role"
    MEMBER_REMOVED = "member-removed", "removed a member"
    ERASURE_ASKED = "erasure-asked", "asked for a user name to be erased"
    ERASED = "erased", "erased a user name"
    ERASURE_FAILED = "erasure-failed", "could not erase a user name"
    TOKEN_CREATED = "token-created", "made an API token"
    TOKEN_REVOKED = "token-revoked", "revoked an API token"
    LINK_CREATED = "share-link-created", "made a share link"
    LINK_REVOKED = "share-link-revoked", "revoked a share link"
    INVITED = "invited", "invited somebody"
    INVITATION_REVOKED = "invitation-revoked", "revoked an invitation"
    INVITATION_ACCEPTED = "invitation-accepted", "accepted an invitation"
    SESSION_RULE_SET = "session-rule-set", "set the rule of sessions"
    SESSION_RULE_CHANGED = "session-rule-changed", "changed the rule of sessions"
    SESSION_RULE_REMOVED = "session-rule-removed", "removed the rule of sessions"
    MODULES_CHANGED = "modules-changed", "changed the catalogue of modules"
    MODULE_REMOVED = "module-removed", "took a module out of the catalogue"
    ANNOTATED = "annotated", "noted something"
    ANNOTATION_CHANGED = "annotation-changed", "changed a note"
    ANNOTATION_DELETED = "annotation-deleted", "deleted a note"
    LIMIT_SET = "limit-set", "set a time limit"
    LIMIT_CHANGED = "limit-changed", "changed a time limit"
    LIMIT_REMOVED = "limit-removed", "removed a time limit"
    DESTINATION_ADDED = "destination-added", "added a destination of warnings"
    DESTINATION_REMOVED = "destination-removed", "removed a destination of warnings"
    DESTINATION_DISABLED = "destination-disabled", "switched off a destination of warnings"
    DESTINATION_ENABLED = "destination-enabled", "switched on a destination of warnings"
    DESTINATION_TESTED = "destination-tested", "tested a destination of warnings"
    DESTINATION_SECRET_SHOWN = "destination-secret-shown", "had the secret of a destination shown"
    USER_CREATED = "user-created", "created an account"
    USER_CHANGED = "user-changed", "changed an account"
    USER_DELETED = "user-deleted", "deleted an account"
    EMAIL_CHANGED = "email-changed", "changed an e-mail address"
    RESET_LINK_MADE = "reset-link-made", "made a link to set a new password"
    RESET_ASKED = "reset-asked", "asked for a new password by e-mail"
    PASSWORD_RESET = "password-reset", "set a new password by a link"
    PASSWORD_CHANGED = "password-changed", "changed a password"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and by which way."""

    name: str
    way: str
    user: User | None = None


def on_page(user: User) -> Actor:
    """Somebody who is logged in, on the settings pages or a dashboard."""
    return Actor(user.get_username(), Way.PAGE, user)


def in_administration(request: HttpRequest) -> Actor:
    """An administrator on the administration's pages."""
    user = request.user
    assert isinstance(user, User)
    return Actor(user.get_username(), Way.ADMINISTRATION, user)


def on_command_line() -> Actor:
    """Whoever runs a command on the server's machine: the account of its operating system."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        name = ""
    return Actor(name, Way.COMMAND)


def record(
    actor: Actor | None, act: str, webservice: WebService | None = None, **details: Detail
) -> AuditEntry:
    """Note what `actor` (default: whoever runs this command) has done to `webservice`, or to an account.

    Call it in the transaction of the act, and of a deletion before it. `details` are for people and hold no secret;
    at most 12, whose texts are cut at 200 characters.
    """
    actor = actor or on_command_line()
    return AuditEntry.objects.create(
        user=actor.user,
        actor=actor.name[:150],
        way=actor.way,
        act=act,
        wsid=None if webservice is None else webservice.wsid,
        webservice=("" if webservice is None else webservice.name)[:120],
        details=_bounded(details),
    )


def of_webservice(wsid: int) -> QuerySet[AuditEntry]:
    """What was done to a web service, latest first."""
    return AuditEntry.objects.filter(wsid=wsid).order_by("-at", "-id")


def of_account(user: User) -> QuerySet[AuditEntry]:
    """What somebody did that concerns no single web service, latest first."""
    return AuditEntry.objects.filter(user=user, wsid__isnull=True).order_by("-at", "-id")


def in_words(entry: AuditEntry) -> str:
    """What was done, as it follows the name of whoever did it."""
    return str(Act(entry.act).label) if entry.act in Act.values else entry.act


def how_in_words(entry: AuditEntry) -> str:
    """By which way it was done, as it follows what was done."""
    return str(Way(entry.way).label) if entry.way in Way.values else entry.way


def details_in_words(details: Mapping[str, Detail]) -> Iterable[tuple[str, str]]:
    """The details as names and values for people."""
    return [
        (name.replace("_", " "), "none" if value is None else str(value)) for name, value in details.items()
    ]


def clear_old() -> None:
    """Delete the entries that are older than is kept. Blocks on the accounts database; raises django.db.Error."""
    close_old_connections()
    AuditEntry.objects.filter(at__lt=timezone.now() - KEPT).delete()


def _bounded(details: Mapping[str, Detail]) -> dict[str, Detail]:
    return {
        name[:40]: value[: CHARACTERS - 1] + "…"
        if isinstance(value, str) and len(value) > CHARACTERS
        else value
        for name, value in list(details.items())[:DETAILS]
    }
