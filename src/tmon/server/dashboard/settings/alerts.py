# SPDX-License-Identifier: GPL-3.0-or-later
"""Where warnings of time limits go: destinations added, tried out, switched off, removed, and what they got lately."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from tmon.server.calendar import Calendar
from tmon.server.limits import destinations, limiting
from tmon.server.limits.models import Delivery, Destination, Kind, State
from tmon.server.tenants import TenantsError, audit, mail
from tmon.server.tenants.access import AskedRequest, webservice_page
from tmon.server.tenants.rights import Role

from .forms import NewMail, NewWebhook
from .frame import done, moment, page_number, paged, refused, sentence, webservice_settings

ROUTE: Final = "settings-alerts"
SHOWN: Final = 20
WAITING_S: Final = 2.5
"""How long a test's end is waited for; a page holds a thread meanwhile."""
LOOK_S: Final = 0.1


@webservice_page(Role.MANAGER)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: AskedRequest) -> HttpResponseBase:
    """The destinations; a secret is in the answer to the form that asks for it, and nowhere else."""
    do = request.POST.get("do", "")
    if do in ACTS:
        return _act(request, ACTS[do])
    forms = {Kind.WEBHOOK: NewWebhook(auto_id="webhook_%s"), Kind.EMAIL: NewMail(auto_id="email_%s")}
    revealed: tuple[int, str] | None = None
    if request.method == "POST" and do == "secret":
        try:
            found, text = destinations.show_secret(
                request.webservice.wsid, _number(request), audit.on_page(request.user)
            )
        except TenantsError as error:
            return refused(request, str(error), ROUTE, request.webservice.wsid)
        revealed = found.pk, text
    elif request.method == "POST" and do in forms:
        form = type(forms[Kind(do)])(request.POST, auto_id=f"{do}_%s")
        forms[Kind(do)] = form
        if form.is_valid():
            try:
                destinations.add(
                    request.webservice, audit.on_page(request.user), do, form.cleaned_data["address"]
                )
            except TenantsError as error:
                form.add_error("address", sentence(str(error)))
            else:
                said = "Added. Send a test, to see whether it arrives."
                return done(request, said, ROUTE, request.webservice.wsid)
    return _shown(request, forms[Kind.WEBHOOK], forms[Kind.EMAIL], revealed)


def _shown(
    request: AskedRequest, webhook: Any, email: Any, revealed: tuple[int, str] | None
) -> HttpResponseBase:
    webservice, calendar = request.webservice, request.webservice.calendar()
    every = (
        Delivery.objects.filter(destination__webservice=webservice)
        .select_related("destination", "violation")
        .order_by("-id")
    )
    part = paged(every, page_number(request), SHOWN)
    limits = limiting.of_webservice(webservice.wsid)
    return webservice_settings(
        request,
        ROUTE,
        destinations=[
            _destination(one, calendar, revealed) for one in destinations.of_webservice(webservice.wsid)
        ],
        webhook=webhook,
        email=email,
        mail=mail.is_set_up(),
        limits=len(limits),
        part=part,
        deliveries=[_delivery(one, calendar) for one in part.items],
        full=Destination.objects.filter(webservice=webservice).count() >= destinations.MOST,
    )


def _destination(one: Destination, calendar: Calendar, revealed: tuple[int, str] | None) -> dict[str, Any]:
    """A destination as its row shows it."""
    waiting = one.deliveries.filter(state=State.PENDING).count()
    rests = one.failures and waiting and one.rests_until is not None and one.rests_until > timezone.now()
    last = one.deliveries.exclude(state=State.PENDING).order_by("-ended", "-id").first()
    return {
        "id": one.pk,
        "webhook": one.kind == Kind.WEBHOOK,
        "address": one.address,
        "created": moment(one.created, calendar),
        "by": one.by.get_username() if one.by is not None else None,
        "disabled": one.disabled and moment(one.disabled, calendar),
        "failing": one.failures > 0,
        "rests_until": moment(one.rests_until, calendar) if rests and one.rests_until else None,
        "works": not one.failures and last is not None and last.state == State.DELIVERED,
        "waiting": waiting,
        "secret": revealed[1] if revealed is not None and revealed[0] == one.pk else None,
    }


def _delivery(one: Delivery, calendar: Calendar) -> dict[str, Any]:
    """A delivery as its row shows it."""
    again = None
    if one.state == State.PENDING and one.destination.failures:
        again = max(one.due, one.destination.rests_until or one.due)
    return {
        "created": moment(one.created, calendar),
        "warning": one.violation,
        "address": one.destination.address,
        "state": one.state,
        "attempts": one.attempts,
        "error": sentence(one.error) if one.error else "",
        "again": again and moment(again, calendar),
        "ended": one.ended and moment(one.ended, calendar),
    }


# -- acts that are a button only --------------------------------------------------------------------------------------


def _act(request: AskedRequest, act: Callable[[int, int, audit.Actor], str]) -> HttpResponseBase:
    wsid = request.webservice.wsid
    try:
        said = act(wsid, _number(request), audit.on_page(request.user))
    except TenantsError as error:
        return refused(request, str(error), ROUTE, wsid)
    if said.startswith(FAILED):
        return refused(request, said, ROUTE, wsid)
    return done(request, said, ROUTE, wsid)


FAILED: Final = "The test did not arrive"


def _test(wsid: int, number: int, by: audit.Actor) -> str:
    """Have a test sent, and wait a moment for what becomes of it."""
    sent = destinations.test(wsid, number, by)
    until = time.monotonic() + WAITING_S
    while time.monotonic() < until:
        now = Delivery.objects.filter(pk=sent.pk).first()
        if now is None:
            break
        if now.state == State.DELIVERED:
            return "The test has arrived."
        if now.state == State.FAILED:
            return f"{FAILED}: {now.error}."
        time.sleep(LOOK_S)
    return "The test is on its way. What becomes of it is below; load this page again to see it."


def _switch_off(wsid: int, number: int, by: audit.Actor) -> str:
    destinations.switch(wsid, number, by, on=False)
    return "Switched off. Nothing is sent there until it is switched on again."


def _switch_on(wsid: int, number: int, by: audit.Actor) -> str:
    destinations.switch(wsid, number, by, on=True)
    return "Switched on. Warnings go there from now on."


def _remove(wsid: int, number: int, by: audit.Actor) -> str:
    destinations.remove(wsid, number, by)
    return "Removed. Nothing is sent there any more."


ACTS: Final = {"test": _test, "off": _switch_off, "on": _switch_on, "remove": _remove}


def _number(request: AskedRequest) -> int:
    text = request.POST.get("destination", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
