# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings warnings to their destinations: to each one at a time, beside the others, and to dead ones ever more rarely.

A delivery is claimed before it is tried, for longer than a try may take, so whoever is killed meanwhile leaves it to be
tried again. So a receiver may see one twice, and knows it by its id.
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F, Q
from prometheus_client import CollectorRegistry, Counter

from tmon.server.tenants import mail, sealing

from . import messages, signing, webhook
from .destinations import in_short, secret_of
from .models import ERROR_LENGTH, Delivery, Destination, Kind, State
from .rounds import INTERVAL_S, Figures, Rounds
from .warned import moment

log = structlog.get_logger(__name__)

DAY: Final = dt.timedelta(days=1)
"""How long a delivery is tried."""
FIRST_PAUSE_S: Final = 10
LONGEST_PAUSE_S: Final = 2 * 3600
CLAIMED: Final = dt.timedelta(seconds=60)
MAIL_APART: Final = dt.timedelta(seconds=10)
"""Between two mails to one address; what comes meanwhile goes together."""
AT_ONCE: Final = 32
OF_ONE_SERVICE: Final = 4
"""Tries that are under way at a time, in all and of one web service."""
ENDING_S: Final = 3.0
"""How long tries that are under way are waited for at the end."""

Post = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Try:
    """Deliveries to a destination that are tried together, and what does it: it returns why it failed, "" if not."""

    destination: int
    wsid: int
    deliveries: tuple[int, ...]
    send: Callable[[], str]


def pause_s(failures: int) -> int:
    """How long to wait after so many failures in a row."""
    return min(FIRST_PAUSE_S << min(max(failures, 1) - 1, 20), LONGEST_PAUSE_S)


class Deliverer(Rounds):
    """The thread that sends what is due. With `private` also to webhooks whose addresses are not public."""

    def __init__(
        self,
        figures: Figures,
        *,
        private: bool,
        base_url: str,
        clock: Callable[[], float] = time.time,
        post: Post = webhook.post,
        interval_s: float = INTERVAL_S,
        registry: CollectorRegistry | None = None,
    ) -> None:
        super().__init__("deliver", figures, interval_s)
        self._private = private
        self._base_url = base_url
        self._clock = clock
        self._post = post
        self._flying: dict[int, Try] = {}
        """Tries that are under way, by their destinations."""
        self._results: queue.SimpleQueue[tuple[Try, str]] = queue.SimpleQueue()
        self._outcomes = Counter(
            "tmon_limits_deliveries",
            "Tries to deliver a warning or a test, by how they ended.",
            ["kind", "outcome"],
            registry=registry or CollectorRegistry(),
        )

    def round(self) -> None:
        """Note how tries ended, and begin those that are due. Raises django.db.Error."""
        self._note()
        now = moment(self._clock() * 1000)
        for destination in self._due(now):
            if sum(one.wsid == destination.webservice_id for one in self._flying.values()) >= OF_ONE_SERVICE:
                continue
            found = self._claimed(destination, now)
            if found is None:
                continue
            self._flying[destination.pk] = found
            try:
                threading.Thread(target=self._try, args=(found,), name="delivering", daemon=True).start()
            except RuntimeError:  # the system gives no more threads
                self._results.put((found, "this server has too much to do"))

    def ended(self) -> None:
        """Wait a little for what is under way; what is not done then is tried again after the next start."""
        until = time.monotonic() + ENDING_S
        while self._flying and (left := until - time.monotonic()) > 0:
            try:
                self._results.put(self._results.get(timeout=left))
            except queue.Empty:
                break
            self._note()
        for one in self._flying.values():
            Delivery.objects.filter(pk__in=one.deliveries, state=State.PENDING).update(
                due=moment(self._clock() * 1000)
            )

    def _try(self, one: Try) -> None:
        try:
            error = one.send()
        except Exception:
            log.exception("a warning could not be sent")
            error = "something went wrong on this server; it has been logged"
        self._results.put((one, error))
        self.wake()

    # -- what is due --------------------------------------------------------------------------------------------------

    def _due(self, now: dt.datetime) -> list[Destination]:
        """Destinations that have something due and are not being tried, those first that have waited longest."""
        waiting = Delivery.objects.filter(state=State.PENDING, due__lte=now)
        tests = waiting.filter(violation__isnull=True).values("destination")
        awake = Q(rests_until__isnull=True) | Q(rests_until__lte=now) | Q(pk__in=tests)
        of_service = Tally(one.wsid for one in self._flying.values())
        full = [wsid for wsid, count in of_service.items() if count >= OF_ONE_SERVICE]
        return list(
            Destination.objects.filter(awake, pk__in=waiting.values("destination"), disabled__isnull=True)
            .exclude(pk__in=list(self._flying))
            .exclude(webservice_id__in=full)
            .select_related("webservice", "by")
            .order_by(F("tried").asc(nulls_first=True), "pk")[: AT_ONCE - len(self._flying)]
        )

    def _claimed(self, destination: Destination, now: dt.datetime) -> Try | None:
        """What is to be tried for it, which nobody else tries meanwhile; None where somebody was faster."""
        resting = destination.rests_until is not None and destination.rests_until > now
        with transaction.atomic():
            waiting = destination.deliveries.filter(state=State.PENDING, due__lte=now)
            # A test goes alone and first, also to a destination that rests.
            found = list(waiting.filter(violation__isnull=True).order_by("id")[:1])
            if not found and not resting:
                most = messages.LISTED if destination.kind == Kind.EMAIL else 1
                found = list(waiting.select_related("violation").order_by("due", "id")[:most])
            numbers = tuple(one.pk for one in found)
            taken = Delivery.objects.filter(pk__in=numbers, state=State.PENDING, due__lte=now).update(
                due=now + CLAIMED, attempts=F("attempts") + 1
            )
            if not found or taken != len(found):
                return None
            Destination.objects.filter(pk=destination.pk).update(tried=now)
        send = self._mail(destination, found) if destination.kind == Kind.EMAIL else None
        return Try(
            destination.pk,
            destination.webservice_id,
            numbers,
            send or self._webhook(destination, found[0], now),
        )

    def _webhook(self, destination: Destination, delivery: Delivery, now: dt.datetime) -> Callable[[], str]:
        try:
            secret = secret_of(destination)
        except sealing.Unopenable:
            return lambda: "its secret does not open under this server's own; remove it and add it anew"
        body = messages.body(destination.webservice, delivery.violation, self._base_url, now)
        headers = signing.headers(secret, str(delivery.key), int(now.timestamp()), body)

        def send() -> str:
            try:
                self._post(destination.address, body, headers, private=self._private)
            except webhook.NotTaken as error:
                return str(error)
            return ""

        return send

    def _mail(self, destination: Destination, deliveries: list[Delivery]) -> Callable[[], str]:
        warnings = [one.violation for one in deliveries if one.violation is not None]
        webservice = destination.webservice
        context = {
            "webservice": messages.readable(webservice.name),
            "lines": messages.lines(webservice, warnings),
            "zone": webservice.timezone,
            "by": destination.by.get_username() if destination.by is not None else None,
            "url": f"{self._base_url}/view/settings/{webservice.wsid}/alerts",
        }
        subject = messages.SUBJECT if warnings else messages.SUBJECT_OF_TEST

        def send() -> str:
            if not mail.is_set_up():
                return "no mail server is set up here"
            try:
                mail.send(destination.address, subject, "warnings", **context)
            except mail.NotSent as error:
                return str(error)
            return ""

        return send

    # -- what became of it --------------------------------------------------------------------------------------------

    def _note(self) -> None:
        """Write down how tries ended."""
        while True:
            try:
                one, error = self._results.get_nowait()
            except queue.Empty:
                return
            try:
                self._end(one, error[:ERROR_LENGTH])
            except BaseException:
                self._results.put((one, error))
                raise
            del self._flying[one.destination]

    def _end(self, one: Try, error: str) -> None:
        now = moment(self._clock() * 1000)
        with transaction.atomic():
            destination = Destination.objects.select_for_update().filter(pk=one.destination).first()
            if destination is None:
                return  # it was removed meanwhile, and its deliveries with it
            tried = Delivery.objects.filter(pk__in=one.deliveries, state=State.PENDING)
            if not error:
                if tried.filter(violation__isnull=True).exists():  # a test that arrives ends the waiting
                    destination.deliveries.filter(state=State.PENDING, due__gt=now).update(due=now)
                tried.update(state=State.DELIVERED, ended=now, error="")
                rests: dt.datetime | None = now + MAIL_APART if destination.kind == Kind.EMAIL else None
                destination.failures = 0
            else:
                destination.failures += 1
                rests = now + dt.timedelta(seconds=pause_s(destination.failures))
                self._postpone(destination, tried, now, rests, error)
            destination.rests_until = rests
            destination.save(update_fields=["failures", "rests_until"])
        self._outcomes.labels(destination.kind, "failed" if error else "delivered").inc()
        if error and destination.failures == 1:
            log.warning("a warning could not be sent", to=_in_short(destination), why=error)

    def _postpone(
        self, destination: Destination, tried: Any, now: dt.datetime, rests: dt.datetime, error: str
    ) -> None:
        """Have what failed tried again, or given up: a test at once, all else that would then be a day old."""
        tests = tried.filter(violation__isnull=True)
        tests.update(state=State.FAILED, ended=now, error=error)
        for delivery in tried.filter(violation__isnull=False):
            pause = dt.timedelta(seconds=pause_s(delivery.attempts))
            delivery.due, delivery.error = now + pause, error
            if max(delivery.due, rests) >= delivery.created + DAY:
                delivery.state, delivery.ended = State.FAILED, now
                self._outcomes.labels(destination.kind, "given up").inc()
            delivery.save(update_fields=["due", "error", "state", "ended"])
        # Those that waited behind it are as old, and would each be tried in vain.
        behind = destination.deliveries.filter(state=State.PENDING, violation__isnull=False)
        count = behind.filter(created__lte=now - DAY).update(state=State.FAILED, ended=now, error=error)
        self._outcomes.labels(destination.kind, "given up").inc(count)


def _in_short(destination: Destination) -> str:
    """What the log says of it."""
    if destination.kind == Kind.EMAIL:
        return f"…@{destination.address.rpartition('@')[2]}"
    return in_short(destination)
