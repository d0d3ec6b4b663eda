# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with users, web services, members and tokens, by a command, on a page or in the administration.

Each function is one transaction, writes what it did into the audit log as done by `by` (default: whoever runs this
command), and raises NotFound or Refused with a message for people.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone as clock

from . import audit, keys, tokens
from .audit import Act, Actor
from .errors import NotFound, Refused
from .models import Key, MemberRole, Membership, Token, WebService
from .rights import role_of

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CHARACTERS = 20
"""A generated password: 20 of 56 characters that are hard to mistake for each other: 116 bits."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new web service and its first key."""

    webservice: WebService
    key: Key
    secret: bytes = field(repr=False)

    @property
    def dsn(self) -> str:
        """The whole configuration of a client."""
        return keys.dsn(self.webservice.wsid, self.secret)


def create_user(
    name: str, *, admin: bool = False, password: str | None = None, by: Actor | None = None
) -> tuple[User, str]:
    """A new user and the password, which is generated unless given."""
    model = get_user_model()
    user = model(username=name, is_staff=admin, is_superuser=admin)
    given = password is not None
    if password is None:
        password = _new_password()
    try:
        user.clean_fields(exclude={"password"})
        if given:
            validate_password(password, user)
        user.set_password(password)
        with transaction.atomic():
            user.validate_unique()
            user.save()
            audit.record(by, Act.USER_CREATED, user=name, administrator=admin)
    except ValidationError as error:
        raise Refused(f"user {name!r} is not created: {_in_words(error)}") from None
    return user, password


def set_password(name: str, password: str | None = None, by: Actor | None = None) -> str:
    """Give a user another password, which is generated unless given, and return it. Ends all of his sessions."""
    user = user_named(name)
    if password is None:
        password = _new_password()
    else:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise Refused(f"the password of {name!r} is not changed: {_in_words(error)}") from None
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        audit.record(by, Act.PASSWORD_CHANGED, user=name)
    return password


def set_email(user: User, address: str, by: Actor | None = None) -> None:
    """Say where a link to set a new password may be sent; nowhere for an empty address."""
    try:
        if address:
            validate_email(address)
    except ValidationError as error:
        raise Refused(f"the address of {user.get_username()!r} is not changed: {_in_words(error)}") from None
    with transaction.atomic():
        user.email = address
        user.save(update_fields=["email"])
        audit.record(by, Act.EMAIL_CHANGED, user=user.get_username())


def user_named(name: str) -> User:
    """The user with this name."""
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise NotFound(f"there is no user {name!r}; make one with: tmon user create {name}")
    return user


def webservice(wsid: int) -> WebService:
    """The web service with this id."""
    found = WebService.objects.filter(pk=wsid).select_related("owner").first()
    if found is None:
        raise NotFound(f"there is no web service {wsid}; tmon webservice list shows all")
    return found


def create_webservice(
    name: str,
    owner: User,
    timezone: str = "UTC",
    *,
    by: Actor | None = None,
    most: int | None = None,
    **fields: object,
) -> Created:
    """A new web service with its first key, the owner's `most`-th at most; `fields` as of `change_webservice`."""
    with transaction.atomic():
        if most is not None:
            get_user_model().objects.select_for_update().get(pk=owner.pk)  # one at a time is counted and made
            if WebService.objects.filter(owner=owner).count() >= most:
                raise Refused(f"{owner.get_username()!r} owns {most} web services already")
        return add_webservice(WebService(name=name, owner=owner, timezone=timezone, **fields), by)


def add_webservice(row: WebService, by: Actor | None = None) -> Created:
    """Save a new web service and give it its first key."""
    try:
        with transaction.atomic():
            row.full_clean()
            row.save()
            audit.record(by, Act.WEBSERVICE_CREATED, row, owner=row.owner.get_username())
            key = keys.issue(row.wsid, by)
    except ValidationError as error:
        raise Refused(f"web service {row.name!r} is not created: {_in_words(error)}") from None
    return Created(row, key, keys.secret_of(key))


def change_webservice(wsid: int, by: Actor | None = None, **fields: object) -> WebService:
    """Change some of timezone, ip_policy, retention_days, events_per_second, log_megabytes, name or owner.

    A new owner who was a member is one no more.
    """
    with transaction.atomic():
        row = webservice(wsid)
        before = {name: getattr(row, name) for name in fields}
        for name, value in fields.items():
            setattr(row, name, value)
        try:
            row.full_clean()
        except ValidationError as error:
            raise Refused(f"web service {wsid} is not changed: {_in_words(error)}") from None
        row.save()
        if "owner" in fields:
            for membership in row.memberships.filter(user=row.owner):
                membership.delete()
        changes = {
            name: f"{_shown(old)} → {_shown(fields[name])}"
            for name, old in before.items()
            if old != fields[name]
        }
        if changes:
            audit.record(by, Act.WEBSERVICE_CHANGED, row, **changes)
    return row


def hand_over(wsid: int, user: User, by: Actor | None = None) -> WebService:
    """Make a member the owner; the owner until now stays as a manager."""
    with transaction.atomic():
        before = webservice(wsid).owner
        if role_of(user, wsid) is None:
            raise Refused(f"{user.get_username()!r} is no member of web service {wsid}")
        row = change_webservice(wsid, by, owner=user)
        if before != user:
            add_member(wsid, before, MemberRole.MANAGER, by)
    return row


def delete_webservice(wsid: int, by: Actor | None = None) -> None:
    """Delete a web service with its keys, members, tokens and salts; its events wait in `deletions` for the store."""
    with transaction.atomic():
        row = webservice(wsid)
        audit.record(by, Act.WEBSERVICE_DELETED, row)
        row.delete()


def add_member(wsid: int, user: User, role: str, by: Actor | None = None) -> Membership:
    """Make `user` a member, or give a member another role. The owner needs none and gets none."""
    with transaction.atomic():
        row = webservice(wsid)
        if role not in MemberRole.values:
            raise Refused(f"{role!r} is not a role; it is viewer or manager")
        if row.owner_id == user.pk:
            raise Refused(f"{user.get_username()!r} owns web service {wsid} already")
        before = Membership.objects.filter(webservice=row, user=user).values_list("role", flat=True).first()
        member, new = Membership.objects.update_or_create(webservice=row, user=user, defaults={"role": role})
        if before != role:
            act = Act.MEMBER_ADDED if new else Act.MEMBER_CHANGED
            audit.record(by, act, row, user=user.get_username(), role=str(role))
    return member


def remove_member(wsid: int, user: User, by: Actor | None = None) -> None:
    """End a membership. The owner is no member, so nobody can remove the owner."""
    with transaction.atomic():
        row = webservice(wsid)
        deleted, _ = Membership.objects.filter(webservice=row, user=user).delete()
        if not deleted:
            raise NotFound(f"{user.get_username()!r} is no member of web service {wsid}")
        audit.record(by, Act.MEMBER_REMOVED, row, user=user.get_username())


def create_token(
    user: User, wsid: int | None = None, name: str = "", by: Actor | None = None
) -> tuple[Token, str]:
    """A new API token for `user`, for one web service or for all that the user may read, and its text."""
    if wsid is not None and role_of(user, wsid) is None:
        raise Refused(
            f"{user.get_username()!r} may not read web service {wsid}; make the user a member first"
        )
    with transaction.atomic():
        token, text = tokens.issue(user, wsid, name)
        audit.record(
            by, Act.TOKEN_CREATED, token.webservice, user=user.get_username(), token=token.pk, name=name
        )
    return token, text


def revoke_token(token_id: int, by: Actor | None = None) -> Token:
    """End an API token for good."""
    with transaction.atomic():
        token = (
            Token.objects.select_for_update(of=("self",))
            .filter(pk=token_id)
            .select_related("user", "webservice")
            .first()
        )
        if token is None:
            raise NotFound(f"there is no token {token_id}; tmon token list shows all")
        if token.revoked is not None:
            raise Refused(f"token {token_id} is revoked already")
        token.revoked = clock.now()
        token.save(update_fields=["revoked"])
        audit.record(
            by,
            Act.TOKEN_REVOKED,
            token.webservice,
            user=token.user.get_username(),
            token=token.pk,
            name=token.name,
        )
    return token


def _new_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))


def _shown(value: object) -> str:
    """A field's value as the audit log has it."""
    if value is None:
        return "none"
    return value.get_username() if isinstance(value, User) else str(value)


def _in_words(error: ValidationError) -> str:
    return " ".join(error.messages)
