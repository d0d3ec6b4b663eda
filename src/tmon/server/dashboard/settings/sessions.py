# SPDX-License-Identifier: GPL-3.0-or-later
"""By which rule sessions are made of requests: set, changed, removed."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.modules import ruling
from tmon.server.modules.models import SessionRule, Whose
from tmon.server.sessions import Rule
from tmon.server.tenants import Refused, TenantsError, audit
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import IpPolicy
from tmon.server.tenants.rights import Role

from .forms import SessionRuleForm
from .frame import done, moment, refused, sentence, webservice_settings

ROUTE: Final = "settings-sessions"
READY_MADE: Final = {"visits": Rule(idle_ms=1_800_000), "courses": ruling.COURSE_MODULES}
"""What the form can begin with, by the name in the address."""


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The rule, or a ready-made one to begin with."""
    webservice = request.webservice
    if request.POST.get("do") == "remove":
        try:
            ruling.remove(webservice, audit.on_page(request.user))
        except TenantsError as error:
            return refused(request, str(error), ROUTE, webservice.wsid)
        said = "No more sessions are made of requests. Those that there are stay."
        return done(request, said, ROUTE, webservice.wsid)
    kept = ruling.of_webservice(webservice.wsid)
    begun = READY_MADE.get(request.GET.get("begin", ""))
    shown = begun or (kept.rule() if kept is not None else READY_MADE["visits"])
    form = SessionRuleForm(request.POST or None, rule=shown)
    if request.method == "POST" and form.is_valid():
        try:
            ruling.put(webservice, audit.on_page(request.user), form.rule())
        except Refused as error:
            form.add_error(None, sentence(str(error)))
        else:
            said = "Saved. It holds within seconds, also for the days of which every event is still kept."
            return done(request, said, ROUTE, webservice.wsid)
    return webservice_settings(
        request,
        ROUTE,
        form=form,
        kept=_shown(request, kept) if kept is not None else None,
        begun=begun is not None,
        told_by_nothing=kept is not None and kept.by == Whose.IP and webservice.ip_policy == IpPolicy.NONE,
        keeps_addresses=webservice.ip_policy != IpPolicy.NONE,
    )


def _shown(request: AskedRequest, kept: SessionRule) -> dict[str, object]:
    return {"by": kept.set_by, "since": moment(kept.since, request.webservice.calendar())}
