# SPDX-License-Identifier: GPL-3.0-or-later
"""Erases a user name from everything that was collected for a web service, and says what stays."""

from __future__ import annotations

from functools import partial

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.limits import warned
from tmon.server.tenants import StoreAway, audit, erasures
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from ..errands import TooMany
from ..services import wired
from .forms import Erasing
from .frame import done, webservice_settings


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """Asks for the user name and for the web service's; the user name is repeated nowhere afterwards."""
    webservice = request.webservice
    form = Erasing(request.POST or None, wanted=webservice.name)
    if request.method == "POST" and form.is_valid():
        services = wired()
        errand = partial(
            warned.erase_username,
            webservice.wsid,
            form.cleaned_data["username"],
            services.ask,
            audit.on_page(request.user),
        )
        try:
            gone = services.errands.run("erase a user name", errand)
        except TooMany:
            form.add_error(None, "Several names are being erased at the moment. Try again in a minute.")
        except StoreAway as error:
            form.add_error(None, f"Nothing is known to be erased: {error}. Try again in a moment.")
        else:
            return done(request, _said(gone), "settings-erase", webservice.wsid)
    return webservice_settings(request, "settings-erase", form=form)


def _said(gone: erasures.Gone | None) -> str:
    if gone is None:
        return "Erasing goes on. The audit log says how much was erased when it is done."
    if not gone.events and not gone.quarantined:
        return "Nothing was erased: no event that is kept has this user name."
    events = f"{gone.events:,} event{'' if gone.events == 1 else 's'}"
    payloads = f"{gone.quarantined:,} rejected payload{'' if gone.quarantined == 1 else 's'}"
    return f"The name is erased from {events} and {payloads}. The events stay, without it."
