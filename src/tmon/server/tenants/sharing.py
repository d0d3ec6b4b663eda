# SPDX-License-Identifier: GPL-3.0-or-later
"""Share links: addresses that nobody guesses, under which a part of a dashboard can be seen without login.

Whoever has opened the page of a link, with its password where it has one, holds a cookie of that path that says so.
It is signed with the server's secret and bound to the link and its password; no session is needed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from . import audit, sealing
from .errors import NotFound, Refused
from .models import ShareLink, WebService

SLUG_BYTES = 24
"""192 random bits."""
ADMITTED_S = 14 * 24 * 3600
"""How long a cookie opens a link; it is renewed as long as the page is looked at."""
RENEWED_S = 24 * 3600
MOST = 100
"""Links of a web service that are not over."""
MOST_ENDED = 100
USED_RESOLUTION = dt.timedelta(minutes=1)
PERIODS = {
    "": "24 hours",
    "now": "10 minutes",
    "today": "today",
    "yesterday": "yesterday",
    "7d": "7 days",
    "30d": "30 days",
    "month": "this month",
    "year": "this year",
}
"""With which period a link can open, by its name in the dashboard's address."""
BETWEEN = ".."
"""Between the two ends of a period that has no name: days, both included, or moments in UTC."""

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ENDS = (re.compile(_DAY), re.compile(_DAY + r"T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z"))
_SHAPE = re.compile(r"[A-Za-z0-9_-]{32}")


def ends(period: str) -> tuple[str, str]:
    """The ends of a period as the dashboard's address has them, of `2026-11-01..2026-11-17`, or of moments in UTC
    (`2026-11-16T09:12Z..2026-11-16T10:00Z`). Raises Refused.
    """
    since, _, until = period.partition(BETWEEN)
    try:
        for shape in _ENDS:
            if shape.fullmatch(since) and shape.fullmatch(until):
                first, last = dt.datetime.fromisoformat(since), dt.datetime.fromisoformat(until)
                if first < last or (first == last and "T" not in since):
                    return since, until
    except ValueError:
        pass  # a day that does not exist
    raise Refused(
        f"{period[:60]!r} is none of the periods {', '.join(filter(None, PERIODS))}, and no two days such as "
        f"2026-11-01{BETWEEN}2026-11-17, the earlier one first"
    )


def create(
    webservice: WebService,
    label: str = "",
    *,
    password: str = "",
    expires: dt.datetime | None = None,
    period: str = "",
    filters: Sequence[str] = (),
    by: audit.Actor | None = None,
) -> tuple[ShareLink, str]:
    """A new link and its slug. Raises Refused.

    It opens with `period`, one of PERIODS or as `ends` takes it, and `filters` as the API takes them; whoever has it
    may choose others.
    """
    opening = [("period", period)] if period else []
    if period not in PERIODS:
        since, until = ends(period)
        opening = [("from", since), ("to", until)]
    if expires is not None and expires <= timezone.now():
        raise Refused("a link expires in the future")
    if len(label) > 120:
        raise Refused("a label has at most 120 characters")
    query = urlencode([*opening, *(("filter", one) for one in filters)])
    if len(query) > 2000:
        raise Refused("these filters are too long for a link")
    if password:
        try:
            validate_password(password)
        except ValidationError as error:
            raise Refused(" ".join(error.messages)) from None
    slug = secrets.token_urlsafe(SLUG_BYTES)
    sha256 = _digest(slug)
    with transaction.atomic():
        if _valid().filter(webservice=webservice).count() >= MOST:
            raise Refused(f"there are {MOST} share links already; revoke some first")
        _forget_the_oldest(webservice)
        actor = by or audit.on_command_line()
        link = ShareLink.objects.create(
            webservice=webservice,
            label=label,
            sha256=sha256,
            sealed=sealing.seal(slug.encode(), _place(sha256), settings.SECRET_KEY),
            query=query,
            password=make_password(password) if password else "",
            by=actor.user,
            expires=expires,
        )
        audit.record(
            actor,
            audit.Act.LINK_CREATED,
            webservice,
            link=link.pk,
            label=label,
            password=bool(password),
            expires=expires.isoformat(timespec="minutes") if expires else None,
        )
    return link, slug


def revoke(link_id: int, wsid: int | None = None, by: audit.Actor | None = None) -> ShareLink:
    """End a link for good, of the web service `wsid` if that is given. Raises NotFound, Refused."""
    with transaction.atomic():
        links = ShareLink.objects.select_for_update(of=("self",)).select_related("webservice")
        link = links.filter(pk=link_id, **({} if wsid is None else {"webservice_id": wsid})).first()
        if link is None:
            raise NotFound(f"there is no share link {link_id}; tmon share list shows all")
        if link.revoked is not None:
            raise Refused(f"share link {link_id} is revoked already")
        link.revoked = timezone.now()
        link.sealed = b""
        link.save(update_fields=["revoked", "sealed"])
        audit.record(by, audit.Act.LINK_REVOKED, link.webservice, link=link.pk, label=link.label)
    return link


def find(slug: str) -> ShareLink | None:
    """The link with this slug, with its web service; None if there is none, or it is revoked or over."""
    if not _SHAPE.fullmatch(slug):
        return None
    return _valid().filter(sha256=_digest(slug)).select_related("webservice").first()


def path_of(link: ShareLink) -> str | None:
    """The path of its page, with what it opens with; None where it does not open under this server's secret."""
    try:
        slug = sealing.open_(bytes(link.sealed), _place(link.sha256), settings.SECRET_KEY).decode()
    except sealing.Unopenable:
        return None
    return f"/share/{slug}" + (f"?{link.query}" if link.query else "")


def is_over(link: ShareLink) -> bool:
    """Whether its time has passed."""
    return link.expires is not None and link.expires <= timezone.now()


def opens(link: ShareLink, password: str) -> bool:
    """Whether this is the link's password."""
    return check_password(password, link.password)


def admission(link: ShareLink) -> str:
    """What the cookie of somebody who may see it holds."""
    return _signer(link).sign(str(link.pk))


def admits(link: ShareLink, cookie: str | None, within_s: int = ADMITTED_S) -> bool:
    """Whether the cookie lets somebody see it, and was given within so many seconds."""
    if cookie is None:
        return False
    try:
        return _signer(link).unsign(cookie, max_age=within_s) == str(link.pk)
    except BadSignature:  # or too old
        return False


def note_use(link: ShareLink) -> None:
    """Note, at most once a minute, that it is used."""
    now = timezone.now()
    if link.last_used is not None and now - link.last_used < USED_RESOLUTION:
        return
    stale = Q(last_used__isnull=True) | Q(last_used__lte=now - USED_RESOLUTION)
    with contextlib.suppress(OperationalError):  # on a full disk one can still read
        ShareLink.objects.filter(stale, pk=link.pk).update(last_used=now)


def _forget_the_oldest(webservice: WebService) -> None:
    """Of links that are revoked or over only the latest are kept, to be seen; the audit log has them all."""
    ended = ShareLink.objects.filter(webservice=webservice).exclude(pk__in=_valid().values("pk"))
    ShareLink.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[MOST_ENDED:])).delete()


def _valid() -> QuerySet[ShareLink]:
    return ShareLink.objects.filter(
        Q(expires__isnull=True) | Q(expires__gt=timezone.now()), revoked__isnull=True
    )


def _signer(link: ShareLink) -> TimestampSigner:
    return TimestampSigner(salt=f"tmon share link {link.sha256} {link.password}")


def _place(sha256: str) -> str:
    return f"share link {sha256}"


def _digest(slug: str) -> str:
    return hashlib.sha256(slug.encode("ascii")).hexdigest()
