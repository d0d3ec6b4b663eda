# SPDX-License-Identifier: GPL-3.0-or-later
"""What people note about a web service at one moment, for its graphs: written by managers, read by all its readers."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth.models import User
from django.db import transaction

from . import audit
from .errors import NotFound, Refused
from .models import ANNOTATION_LENGTH, Annotation, WebService

MOST = 5_000
"""Of a web service. All of a period are sent at once, so there is an end to them."""


def between(wsid: int, start: int, end: int) -> list[Annotation]:
    """Those about [start, end) of Unix seconds, oldest first."""
    return list(
        Annotation.objects.filter(
            webservice_id=wsid, at__gte=_moment(start), at__lt=_moment(end)
        ).select_related("by")
    )


def one(wsid: int, number: int) -> Annotation:
    """The web service's annotation with this number. Raises NotFound."""
    found = Annotation.objects.filter(webservice_id=wsid, pk=number).select_related("by").first()
    if found is None:
        raise NotFound(f"there is no annotation {number}")
    return found


def add(webservice: WebService, by: User, at: float, text: str) -> Annotation:
    """Note something about the Unix time `at`. Raises Refused for a text that is none, and for one too many."""
    text = _one_line(text)
    with transaction.atomic():
        if Annotation.objects.filter(webservice=webservice).count() >= MOST:
            raise Refused(f"there are {MOST:,} annotations already; delete some first")
        added = Annotation.objects.create(webservice=webservice, by=by, at=_moment(at), text=text)
        audit.record(audit.on_page(by), audit.Act.ANNOTATED, webservice, text=text)
    return added


def change(
    webservice: WebService, by: User, number: int, at: float | None = None, text: str | None = None
) -> Annotation:
    """Change its moment or its text or both; it stays that of who wrote it. Raises NotFound, Refused."""
    with transaction.atomic():
        found = one(webservice.wsid, number)
        if at is not None:
            found.at = _moment(at)
        if text is not None:
            found.text = _one_line(text)
        found.save(update_fields=["at", "text"])
        audit.record(audit.on_page(by), audit.Act.ANNOTATION_CHANGED, webservice, text=found.text)
    return found


def remove(webservice: WebService, by: User, number: int) -> Annotation:
    """Delete it, and return what it was. Raises NotFound."""
    with transaction.atomic():
        found = one(webservice.wsid, number)
        audit.record(audit.on_page(by), audit.Act.ANNOTATION_DELETED, webservice, text=found.text)
        Annotation.objects.filter(pk=found.pk).delete()
    return found


def _moment(ts: float) -> dt.datetime:
    """To the millisecond, which is what answers show."""
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=int(ts * 1000))


def _one_line(text: str) -> str:
    """The text without what would break its line. Raises Refused where nothing is left of it, or too much."""
    line = " ".join("".join(" " if ord(one) < 32 or 127 <= ord(one) < 160 else one for one in text).split())
    if not 0 < len(line) <= ANNOTATION_LENGTH:
        raise Refused(f"an annotation has 1 to {ANNOTATION_LENGTH} characters, not {len(line)}")
    return line
