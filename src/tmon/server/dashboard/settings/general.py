# SPDX-License-Identifier: GPL-3.0-or-later
"""General settings of a web service, and the page that deletes it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tmon.server.tenants import Refused, StoreAway, accounts, audit, erasures
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from ..errands import TooMany
from ..services import wired
from .forms import General, Typed
from .frame import done, moment, sentence, webservice_settings


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def general(request: AskedRequest) -> HttpResponseBase:
    """Name and time zone."""
    webservice = request.webservice
    form = General(request.POST or None, webservice=webservice)
    if request.method == "POST" and form.is_valid():
        try:
            changed = accounts.change_webservice(
                webservice.wsid, audit.on_page(request.user), **form.cleaned_data
            )
        except Refused as error:
            form.add_error("name", sentence(str(error)))
        else:
            said = "Saved."
            if changed.timezone != webservice.timezone:
                said = "Saved. The new time zone holds from the next local midnight."
            return done(request, said, "settings-general", webservice.wsid)
    calendar = webservice.calendar()
    coming = [
        (zone, moment(float(since), calendar)) for since, zone in webservice.zones() if since != float("-inf")
    ]
    return webservice_settings(
        request,
        "settings-general",
        form=form,
        created=moment(webservice.created, calendar),
        coming=coming[-3:],
    )


@webservice_page(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: AskedRequest) -> HttpResponseBase:
    """Delete the web service: at once from the accounts, then what was collected."""
    webservice = request.webservice
    form = Typed(request.POST or None, wanted=webservice.name)
    if request.method == "POST" and form.is_valid():
        wsid, name = webservice.wsid, webservice.name
        accounts.delete_webservice(wsid, audit.on_page(request.user))
        services = wired()
        gone = None
        with suppress(StoreAway, TooMany):  # the periodic work does it
            gone = services.errands.run("drop events", partial(erasures.drop_events, wsid, services.ask))
        what = (
            f"{name} is deleted. What was collected for it is being dropped."
            if gone is None
            else f"{name} is deleted, with {gone.events:,} event{'' if gone.events == 1 else 's'}."
        )
        return done(request, what, "account")
    return webservice_settings(request, "settings-delete", form=form)
