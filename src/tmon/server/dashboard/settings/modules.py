# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of modules: sought, added to, changed, taken from, and read from a file."""

from __future__ import annotations

from typing import Final

from django.db.models import Q
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.modules import cataloguing
from tmon.server.modules.entries import COLUMNS, MOST_BYTES, WrongEntry, entry_of, read
from tmon.server.modules.models import Module, Origin
from tmon.server.tenants import NotFound, Refused, TenantsError, audit
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from .frame import done, page_number, paged, refused, sentence, webservice_settings

ROUTE: Final = "settings-modules"
SHOWN: Final = 50


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The modules, a form for one of them, and one for a file."""
    match request.POST.get("do"):
        case "put":
            return _put(request)
        case "remove":
            return _remove(request)
        case "import":
            return _import(request)
    given = _given(request, _without_nul(request.GET.get("edit", "")))
    return _shown(request, given, former=given.get("slug", ""))


def _given(request: AskedRequest, slug: str) -> dict[str, str]:
    """What the form shows: the module of a slug, if there is one."""
    row = Module.objects.filter(webservice=request.webservice, slug=slug).first() if slug else None
    if row is None:
        return {}
    return {name: getattr(row, name) for name in ("slug", *Module.TEXTS)} | {
        "categories": "; ".join(row.categories)
    }


def _shown(
    request: AskedRequest, given: dict[str, str], *, former: str = "", error: str = "", trouble: str = ""
) -> HttpResponseBase:
    """The page; `former` is the slug of what is changed, `error` is about the form, `trouble` about the file."""
    sought = _without_nul(request.GET.get("seek", ""))
    rows = Module.objects.filter(webservice=request.webservice).order_by("slug")
    if sought:
        rows = rows.filter(
            Q(slug__icontains=sought) | Q(name__icontains=sought) | Q(description__icontains=sought)
        )
    return webservice_settings(
        request,
        ROUTE,
        part=paged(rows, page_number(request), SHOWN),
        total=rows.count(),
        given=given,
        former=former,
        error=error,
        trouble=trouble,
        sought=sought,
        columns=COLUMNS,
    )


def _without_nul(text: str) -> str:
    """A text that a database can be asked for."""
    return text[:200].replace("\x00", "")


def _put(request: AskedRequest) -> HttpResponseBase:
    """One module by hand: a new one, or one that there is, which may get another slug by it."""
    given = {name: request.POST.get(name, "") for name in COLUMNS}
    former = _without_nul(request.POST.get("former", ""))
    by = audit.on_page(request.user)
    try:
        entry = entry_of(given)
        changed = cataloguing.put(request.webservice, by, [entry], Origin.HAND, new=not former, former=former)
    except NotFound as error:
        return _shown(request, given, error=sentence(str(error)))
    except (WrongEntry, Refused) as error:
        return _shown(request, given, former=former, error=sentence(str(error)))
    said = "Added." if changed.added else "Saved."
    return done(request, f"{entry.name or entry.slug}: {said}", ROUTE, request.webservice.wsid)


def _remove(request: AskedRequest) -> HttpResponseBase:
    wsid, slug = request.webservice.wsid, _without_nul(request.POST.get("slug", ""))
    try:
        cataloguing.remove(request.webservice, audit.on_page(request.user), slug)
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    return done(request, f"{slug} is taken out.", ROUTE, wsid)


def _import(request: AskedRequest) -> HttpResponseBase:
    """All of a file, or nothing of it."""
    file = request.FILES.get("file")
    if file is None:
        return _shown(request, {}, trouble="Choose a file first.")
    try:
        entries = read(file.read(MOST_BYTES + 1))
        changed = cataloguing.put(request.webservice, audit.on_page(request.user), entries, Origin.IMPORT)
    except (WrongEntry, Refused) as error:
        return _shown(request, {}, trouble=f"{sentence(str(error))} Nothing was imported.")
    return done(request, f"Imported: {changed.told()}.", ROUTE, request.webservice.wsid)
