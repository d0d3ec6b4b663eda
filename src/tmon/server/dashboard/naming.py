# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of sessions are called in the catalogue of modules, and the catalogue: `/<wsid>/data/modules`."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse
from django.views.decorators.gzip import gzip_page

from tmon.server.modules import cataloguing
from tmon.server.modules.entries import as_csv
from tmon.server.query import Answer
from tmon.server.tenants.access import AskedRequest, json_error, reads_webservice


@gzip_page
@reads_webservice()
def modules(request: AskedRequest) -> HttpResponse:
    """`/<wsid>/data/modules`: all of them, by slug."""
    given = dict(request.GET.lists())
    shape = given.pop("format", ["json"])
    if given or shape not in (["json"], ["csv"]):
        return json_error(400, "This endpoint has no parameter but format, which is json or csv.")
    wsid = request.webservice.wsid
    entries = cataloguing.entries_of(wsid)
    if shape == ["csv"]:
        response = HttpResponse(as_csv(entries), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="tmon-{wsid}-modules.csv"'
    else:
        content = msgspec.json.encode({"status_code": 200, "results": entries})
        response = HttpResponse(content, content_type="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def named(answer: Answer, wsid: int, field: str = "object") -> Answer:
    """The answer, whose rows have their object in `field`, with names from the catalogue."""
    catalogue = cataloguing.catalogue_of(wsid)
    if catalogue.entries:
        for row in answer.results:
            _name(row, catalogue.find(getattr(row, field) or ""))
    return answer


def _name(row: Any, entry: Any) -> None:
    if entry is not None:
        row.name = entry.name or entry.slug
        row.language = entry.language
