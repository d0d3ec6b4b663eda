# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: set, changed and removed by managers, read by everybody who reads the web service."""

from __future__ import annotations

import unicodedata

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from tmon.server.modules.cataloguing import catalogue_of
from tmon.server.tenants import NotFound, Refused, audit
from tmon.server.tenants.models import WebService

from .matching import Limits
from .models import OBJECT_LENGTH, Limit
from .rule import LEAST_MINUTES, MOST_MINUTES

MOST = 1_000
"""Of a web service."""


def of_webservice(wsid: int) -> list[Limit]:
    """Its limits, by the names of their objects."""
    return list(Limit.objects.filter(webservice_id=wsid).select_related("by").order_by("object"))


def holding(wsid: int) -> Limits:
    """Its limits, to ask which of them holds for an object. Raises django.db.Error."""
    minutes_of = dict(Limit.objects.filter(webservice_id=wsid).order_by().values_list("object", "minutes"))
    return Limits(minutes_of, catalogue_of(wsid).find) if minutes_of else Limits({}, lambda _: None)


def put(webservice: WebService, by: User, object_: str, minutes: int) -> Limit:
    """Set the limit of an object, or change it. Raises Refused.

    Setting it as it is changes nothing, not even since when it holds.
    """
    checked(object_)
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise Refused(f"a limit is {LEAST_MINUTES} to {MOST_MINUTES} whole minutes, not {minutes}")
    with transaction.atomic():
        # One at a time: what is counted below stays so, and of two that set the same one is first.
        WebService.objects.select_for_update().get(pk=webservice.pk)
        found = Limit.objects.filter(webservice=webservice, object=object_).select_related("by").first()
        if found is None:
            if Limit.objects.filter(webservice=webservice).count() >= MOST:
                raise Refused(f"there are {MOST:,} limits already; remove some first")
            made = Limit.objects.create(
                webservice=webservice, object=object_, minutes=minutes, by=by, since=timezone.now()
            )
            audit.record(audit.on_page(by), audit.Act.LIMIT_SET, webservice, object=object_, minutes=minutes)
            return made
        if found.minutes != minutes:
            before, found.minutes = found.minutes, minutes
            found.by, found.since = by, timezone.now()
            found.save(update_fields=["minutes", "by", "since"])
            audit.record(
                audit.on_page(by),
                audit.Act.LIMIT_CHANGED,
                webservice,
                object=object_,
                minutes=minutes,
                before=before,
            )
    return found


def remove(webservice: WebService, by: User, object_: str) -> Limit:
    """Remove the limit of an object, and return what it was; the audit log keeps it. Raises NotFound, Refused."""
    checked(object_)
    with transaction.atomic():
        found = (
            Limit.objects.select_for_update(of=("self",))
            .select_related("by")
            .filter(webservice=webservice, object=object_)
            .first()
        )
        if found is None:
            raise NotFound("there is no limit for this object")
        audit.record(
            audit.on_page(by), audit.Act.LIMIT_REMOVED, webservice, object=object_, minutes=found.minutes
        )
        Limit.objects.filter(pk=found.pk).delete()
    return found


def checked(object_: str) -> None:
    """Raises Refused for a text that can't be an object's name here."""
    if len(object_) > OBJECT_LENGTH:
        raise Refused(f"an object's name has at most {OBJECT_LENGTH} characters, not {len(object_)}")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in object_):
        raise Refused("an object's name has no control characters")
