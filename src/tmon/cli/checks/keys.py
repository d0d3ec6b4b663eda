# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of each web service: whether there is one, how old it is, and rotations that nobody has finished."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .deployment import Deployment
from .findings import Finding, ok, warning

if TYPE_CHECKING:
    from tmon.server.tenants.models import Key

OLD_DAYS: Final = 365
ROTATION_DAYS: Final = 30
ENVELOPES: Final = 2**31
"""After so many envelopes under one key random nonces may repeat too likely (NIST SP 800-38D, section 8.3)."""
SOURCES: Final = 5
SOURCE_CHARACTERS: Final = 60


def check(deployment: Deployment) -> Iterator[Finding]:
    """Every web service's keys."""
    if deployment.accounts_fail is not None:
        yield warning("not checked, because the accounts database does not answer", "see to that first")
        return
    if not deployment.accounts:
        yield ok("none yet")
        return
    from tmon.server.tenants import keys
    from tmon.server.tenants.models import WebService

    active = keys.all_active()
    fine = True
    for wsid, name in WebService.objects.order_by("pk").values_list("wsid", "name"):
        for finding in _of_service(deployment, f"web service {wsid} ({name})", wsid, active.get(wsid, [])):
            fine = False
            yield finding
    stats = deployment.stats
    if stats is not None and stats.last_seq >= ENVELOPES:
        fine = False
        yield warning(
            f"the log has {stats.last_seq} entries and events so far, so a key may be near its {ENVELOPES} envelopes",
            "rotate the keys of the busiest web services: tmon webservice rotate-key WSID",
        )
    if fine and not active:
        yield ok("there is no web service yet")
    elif fine:
        yield ok(
            f"{sum(map(len, active.values()))} active, none older than a year, no rotation left unfinished"
        )


def _of_service(deployment: Deployment, named: str, wsid: int, active: list[Key]) -> Iterator[Finding]:
    now = dt.datetime.fromtimestamp(deployment.now, dt.UTC)
    if not active:
        yield warning(
            f"{named} has no active key, so nothing can be reported for it",
            f"tmon webservice rotate-key {wsid}",
        )
        return
    newest, oldest = active[0], active[-1]
    days = (now - newest.created).days
    if days >= OLD_DAYS:
        yield warning(f"{named}: its newest key is {days} days old", f"tmon webservice rotate-key {wsid}")
    if oldest is not newest and days >= ROTATION_DAYS:
        sources = _sources(deployment, wsid, oldest.pk)
        if sources is None:
            said, first = "", f"see who uses it: tmon webservice keys {wsid}; then: "
        elif sources:
            shown = ", ".join(sources[:SOURCES]) + (", …" if len(sources) > SOURCES else "")
            said, first = f"; used by {shown}", "give these the new DSN, then: "
        else:
            said, first = "; nobody uses it", ""
        yield warning(
            f"{named}: key {oldest.pk} is still active {days} days after its rotation{said}",
            f"{first}tmon webservice revoke-key {wsid}",
        )


def _sources(deployment: Deployment, wsid: int, key: int) -> list[str] | None:
    """Sources whose last envelope that key opened, last seen first; None where the store cannot be read."""
    if deployment.stats is None or deployment.reader is None:
        return None
    used = dict.fromkeys(
        run.source for run in deployment.reader.runs(wsid) if run.key == key and not run.closed
    )
    return [_short(source) for source in used]


def _short(source: str) -> str:
    """Its name as the sender gave it, cut."""
    return (
        source[: SOURCE_CHARACTERS - 1] + "…" if len(source) > SOURCE_CHARACTERS else source
    ) or "(unnamed)"
