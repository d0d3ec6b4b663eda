# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings: written once for each violation with a delivery to each destination, listed, erased, cleared.

They say who used what, so they are kept as long as single events are, and no longer than ninety days. What tells
visitors apart goes sooner, once no session of that day can go on.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from django.db import close_old_connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from tmon.server.sessions import VISITOR_MARK, Session, user_of
from tmon.server.tenants import audit, erasures
from tmon.server.tenants.models import WebService

from .matching import Holds
from .models import (
    NAME_LENGTH,
    OBJECT_LENGTH,
    PLACE_LENGTH,
    USERNAME_LENGTH,
    Delivery,
    Destination,
    Limit,
    Violation,
)
from .rule import is_told

MOST = 10_000
"""Warnings of a web service within ALIVE; further violations are not told."""
ALIVE = dt.timedelta(hours=50)
"""A session ends at local midnight, and events may come late: after so long no warning is of one that goes on."""
KEPT_DAYS = 90
GUEST = "A guest"


class Found(NamedTuple):
    """A session that is over the limit that holds for it, since `exceeded_ms` (Unix milliseconds).

    `source` is who told of it, "" where it was made of requests.
    """

    number: int
    source: str
    session: Session
    limit: Holds
    exceeded_ms: int


class Given(NamedTuple):
    """What came of it: warnings that were written, and violations for which there was no room."""

    warnings: int
    deliveries: int
    left_out: int


def give(wsid: int, found: Sequence[Found], now_s: float) -> Given:
    """Write a warning for each of these that has none, and its deliveries, in one transaction.

    Others may do the same for the same sessions at once. Blocks; raises django.db.Error.
    """
    now = moment(now_s * 1000)
    with transaction.atomic():
        # Whoever holds these rows goes first; SQLite has one writer anyhow. A limit that has changed finds nothing.
        limits = dict(
            Limit.objects.select_for_update()
            .filter(webservice_id=wsid, object__in={one.limit.object for one in found})
            .order_by("pk")
            .values_list("object", "minutes")
        )
        due = [_storable(one) for one in found if limits.get(one.limit.object) == one.limit.minutes]
        if not due:
            return Given(0, 0, 0)
        since = moment(min(one.session.start_ms for one in due))
        earlier = Violation.objects.filter(
            webservice_id=wsid, exceeded__gte=since, object__in={one.session.object for one in due}
        )
        told = [one.told() for one in earlier]
        fresh: list[Violation] = []
        for one in due:
            if is_told(one.number, one.source, one.session, one.limit.minutes, told):
                continue
            fresh.append(_violation(wsid, one, now))
            told.append(fresh[-1].told())
        if not fresh:
            return Given(0, 0, 0)
        room = MOST - Violation.objects.filter(webservice_id=wsid, noticed__gt=now - ALIVE).count()
        left_out, fresh = max(0, len(fresh) - max(0, room)), fresh[: max(0, room)]
        Violation.objects.bulk_create(fresh, ignore_conflicts=True)
        written = list(Violation.objects.filter(key__in=[one.key for one in fresh]).order_by("id"))
        destinations = list(Destination.objects.filter(webservice_id=wsid, disabled__isnull=True))
        deliveries = [
            Delivery(violation=one, destination=to, created=now, due=now)
            for one in written
            for to in destinations
        ]
        Delivery.objects.bulk_create(deliveries)
    return Given(len(written), len(deliveries), left_out)


def _violation(wsid: int, found: Found, now: dt.datetime) -> Violation:
    session = found.session
    subject = session.user if found.source else session.subject
    return Violation(
        key=uuid.uuid4(),
        webservice_id=wsid,
        object=session.object,
        minutes=found.limit.minutes,
        source=found.source,
        username=session.user,
        place=session.place,
        name=subject[:NAME_LENGTH] or GUEST,
        number=found.number,
        started=moment(session.start_ms),
        exceeded=moment(found.exceeded_ms),
        noticed=now,
    )


def _storable(found: Found) -> Found:
    """It with strangers' texts as every accounts database keeps them, so that they are the same when they are read."""
    session = found.session
    user, place = _text(session.user, USERNAME_LENGTH), _text(session.place, PLACE_LENGTH)
    source, object_ = _text(found.source, PLACE_LENGTH), _text(session.object, OBJECT_LENGTH)
    return found._replace(source=source, session=session._replace(user=user, place=place, object=object_))


def _text(text: str, most: int) -> str:
    """PostgreSQL knows no NUL, and no database half a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


def latest(wsid: int, most: int, after: int | None = None) -> QuerySet[Violation]:
    """The latest warnings of a web service, the last one first; with `after` only those with a higher id."""
    found = Violation.objects.filter(webservice_id=wsid).order_by("-id")
    return (found if after is None else found.filter(pk__gt=after))[:most]


def erase_username(
    wsid: int, username: str, ask: erasures.Ask, by: audit.Actor | None = None
) -> erasures.Gone:
    """Erase a user name from all that is stored of a web service, and then from its warnings.

    After the store, so that no session is left that could be warned of under this name. Raises what
    `erasures.erase_username` raises.
    """
    gone = erasures.erase_username(wsid, username, ask, by)
    user = _text(user_of(username), USERNAME_LENGTH)
    if user:
        Violation.objects.filter(webservice_id=wsid, username=user).update(username="", name=GUEST)
    return gone


def clear_old() -> None:
    """Delete the warnings whose time is over. Blocks on the accounts database; raises django.db.Error."""
    close_old_connections()
    now = timezone.now()
    Violation.objects.filter(place__startswith=VISITOR_MARK, noticed__lt=now - ALIVE).update(place="")
    days = dict(
        WebService.objects.filter(violations__isnull=False).distinct().values_list("wsid", "retention_days")
    )
    for wsid, kept in days.items():
        # As long as a session may go on its warning stays, else it would be given again.
        over = now - max(ALIVE, dt.timedelta(days=min(kept, KEPT_DAYS)))
        Violation.objects.filter(webservice_id=wsid, noticed__lt=over).delete()
    tests = Delivery.objects.filter(violation__isnull=True, created__lt=now - dt.timedelta(days=KEPT_DAYS))
    tests.delete()


def moment(unix_ms: float) -> dt.datetime:
    """A moment to the millisecond."""
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=int(unix_ms))
