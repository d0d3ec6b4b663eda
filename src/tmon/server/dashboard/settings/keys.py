# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a web service: shown to people who look after it, rotated, revoked."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.query import StoreError
from tmon.server.tenants import TenantsError, audit, keys
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import KEYS_ACTIVE, Key
from tmon.server.tenants.peers import base_url_of
from tmon.server.tenants.rights import Role

from ..pages import dsns_of
from ..services import wired
from .forms import Typed
from .frame import Moment, done, moment, refused, webservice_settings

SOURCES_SHOWN = 5
ENDED_SHOWN = 10


@dataclass(slots=True)
class ShownKey:
    """An active key, and who uses it."""

    id: int
    created: Moment
    newest: bool
    dsn: str | None
    sources: list[str] = field(default_factory=list)
    more_sources: int = 0
    last_seen: Moment | None = None


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The active keys with their DSNs; a POST makes a key or ends one."""
    wsid = request.webservice.wsid
    active = keys.active(wsid)
    last = len(active) == 1
    confirming = None
    do = request.POST.get("do")
    if request.method == "POST" and do in ("new", "revoke"):
        by = audit.on_page(request.user)
        number = _number(request.POST.get("key", ""))
        if do == "revoke" and last and number == active[0].pk:
            confirming = Typed(request.POST, wanted=request.webservice.name)
        if confirming is None or confirming.is_valid():
            try:
                if do == "revoke":
                    ended = keys.revoke(wsid, number, by, last=confirming is not None)
                    return done(request, f"Key {ended.pk} is revoked.", "settings-keys", wsid)
                made = keys.issue(wsid, by)
                said = f"Key {made.pk} is made. Give its DSN to every sender, then revoke the older key."
                return done(request, said, "settings-keys", wsid)
            except TenantsError as error:
                return refused(request, str(error), "settings-keys", wsid)
    shown, known = _shown(request, active)
    calendar = request.webservice.calendar()
    ended_keys = Key.objects.filter(webservice_id=wsid, revoked__isnull=False).order_by("-revoked")
    return webservice_settings(
        request,
        "settings-keys",
        keys=shown,
        usage_known=known,
        full=len(active) >= KEYS_ACTIVE,
        last=last,
        form=confirming or Typed(wanted=request.webservice.name),
        confirming=confirming is not None,
        ended=[
            (key.pk, moment(key.revoked, calendar))
            for key in ended_keys[:ENDED_SHOWN]
            if key.revoked is not None
        ],
    )


def _shown(request: AskedRequest, active: list[Key]) -> tuple[list[ShownKey], bool]:
    """The keys as they are shown, and whether it is known who uses them. A token sees no secret."""
    calendar = request.webservice.calendar()
    base_url = base_url_of(request)
    shown = {
        key.pk: ShownKey(
            key.pk,
            moment(key.created, calendar),
            key is active[0],
            None if request.by_token else next(iter(dsns_of([key], base_url)), None),
        )
        for key in active
    }
    services = wired()
    subject = services.subject(request.webservice.wsid)
    if subject is None:
        return list(shown.values()), False
    try:
        runs = services.questions.sources(subject, {}).results
    except StoreError:
        return list(shown.values()), False
    for run in runs:  # last seen first
        key = shown.get(run.key)
        if key is None:
            continue
        key.last_seen = key.last_seen or moment(run.last_seen, calendar)
        name = run.source or "without a name"
        if run.closed or name in key.sources:
            continue
        if len(key.sources) < SOURCES_SHOWN:
            key.sources.append(name)
        else:
            key.more_sources += 1
    return list(shown.values()), True


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
