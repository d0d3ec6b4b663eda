# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to a web service (the audit log), and what was reported for it in vain (the quarantine)."""

from __future__ import annotations

import re

from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from tmon.server.query import StoreError
from tmon.server.tenants import audit
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from ..services import wired
from .frame import moment, page_number, paged, webservice_settings

ENTRIES = 50
PAYLOADS = 20
MOST_PAYLOADS = 1_000
"""The store keeps no more of a web service."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of the text after them (Unicode Standard Annex 9, section 2)."""


def legible(payload: str) -> str:
    """A payload in which nothing turns the text around; JSON's own escapes stand for what would."""
    return _DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", payload)


@webservice_page(Role.MANAGER)
@require_safe
def audit_log(request: AskedRequest) -> HttpResponseBase:
    """Who did what, latest first."""
    calendar = request.webservice.calendar()
    part = paged(audit.of_webservice(request.webservice.wsid), page_number(request), ENTRIES)
    entries = [
        {
            "at": moment(entry.at, calendar),
            "actor": entry.actor,
            "how": audit.how_in_words(entry),
            "done": audit.in_words(entry),
            "details": list(audit.details_in_words(entry.details)),
        }
        for entry in part.items
    ]
    return webservice_settings(request, "settings-audit", entries=entries, part=part)


@webservice_page(Role.MANAGER)
@require_safe
def quarantine(request: AskedRequest) -> HttpResponseBase:
    """The payloads that were rejected in the last seven days, latest first."""
    services = wired()
    subject = services.subject(request.webservice.wsid)
    number = page_number(request)
    rows = []
    trouble = subject is None
    if subject is not None:
        wanted = min(number * PAYLOADS + 1, MOST_PAYLOADS)
        try:
            rows = services.questions.quarantine(subject, {"limit": [str(wanted)]}).results
        except StoreError:
            trouble = True
    part = paged(rows, number, PAYLOADS)
    calendar = request.webservice.calendar()
    payloads = [
        {**row, "payload": legible(row["payload"]), "at": moment(row["received"], calendar)}
        for row in part.items
    ]
    return webservice_settings(request, "settings-quarantine", payloads=payloads, part=part, trouble=trouble)
