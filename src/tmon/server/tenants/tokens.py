# SPDX-License-Identifier: GPL-3.0-or-later
"""API tokens: 256 random bits, shown once, of which only the SHA-256 is kept."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import secrets

from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models import Q
from django.utils import timezone

from .models import Token

PREFIX = "tmon_"
"""Lets people and scanners tell what a leaked text is."""
TOKEN_BYTES = 32
USED_RESOLUTION = dt.timedelta(minutes=1)
_SHAPE = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


def issue(user: User, wsid: int | None = None, name: str = "") -> tuple[Token, str]:
    """A new token and its text, which can't be had again."""
    text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    return Token.objects.create(user=user, webservice_id=wsid, name=name, sha256=_digest(text)), text


def find(text: str) -> Token | None:
    """The active token with this text, of a user who is active; notes, at most once a minute, that it is used."""
    if not _SHAPE.fullmatch(text):
        return None
    token = (
        Token.objects.filter(sha256=_digest(text), revoked__isnull=True, user__is_active=True)
        .select_related("user")
        .first()
    )
    if token is None:
        return None
    now = timezone.now()
    if token.last_used is None or now - token.last_used >= USED_RESOLUTION:
        stale = Q(last_used__isnull=True) | Q(last_used__lte=now - USED_RESOLUTION)
        with contextlib.suppress(OperationalError):  # on a full disk one can still read
            Token.objects.filter(stale, pk=token.pk).update(last_used=now)
    return token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()
