# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does with users, web services, members and tokens, by command or on a page.

Each function is one transaction, and raises NotFound or Refused with a message for people.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from . import keys, tokens
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


def create_user(name: str, *, admin: bool = False, password: str | None = None) -> tuple[User, str]:
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
    except ValidationError as error:
        raise Refused(f"user {name!r} is not created: {_in_words(error)}") from None
    return user, password


def set_password(name: str, password: str | None = None) -> str:
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
    user.save(update_fields=["password"])
    return password


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


def create_webservice(name: str, owner: User, timezone: str = "UTC") -> Created:
    """A new web service with its first key."""
    row = WebService(name=name, owner=owner, timezone=timezone)
    try:
        with transaction.atomic():
            row.full_clean()
            row.save()
            key = keys.issue(row.wsid)
    except ValidationError as error:
        raise Refused(f"web service {name!r} is not created: {_in_words(error)}") from None
    return Created(row, key, keys.secret_of(key))


def change_webservice(wsid: int, **fields: object) -> WebService:
    """Change some of timezone, ip_policy, retention_days, events_per_second, log_megabytes, name or owner."""
    with transaction.atomic():
        row = webservice(wsid)
        for name, value in fields.items():
            setattr(row, name, value)
        try:
            row.full_clean()
        except ValidationError as error:
            raise Refused(f"web service {wsid} is not changed: {_in_words(error)}") from None
        row.save()
    return row


def delete_webservice(wsid: int) -> None:
    """Delete a web service with its keys, members, tokens and salts; its events wait in `deletions` for the store."""
    with transaction.atomic():
        webservice(wsid).delete()


def add_member(wsid: int, user: User, role: str) -> Membership:
    """Make `user` a member, or give a member another role. The owner needs none and gets none."""
    with transaction.atomic():
        row = webservice(wsid)
        if role not in MemberRole.values:
            raise Refused(f"{role!r} is not a role; it is viewer or manager")
        if row.owner_id == user.pk:
            raise Refused(f"{user.get_username()!r} owns web service {wsid} already")
        member, _ = Membership.objects.update_or_create(webservice=row, user=user, defaults={"role": role})
    return member


def remove_member(wsid: int, user: User) -> None:
    """End a membership."""
    with transaction.atomic():
        deleted, _ = Membership.objects.filter(webservice=webservice(wsid), user=user).delete()
        if not deleted:
            raise NotFound(f"{user.get_username()!r} is no member of web service {wsid}")


def create_token(user: User, wsid: int | None = None, name: str = "") -> tuple[Token, str]:
    """A new API token for `user`, for one web service or for all that the user may read, and its text."""
    if wsid is not None and role_of(user, wsid) is None:
        raise Refused(
            f"{user.get_username()!r} may not read web service {wsid}; make the user a member first"
        )
    return tokens.issue(user, wsid, name)


def revoke_token(token_id: int) -> Token:
    """End an API token for good."""
    with transaction.atomic():
        token = Token.objects.select_for_update().filter(pk=token_id).first()
        if token is None:
            raise NotFound(f"there is no token {token_id}; tmon token list shows all")
        if token.revoked is not None:
            raise Refused(f"token {token_id} is revoked already")
        token.revoked = clock.now()
        token.save(update_fields=["revoked"])
    return token


def _new_password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))


def _in_words(error: ValidationError) -> str:
    return " ".join(error.messages)
