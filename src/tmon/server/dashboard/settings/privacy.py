# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of the people who were seen, and for how long."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.modules import ruling
from tmon.server.tenants import Refused, accounts, audit
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.models import IpPolicy
from tmon.server.tenants.rights import Role

from .forms import Privacy
from .frame import done, sentence, webservice_settings


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """IP policy and retention; the bounds that only an administrator changes are told."""
    webservice = request.webservice
    form = Privacy(request.POST or None, webservice=webservice)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            accounts.change_webservice(
                webservice.wsid,
                audit.on_page(request.user),
                ip_policy=given["ip_policy"],
                retention_days=given["retention_days"],
            )
        except Refused as error:
            form.add_error(None, sentence(str(error)))
        else:
            said = "Saved."
            if given["retention_days"] < webservice.retention_days:
                said = f"Saved. Events older than {given['retention_days']} days are being deleted."
            if given["ip_policy"] == IpPolicy.NONE and ruling.needs_addresses(webservice.wsid):
                said += " Sessions are told by address, so none are made any more: choose another rule under Sessions."
            return done(request, said, "settings-privacy", webservice.wsid)
    return webservice_settings(
        request,
        "settings-privacy",
        form=form,
        megabytes=webservice.log_megabytes or settings.TMON.log_megabytes,
    )
