# SPDX-License-Identifier: GPL-3.0-or-later
"""Invitations: links that make whoever follows them first a member of a web service, with an account or without one.

An invitation holds for seven days, once, and only as long as whoever sent it may invite.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from . import accounts, audit
from .errors import NotFound, Refused
from .models import AuditEntry, Invitation, MemberRole, Membership, WebService
from .rights import Role, role_of

TOKEN_BYTES = 32
VALID = dt.timedelta(days=7)
MOST = 100
"""Invitations to a web service that wait."""
MOST_ENDED = 100
MEMBERS = 500
"""Members of a web service, with those who are invited."""
MOST_MAILS = 50
"""Addresses to which somebody may send invitations within PER, whatever becomes of them."""
PER = dt.timedelta(days=1)

_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


def create(webservice: WebService, role: str, by: User, email: str = "") -> tuple[Invitation, str]:
    """A new invitation and its token, which can't be had again. Raises Refused."""
    if role not in MemberRole.values:
        raise Refused(f"{role!r} is not a role; it is viewer or manager")
    text = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        if not may_invite(by, webservice.wsid):
            raise Refused("managers and the owner invite")
        if waiting().filter(webservice=webservice).count() >= MOST:
            raise Refused(f"{MOST} invitations wait already; revoke some first")
        if Membership.objects.filter(webservice=webservice).count() >= MEMBERS:
            raise Refused(f"there are {MEMBERS} members; that is as many as there may be")
        if email and _mailed(by) >= MOST_MAILS:
            raise Refused(
                f"you have invited {MOST_MAILS} people by e-mail within a day; wait, or give them links"
            )
        _forget_the_oldest(webservice)
        invitation = Invitation.objects.create(
            webservice=webservice,
            role=role,
            email=email,
            sha256=_digest(text),
            by=by,
            expires=timezone.now() + VALID,
        )
        audit.record(
            audit.on_page(by),
            audit.Act.INVITED,
            webservice,
            invitation=invitation.pk,
            role=str(role),
            email=email,
        )
    return invitation, text


def find(token: str) -> Invitation | None:
    """The invitation with this token, if it still holds."""
    if not _SHAPE.fullmatch(token):
        return None
    found = waiting().filter(sha256=_digest(token)).select_related("webservice", "by").first()
    return found if found is not None and may_invite(found.by, found.webservice_id) else None


def waiting() -> QuerySet[Invitation]:
    """Those that were neither accepted nor revoked, and whose time is not over."""
    return Invitation.objects.filter(accepted__isnull=True, revoked__isnull=True, expires__gt=timezone.now())


def revoke(number: int, wsid: int, by: audit.Actor) -> Invitation:
    """End one that waits. Raises NotFound."""
    with transaction.atomic():
        found = waiting().select_for_update(of=("self",)).filter(pk=number, webservice_id=wsid).first()
        if found is None:
            raise NotFound(f"there is no invitation {number} that waits")
        found.revoked = timezone.now()
        found.save(update_fields=["revoked"])
        audit.record(
            by, audit.Act.INVITATION_REVOKED, found.webservice, invitation=found.pk, email=found.email
        )
    return found


def accept(token: str, user: User) -> Invitation:
    """Make `user` the member that the invitation is for, and spend it. Raises NotFound, Refused.

    Somebody who may as much already is refused, so that the link is left for whom it is meant.
    """
    with transaction.atomic():
        invitation = _take(token)
        webservice, role = invitation.webservice, invitation.role
        present = role_of(user, webservice.wsid)
        if present is not None and present >= Role[role.upper()]:
            raise Refused(f"you are {_with_article(present)} of this web service already")
        accounts.add_member(webservice.wsid, user, role, audit.on_page(user))
        _spend(invitation, user)
    return invitation


def accept_as_new(token: str, name: str, password: str, email: str = "") -> tuple[Invitation, User]:
    """Make an account that is the member, and spend the invitation. Raises NotFound, Refused; then nothing is made.

    The account's address is what its user says: whoever invited must not be who can set a new password.
    """
    with transaction.atomic():
        invitation = _take(token)
        by = audit.Actor(name, audit.Way.PAGE)
        user, _ = accounts.create_user(name, password=password, by=by)
        if email:
            user.email = email
            user.save(update_fields=["email"])
        accounts.add_member(invitation.webservice_id, user, invitation.role, audit.on_page(user))
        _spend(invitation, user)
    return invitation, user


def _forget_the_oldest(webservice: WebService) -> None:
    """Of those that are over only the latest are kept, to be seen; the audit log has them all."""
    ended = Invitation.objects.filter(webservice=webservice).exclude(pk__in=waiting().values("pk"))
    Invitation.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[MOST_ENDED:])).delete()


def _mailed(user: User) -> int:
    """To how many addresses he has sent invitations lately, of any web service: the audit log outlives them."""
    since = timezone.now() - PER
    sent = AuditEntry.objects.filter(user=user, act=audit.Act.INVITED, at__gte=since)
    return sum(bool(details.get("email")) for details in sent.values_list("details", flat=True))


def may_invite(user: User, wsid: int) -> bool:
    """Whether he may add members."""
    role = role_of(user, wsid)
    return role is not None and role >= Role.MANAGER


def _take(token: str) -> Invitation:
    """The invitation, which nobody else takes meanwhile. Raises NotFound."""
    found = find(token)
    if found is None or waiting().select_for_update(of=("self",)).filter(pk=found.pk).first() is None:
        raise NotFound("this invitation is not valid any more")
    return found


def _spend(invitation: Invitation, user: User) -> None:
    invitation.accepted, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted", "accepted_by"])
    audit.record(
        audit.on_page(user), audit.Act.INVITATION_ACCEPTED, invitation.webservice, invitation=invitation.pk
    )


def _with_article(role: Role) -> str:
    return {Role.OWNER: "the owner", Role.MANAGER: "a manager", Role.VIEWER: "a viewer"}[role]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
