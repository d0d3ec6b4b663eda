# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of web services: issued, rotated, revoked, opened; at most two are active at once."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import audit, sealing
from .errors import NotFound, Refused
from .models import KEYS_ACTIVE, Key, WebService

KEY_BYTES = 32


def secret_of(key: Key) -> bytes:
    """The 32 bytes of an active key. Raises sealing.Unopenable if they were sealed under another server secret."""
    return sealing.open_(bytes(key.sealed), _place(key), settings.SECRET_KEY)


def active(wsid: int) -> list[Key]:
    """The active keys of a web service, newest first."""
    return list(Key.objects.filter(webservice_id=wsid, revoked__isnull=True).order_by("-created", "-id"))


def all_active(wsids: Iterable[int] | None = None) -> dict[int, list[Key]]:
    """The active keys of these web services (default: of all), newest first, by the web service's id."""
    rows = Key.objects.filter(revoked__isnull=True).order_by("-created", "-id")
    found: dict[int, list[Key]] = defaultdict(list)
    for key in rows if wsids is None else rows.filter(webservice_id__in=list(wsids)):
        found[key.webservice_id].append(key)
    return found


def issue(wsid: int, by: audit.Actor | None = None) -> Key:
    """Give a web service a new random key beside the one it has; `by` is for the audit log.

    Raises NotFound, and Refused if two are active already.
    """
    with transaction.atomic():
        webservice = WebService.objects.select_for_update().filter(pk=wsid).first()
        if webservice is None:
            raise NotFound(f"there is no web service {wsid}")
        if len(active(wsid)) >= KEYS_ACTIVE:
            raise Refused(f"web service {wsid} has {KEYS_ACTIVE} active keys; revoke one of them first")
        key = Key.objects.create(webservice_id=wsid, sealed=b"", created=timezone.now())
        key.sealed = sealing.seal(secrets.token_bytes(KEY_BYTES), _place(key), settings.SECRET_KEY)
        key.save(update_fields=["sealed"])
        audit.record(by, audit.Act.KEY_ISSUED, webservice, key=key.pk)
    return key


def revoke(wsid: int, key_id: int | None = None, by: audit.Actor | None = None, *, last: bool = True) -> Key:
    """End a key for good and blank what is kept of it; without `key_id` the older one of two.

    `last` says whether it may be the only one that is active. Raises NotFound, and Refused where it may not, where
    `key_id` is needed, or where the key is revoked already.
    """
    with transaction.atomic():
        webservice = WebService.objects.select_for_update().filter(pk=wsid).first()
        if webservice is None:
            raise NotFound(f"there is no web service {wsid}")
        if key_id is None:
            present = active(wsid)
            if len(present) < KEYS_ACTIVE:
                raise Refused(
                    f"web service {wsid} has {len(present)} active key{'' if len(present) == 1 else 's'}, so say "
                    "which to revoke; without an active key nothing can be reported for it"
                )
            key = present[-1]
        else:
            found = Key.objects.filter(webservice_id=wsid, pk=key_id).first()
            if found is None:
                raise NotFound(f"web service {wsid} has no key {key_id}")
            key = found
        if key.revoked is not None:
            raise Refused(f"key {key.pk} is revoked already")
        if not last and len(active(wsid)) == 1:
            raise Refused(f"key {key.pk} is the last one now; nothing can be reported without it")
        key.revoked = timezone.now()
        key.sealed = b""
        key.save(update_fields=["revoked", "sealed"])
        audit.record(by, audit.Act.KEY_REVOKED, webservice, key=key.pk)
    return key


def dsn(wsid: int, secret: bytes, base_url: str | None = None) -> str:
    """The whole configuration of a client that reports to this server, at its public address unless said."""
    scheme, _, host = (base_url or settings.TMON.base_url).partition("://")
    return f"tmon+{scheme}://{secret.hex()}@{host}/{wsid}"


def _place(key: Key) -> str:
    return f"key {key.pk} of web service {key.webservice_id}"
