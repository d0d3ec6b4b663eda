# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of a web service: changed by hand, by files and by scans, and read by whoever shows sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import Count, Max

from tmon.server.tenants import NotFound, Refused, audit
from tmon.server.tenants.models import WebService

from .entries import MOST_ENTRIES, Entry
from .matching import Catalogue
from .models import Module, Origin
from .patterns import shown

REMEMBERED_S: Final = 2.0
"""How long a catalogue is used before it is looked whether it has changed: live pages ask each second."""
MOST_REMEMBERED: Final = 200
AT_ONCE: Final = 500
"""Rows named in one statement."""

State = tuple[int, int]
"""How many entries there are, and the highest number of one. Numbers are never used again, and an entry that changes
gets a new one: so with the same state the entries are the same."""

_remembered: dict[int, tuple[float, State, Catalogue]] = {}
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
        return known[2]
    state = _state_of(wsid)  # before the entries are read: what comes between is found the next time
    found = known[2] if known is not None and known[1] == state else Catalogue(entries_of(wsid))
    with _lock:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[wsid] = (now, state, found)
    return found


def _state_of(wsid: int) -> State:
    found = Module.objects.filter(webservice_id=wsid).aggregate(many=Count("id"), last=Max("id"))
    return found["many"], found["last"] or 0


def entries_of(wsid: int) -> list[Entry]:
    """Its entries, by slug."""
    return [row.entry() for row in Module.objects.filter(webservice_id=wsid).order_by("slug")]


def put(
    webservice: WebService,
    by: audit.Actor,
    entries: Iterable[Entry],
    origin: Origin,
    *,
    new: bool = False,
    former: str = "",
) -> Changed:
    """Add these entries, and change those that there are. All or nothing; raises Refused.

    What a scan finds changes nothing that was made by hand or from a file. With `new` it is refused if one of them is
    there already. `former` is the slug that a single entry has had until now; raises NotFound if there is none.
    """
    given = {entry.slug: entry for entry in entries}
    with transaction.atomic():
        WebService.objects.select_for_update().get(pk=webservice.pk)
        rows = {row.slug: row for row in Module.objects.filter(webservice=webservice)}
        moved = rows.pop(former, None) if former and former not in given else None
        if former and moved is None and former not in rows:
            raise NotFound("there is no such module any more")
        taken = next((slug for slug in given if slug in rows), None)
        if taken is not None and (new or moved is not None):
            raise Refused(f"there is a module {shown(taken)} already; change that one")
        if len(rows.keys() | given.keys()) > MOST_ENTRIES:
            raise Refused(f"a catalogue has at most {MOST_ENTRIES:,} modules")
        fresh, gone, changed, unchanged, kept = [], [] if moved is None else [moved], 0, 0, 0
        for slug, entry in given.items():
            row = rows.get(slug)
            if row is not None and origin is Origin.SCAN and row.origin != Origin.SCAN:
                kept += 1
                continue
            same = row is not None and row.entry() == entry
            unchanged += same
            if row is not None:
                if same and (row.origin != Origin.SCAN or origin is Origin.SCAN):
                    continue  # else no scan may change it any more, so its origin is another
                gone.append(row)
                changed += not same
            fresh.append(Module.of(webservice, entry, origin))
        for at in range(0, len(gone), AT_ONCE):
            Module.objects.filter(pk__in=[row.pk for row in gone[at : at + AT_ONCE]]).delete()
        Module.objects.bulk_create(fresh, batch_size=AT_ONCE)
        changed += moved is not None
        done = Changed(len(fresh) - len(gone), changed, unchanged, kept)
        if fresh:
            what = {"slug": next(iter(given))} if len(given) == 1 else {}
            if moved is not None:
                what["former"] = former
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
