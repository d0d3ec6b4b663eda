# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read which web service: owners, managers, viewers, and whoever holds a token of one of them.

An administrator looks after web services in the admin pages but reads the data only of those that he owns or is
a member of: what visitors did is the owner's business.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from . import tokens
from .models import MemberRole, Membership, WebService

LARGEST_WSID = 2**63 - 1


class Role(enum.IntEnum):
    """What somebody may do with a web service; each may do all that the ones before it may."""

    VIEWER = 1
    MANAGER = 2
    OWNER = 3


_OF_MEMBERS = {MemberRole.VIEWER.value: Role.VIEWER, MemberRole.MANAGER.value: Role.MANAGER}


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token speaks for, and the only web service it may be used for, if it is restricted."""

    user: User
    wsid: int | None

    def role_of(self, wsid: int) -> Role | None:
        """The user's role as far as the token reaches."""
        return role_of(self.user, wsid) if self.wsid in (None, wsid) else None


def role_of(user: User | AnonymousUser, wsid: int) -> Role | None:
    """The role of `user` in a web service; None if there is none or no such web service."""
    if not user.is_authenticated or not user.is_active or not 0 < wsid <= LARGEST_WSID:
        return None
    if WebService.objects.filter(pk=wsid, owner_id=user.pk).exists():
        return Role.OWNER
    role = (
        Membership.objects.filter(webservice_id=wsid, user_id=user.pk).values_list("role", flat=True).first()
    )
    return _OF_MEMBERS[role] if role is not None else None


def user_of_token(text: str) -> Bearer | None:
    """Whom this token speaks for; None if it is unknown or revoked, or its user is not active."""
    token = tokens.find(text)
    return Bearer(token.user, token.webservice_id) if token is not None else None


def readable_by(user: User) -> list[tuple[WebService, Role]]:
    """The web services in which `user` has a role, and which, by name."""
    roles = dict(Membership.objects.filter(user=user).values_list("webservice_id", "role"))
    rows = WebService.objects.filter(Q(owner=user) | Q(memberships__user=user)).distinct().order_by("name")
    return [
        (row, Role.OWNER if row.owner_id == user.pk else _OF_MEMBERS[roles[row.wsid]])
        for row in rows
        if row.owner_id == user.pk or row.wsid in roles
    ]
