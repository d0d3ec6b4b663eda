# SPDX-License-Identifier: GPL-3.0-or-later
"""The number that tells keyrings in all processes that something changed.

It moves in the transaction of the change, so whoever reads a new number also finds the change.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.db.models.signals import post_delete, post_save

from .models import Deletion, Key, Membership, Revision, Salt, WebService, ZoneChange

ROW = 1
WATCHED = (WebService, ZoneChange, Key, Membership)


def bump() -> None:
    """Move the number. Call it in the transaction of a change that no signal reports (`update`, `bulk_create`)."""
    if not Revision.objects.filter(pk=ROW).update(number=F("number") + 1):
        Revision.objects.bulk_create([Revision(pk=ROW, number=1)], ignore_conflicts=True)


def number() -> int:
    """The present number."""
    return Revision.objects.filter(pk=ROW).values_list("number", flat=True).first() or 0


def watch() -> None:
    """Connect the signals; bulk deletes, the admin's included, send them too."""
    for model in WATCHED:
        post_save.connect(_changed, sender=model, dispatch_uid=f"revision {model.__name__} saved")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"revision {model.__name__} deleted")
    post_delete.connect(_webservice_deleted, sender=WebService, dispatch_uid="web service deleted")


def _changed(**_: Any) -> None:
    bump()


def _webservice_deleted(instance: WebService, **_: Any) -> None:
    """Note that the store still has its events, and drop its salts; the id is never given again."""
    Deletion.objects.get_or_create(wsid=instance.wsid)
    Salt.objects.filter(wsid=instance.wsid).delete()
