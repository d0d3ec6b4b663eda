# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of a web service: changed by hand, by files and by scans, and read by whoever shows sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final, NamedTuple

from django.db import transaction

from tmon.server.tenants import NotFound, Refused, audit
from tmon.server.tenants.models import WebService

from .entries import MOST_ENTRIES, Entry
from .matching import Catalogue
from .models import Module, Origin

REMEMBERED_S: Final = 2.0
"""How long a catalogue is used before it is looked up again: live pages ask each second."""
MOST_REMEMBERED: Final = 200

_remembered: dict[int, tuple[float, Catalogue]] = {}
_lock = threading.Lock()


class Changed(NamedTuple):
    """How many entries were added, changed, and there already as they are; `kept` are those that go before a scan."""

    added: int
    changed: int
    unchanged: int
    kept: int = 0

    def told(self) -> str:
        """In words."""
        parts = [f"{self.added:,} added", f"{self.changed:,} changed", f"{self.unchanged:,} unchanged"]
        if self.kept:
            parts.append(f"{self.kept:,} left as they are, because they were made by hand or from a file")
        return ", ".join(parts)


def catalogue_of(wsid: int) -> Catalogue:
    """The catalogue of a web service, at most REMEMBERED_S old. Raises django.db.Error."""
    now = time.monotonic()
    known = _remembered.get(wsid)
    if known is not None and now - known[0] < REMEMBERED_S:
        return known[1]
    found = Catalogue(entries_of(wsid))
    with _lock:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[wsid] = (now, found)
    return found


def entries_of(wsid: int) -> list[Entry]:
    """Its entries, by slug."""
    return [row.entry() for row in Module.objects.filter(webservice_id=wsid).order_by("slug")]


def put(webservice: WebService, by: audit.Actor, entries: Iterable[Entry], origin: Origin) -> Changed:
    """Add these entries, and change those that there are. All or nothing; raises Refused.

    What a scan finds changes nothing that was made by hand or from a file.
    """
    given = {entry.slug: entry for entry in entries}
    with transaction.atomic():
        WebService.objects.select_for_update().get(pk=webservice.pk)
        rows = {row.slug: row for row in Module.objects.filter(webservice=webservice)}
        if len(rows.keys() | given.keys()) > MOST_ENTRIES:
            raise Refused(f"a catalogue has at most {MOST_ENTRIES:,} modules")
        fresh, changed, unchanged, kept = [], [], 0, 0
        for slug, entry in given.items():
            row = rows.get(slug)
            if row is None:
                fresh.append(Module.of(webservice, entry, origin))
            elif origin is Origin.SCAN and row.origin != Origin.SCAN:
                kept += 1
            elif row.entry() == entry:
                unchanged += 1
            else:
                row.take(entry, origin)
                changed.append(row)
        Module.objects.bulk_create(fresh, batch_size=500)
        Module.objects.bulk_update(changed, [*Module.TEXTS, "categories", "origin"], batch_size=200)
        done = Changed(len(fresh), len(changed), unchanged, kept)
        if fresh or changed:
            what = {"slug": next(iter(given))} if len(given) == 1 else {}
            audit.record(
                by,
                audit.Act.MODULES_CHANGED,
                webservice,
                origin=origin.value,
                added=done.added,
                changed=done.changed,
                **what,
            )
    _remembered.pop(webservice.wsid, None)
    return done


def remove(webservice: WebService, by: audit.Actor, slug: str) -> None:
    """Take a module out of the catalogue. Raises NotFound."""
    with transaction.atomic():
        deleted, _ = Module.objects.filter(webservice=webservice, slug=slug).delete()
        if not deleted:
            raise NotFound("there is no such module")
        audit.record(by, audit.Act.MODULE_REMOVED, webservice, slug=slug)
    _remembered.pop(webservice.wsid, None)
