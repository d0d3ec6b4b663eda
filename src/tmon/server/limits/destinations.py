# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a web service's warnings go: added, tried out, switched off and on, removed by its managers."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from tmon.server.tenants import NotFound, Refused, audit, mail, sealing
from tmon.server.tenants.models import WebService

from . import signing
from .addresses import NotAnAddress, is_public, parsed
from .models import ADDRESS_LENGTH, Delivery, Destination, Kind, State

MOST = 20
"""Of a web service."""
TESTS_KEPT = 20
"""Of a destination."""
TESTS_APART = dt.timedelta(minutes=1)
"""By mail: an address may be that of somebody who has not asked for it."""


def of_webservice(wsid: int) -> list[Destination]:
    """Its destinations, in the order in which they were added."""
    return list(Destination.objects.filter(webservice_id=wsid).select_related("by"))


def one(wsid: int, number: int) -> Destination:
    """The web service's destination with this number. Raises NotFound."""
    found = Destination.objects.filter(webservice_id=wsid, pk=number).select_related("by").first()
    if found is None:
        raise NotFound("there is no such destination any more")
    return found


def add(webservice: WebService, by: audit.Actor, kind: str, address: str) -> Destination:
    """Add one; a webhook gets a secret of its own. Raises Refused."""
    address = checked(kind, address)
    with transaction.atomic():
        WebService.objects.select_for_update().get(pk=webservice.pk)
        present = Destination.objects.filter(webservice=webservice)
        if present.count() >= MOST:
            raise Refused(f"there are {MOST} destinations already; remove some first")
        if present.filter(kind=kind, address=address).exists():
            raise Refused("warnings go to this address already")
        made = Destination(webservice=webservice, kind=kind, address=address, by=by.user)
        if kind == Kind.WEBHOOK:
            made.sealed = sealing.seal(signing.new_secret(), _place(made), settings.SECRET_KEY)
        made.save()
        _note(by, audit.Act.DESTINATION_ADDED, made)
    return made


def checked(kind: str, address: str) -> str:
    """The address as it is kept. Raises Refused, which says what is wrong with it."""
    address = address.strip()
    if kind not in Kind.values:
        raise Refused("a destination is a webhook or an e-mail address")
    if len(address) > ADDRESS_LENGTH:
        raise Refused(f"an address has at most {ADDRESS_LENGTH:,} characters")
    if kind == Kind.EMAIL:
        if not mail.is_set_up():
            raise Refused("no mail server is set up here; whoever runs this server sets TMON_EMAIL_URL")
        try:
            validate_email(address)
        except ValidationError:
            raise Refused("this is no e-mail address") from None
        return address
    try:
        target = parsed(address)
    except NotAnAddress as error:
        raise Refused(str(error)) from None
    literal = target.host.replace(".", "").isdigit() or ":" in target.host
    local = literal and not is_public(target.host)
    if not settings.TMON.reaches_private and (local or target.host.rstrip(".") == "localhost"):
        raise Refused("this address is not public, and this server sends to public ones only")
    return address


def secret_of(destination: Destination) -> bytes:
    """What its POSTs are signed with. Raises sealing.Unopenable."""
    return sealing.open_(bytes(destination.sealed), _place(destination), settings.SECRET_KEY)


def show_secret(wsid: int, number: int, by: audit.Actor) -> tuple[Destination, str]:
    """A webhook and its secret, as receivers take it. Raises NotFound, Refused."""
    with transaction.atomic():
        found = one(wsid, number)
        if found.kind != Kind.WEBHOOK:
            raise Refused("only webhooks have a secret")
        try:
            secret = secret_of(found)
        except sealing.Unopenable:
            raise Refused(
                "its secret does not open under this server's own; remove it and add it anew"
            ) from None
        _note(by, audit.Act.DESTINATION_SECRET_SHOWN, found)
    return found, signing.shown(secret)


def test(wsid: int, number: int, by: audit.Actor) -> Delivery:
    """Have a test sent, of which nothing is tried again. Raises NotFound, Refused."""
    with transaction.atomic():
        found = one(wsid, number)
        Destination.objects.select_for_update().get(pk=found.pk)
        if found.disabled is not None:
            raise Refused("it is switched off")
        if found.deliveries.filter(violation__isnull=True, state=State.PENDING).exists():
            raise Refused("a test is on its way already")
        now = timezone.now()
        tests = found.deliveries.filter(violation__isnull=True)
        if found.kind == Kind.EMAIL and tests.filter(created__gt=now - TESTS_APART).exists():
            raise Refused("a test was sent there a moment ago; wait a minute")
        Delivery.objects.filter(pk__in=list(tests.values_list("pk", flat=True)[TESTS_KEPT:])).delete()
        made = Delivery.objects.create(destination=found, created=now, due=now)
        _note(by, audit.Act.DESTINATION_TESTED, found)
    return made


def switch(wsid: int, number: int, by: audit.Actor, *, on: bool) -> Destination:
    """Switch it on or off; what was on its way is given up by the latter. Raises NotFound."""
    with transaction.atomic():
        found = one(wsid, number)
        if (found.disabled is None) == on:
            return found
        now = timezone.now()
        found.disabled = None if on else now
        found.failures, found.rests_until = 0, None
        found.save(update_fields=["disabled", "failures", "rests_until"])
        if not on:
            found.deliveries.filter(state=State.PENDING).update(
                state=State.FAILED, ended=now, error="it was switched off before"
            )
        act = audit.Act.DESTINATION_ENABLED if on else audit.Act.DESTINATION_DISABLED
        _note(by, act, found)
    return found


def remove(wsid: int, number: int, by: audit.Actor) -> Destination:
    """Remove it and all that is known of its deliveries, and return what it was. Raises NotFound."""
    with transaction.atomic():
        found = one(wsid, number)
        _note(by, audit.Act.DESTINATION_REMOVED, found)
        Destination.objects.filter(pk=found.pk).delete()
    return found


def in_short(destination: Destination) -> str:
    """What the audit log and messages say of it: the path of a webhook's address may open something."""
    if destination.kind == Kind.EMAIL:
        return destination.address
    parts = urlsplit(destination.address)
    return f"{parts.scheme}://{parts.netloc}"


def _note(by: audit.Actor, act: audit.Act, destination: Destination) -> None:
    details = {"destination": destination.pk, "kind": destination.kind, "address": in_short(destination)}
    audit.record(by, act, destination.webservice, **details)  # type: ignore[arg-type]


def _place(destination: Destination) -> str:
    return f"destination {destination.place}"
