# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the limits room: limits, who exceeded them, where that is told, and what became of telling it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from tmon.server.sessions import VISITOR_MARK
from tmon.server.tenants.models import WebService

from .rule import LEAST_MINUTES, MOST_MINUTES, Told

OBJECT_LENGTH = 500
"""Characters. Of an object with a longer name there can be no limit."""
USERNAME_LENGTH = 1024
PLACE_LENGTH = 1024
NAME_LENGTH = 200
ADDRESS_LENGTH = 2000
ERROR_LENGTH = 200


class Limit(models.Model):
    """For how many minutes at a time an object of a web service may be used."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="limits")
    object = models.CharField(max_length=OBJECT_LENGTH, blank=True, help_text="As sessions name it.")
    minutes = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(LEAST_MINUTES), MaxValueValidator(MOST_MINUTES)]
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="limits"
    )
    since = models.DateTimeField(help_text="When it was set to these minutes.")

    class Meta:
        ordering = ("object",)
        constraints = (
            models.UniqueConstraint(fields=("webservice", "object"), name="one_limit_per_object"),
            models.CheckConstraint(
                condition=models.Q(minutes__gte=LEAST_MINUTES, minutes__lte=MOST_MINUTES),
                name="limit_is_a_minute_to_a_day",
            ),
        )

    def __str__(self) -> str:
        return f"{self.minutes} minutes on {self.object!r}"


class Violation(models.Model):
    """A limit that a session exceeded, and of which people are warned; it has the limit as it was then.

    `number` is the session's in the store, `source` who told of it, "" where it was made of requests. `place` and
    `username` are the session's own, `name` is what people read.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="violations")
    object = models.CharField(max_length=OBJECT_LENGTH, blank=True)
    minutes = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=PLACE_LENGTH, blank=True)
    username = models.CharField(max_length=USERNAME_LENGTH, blank=True)
    place = models.CharField(max_length=PLACE_LENGTH, blank=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    number = models.BigIntegerField()
    started = models.DateTimeField()
    exceeded = models.DateTimeField()
    noticed = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("webservice", "exceeded"), name="violations_by_moment"),
            models.Index(fields=("webservice", "-id"), name="violations_latest_first"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("webservice", "number", "minutes", "exceeded"), name="one_warning_per_violation"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} over {self.minutes} minutes on {self.object!r}"

    @property
    def subject(self) -> str:
        """Who it was: a user name, or an address; "" for a guest whose address is not known."""
        return self.username or self.address

    @property
    def address(self) -> str:
        """The address that it was used from, "" where that is not known."""
        return "" if self.source or self.place.startswith(VISITOR_MARK) else self.place

    def told(self) -> Told:
        """It as the rule takes it."""
        exceeded_ms = round(self.exceeded.timestamp() * 1000)
        return Told(
            self.number, self.source, self.object, self.minutes, self.place, self.username, exceeded_ms
        )


class Kind(models.TextChoices):
    """What a destination is."""

    WEBHOOK = "webhook", "webhook"
    EMAIL = "email", "e-mail"


class Destination(models.Model):
    """Where a web service's warnings go: an address that takes POSTs, or one of mail.

    `sealed` is the secret that POSTs are signed with. After a failure it rests, the longer the more `failures` there
    were one after another. A `disabled` one gets nothing.
    """

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="destinations")
    kind = models.CharField(max_length=7, choices=Kind)
    address = models.CharField(max_length=ADDRESS_LENGTH)
    place = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed = models.BinaryField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="destinations"
    )
    created = models.DateTimeField(auto_now_add=True)
    disabled = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    rests_until = models.DateTimeField(null=True, blank=True)
    tried = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="destination_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class State(models.TextChoices):
    """What became of a delivery."""

    PENDING = "pending", "pending"
    DELIVERED = "delivered", "delivered"
    FAILED = "failed", "failed"


class Delivery(models.Model):
    """A warning, or a test where `violation` is null, on its way to a destination.

    `key` is what receivers know it by, whichever attempt it is. `due` is when it is tried next.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    violation = models.ForeignKey(Violation, on_delete=models.CASCADE, null=True, related_name="deliveries")
    destination = models.ForeignKey(Destination, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created = models.DateTimeField()
    due = models.DateTimeField()
    ended = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=ERROR_LENGTH, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-id",)
        indexes = (models.Index(fields=("due",), condition=models.Q(state="pending"), name="deliveries_due"),)
        constraints = (
            models.UniqueConstraint(fields=("violation", "destination"), name="one_delivery_each"),
            models.CheckConstraint(
                condition=models.Q(state__in=State.values), name="delivery_state_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"delivery {self.key}: {self.state}"
