# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the tenants: web services, zones, keys, members, tokens, salts, the revision and the audit log.

Rules that need more than a row (two active keys, who may be a member) are kept in `accounts` and `keys`.
"""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction

from tmon.server.calendar import QUARTER_S, Calendar

KEYS_ACTIVE = 2
"""How many keys of a web service may be active at once."""
RETENTION_DAYS = 14
EVENTS_PER_SECOND = 100_000
ANNOTATION_LENGTH = 200
"""Characters."""
JOINERS = "\u200c\u200d"
UNREADABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""General categories of Unicode: controls, formats, surrogates, private use, separators of lines and paragraphs."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def known_zone(name: str) -> None:
    """Validator: `name` is an IANA time zone that this machine knows."""
    if name not in _zones():
        raise ValidationError(
            f"{name!r} is not a time zone; write an IANA name such as Europe/Vienna or UTC", code="zone"
        )


class IpPolicy(models.TextChoices):
    """What is kept of the IP addresses in events."""

    NONE = "none", "none: used to locate and to recognise, then dropped"
    TRUNCATED = "truncated", "truncated: the network is kept"
    FULL = "full", "full: addresses are kept"


class MemberRole(models.TextChoices):
    """What a member may do with a web service. Owners may do all that managers may, managers all that viewers may."""

    VIEWER = "viewer", "viewer: reads"
    MANAGER = "manager", "manager: reads, sees keys"


def one_line(name: str) -> None:
    """Validator: `name` can be read in one line as it stands. It is in mails, too, and in lists beside others' names.

    What breaks a line, is not seen, or turns the text around is refused; joiners, which some scripts need, are not.
    """
    bare = name.translate({ord(one): None for one in JOINERS})
    if not bare.strip() or any(unicodedata.category(one) in UNREADABLE for one in bare):
        raise ValidationError("A name is one line of characters that can be seen.", code="name")


class WebService(models.Model):
    """Something whose events are collected: a web service, a folder of log files, a network, a lab."""

    wsid = models.BigAutoField("id", primary_key=True)
    name = models.CharField(
        max_length=120, unique=True, help_text="Unique on this server, for instance shop.example."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_webservices"
    )
    timezone = models.CharField(
        "time zone",
        max_length=64,
        default="UTC",
        validators=[known_zone],
        help_text="Where its days and months begin. A change takes effect at the next local midnight.",
    )
    ip_policy = models.CharField(
        "IP policy",
        max_length=9,
        choices=IpPolicy,
        default=IpPolicy.NONE,
        help_text="What is kept of IP addresses.",
    )
    retention_days = models.PositiveIntegerField(
        default=RETENTION_DAYS,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="For how many days single events are kept; counts are kept longer.",
    )
    events_per_second = models.PositiveIntegerField(
        default=EVENTS_PER_SECOND,
        validators=[MinValueValidator(1), MaxValueValidator(10_000_000)],
        help_text="Its budget; what is beyond is refused with status 429.",
    )
    log_megabytes = models.PositiveIntegerField(
        "share of the disk",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)],
        help_text="Megabytes of JSON that it may have in the log; what is beyond is refused with status 429. "
        "Empty: what TMON_LOG_MEGABYTES says.",
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "web service"
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(retention_days__gte=1), name="retention_is_a_day_at_least"
            ),
            models.CheckConstraint(
                condition=models.Q(events_per_second__gte=1), name="budget_is_an_event_at_least"
            ),
            models.CheckConstraint(
                condition=models.Q(ip_policy__in=IpPolicy.values), name="ip_policy_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Check what a field alone does not. Raises ValidationError."""
        one_line(self.name)

    def save(self, *args: object, **kwargs: object) -> None:
        """Save, and write a changed time zone into the history from when it takes effect."""
        with transaction.atomic():
            super().save(*args, **kwargs)  # type: ignore[arg-type]
            self._keep_zone(time.time())

    def calendar(self) -> Calendar:
        """Its calendar: which zone holds from when."""
        return Calendar(self.zones())

    def zones(self) -> tuple[tuple[float, str], ...]:
        """(from UTC second, IANA name), oldest first, the first from minus infinity."""
        return zones_of(self.zone_changes.values_list("since", "zone"))

    def _keep_zone(self, now: float) -> None:
        """Have the history end in the present `timezone`.

        A change that no accepted event can have reached yet is forgotten first, so that choosing twice in an hour
        leaves one change, and choosing back leaves none.
        """
        self.zone_changes.filter(since__gte=now + QUARTER_S).delete()
        zones = self.zones()
        if not zones:
            self.zone_changes.create(since=None, zone=self.timezone)
        elif zones[-1][1] != self.timezone:
            self.zone_changes.create(since=Calendar(zones).next_change(now), zone=self.timezone)


class ZoneChange(models.Model):
    """From when a web service is in a time zone."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="zone_changes")
    since = models.BigIntegerField(null=True, help_text="UTC second; null: from the beginning of time.")
    zone = models.CharField(max_length=64, validators=[known_zone])

    class Meta:
        ordering = (models.F("since").asc(nulls_first=True),)
        constraints = (
            models.UniqueConstraint(fields=("webservice", "since"), name="one_zone_at_a_time"),
            models.UniqueConstraint(
                fields=("webservice",), condition=models.Q(since__isnull=True), name="one_first_zone"
            ),
        )

    def __str__(self) -> str:
        return f"{self.zone} since {self.since}"


def zones_of(rows: Iterable[tuple[int | None, str]]) -> tuple[tuple[float, str], ...]:
    """Rows (since, zone) of the history as a Calendar takes them."""
    return tuple((-math.inf if since is None else since, zone) for since, zone in rows)


class Key(models.Model):
    """A 256-bit key of a web service, kept encrypted under the server secret; blanked when it is revoked."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="keys")
    sealed = models.BinaryField()
    created = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created", "-id")

    def __str__(self) -> str:
        return f"key {self.pk}"


class Membership(models.Model):
    """What somebody who is not the owner may do with a web service."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=7, choices=MemberRole, default=MemberRole.VIEWER)

    class Meta:
        verbose_name = "member"
        constraints = (
            models.UniqueConstraint(fields=("webservice", "user"), name="one_role_per_member"),
            models.CheckConstraint(condition=models.Q(role__in=MemberRole.values), name="role_is_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"


class Token(models.Model):
    """Lets a program read what its user may read. Only the token's SHA-256 is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    webservice = models.ForeignKey(
        WebService,
        on_delete=models.CASCADE,
        related_name="tokens",
        null=True,
        blank=True,
        verbose_name="web service",
        help_text="The only one it may read; empty: every one that its user may read.",
    )
    name = models.CharField(max_length=120, blank=True, help_text="What it is for.")
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"
        ordering = ("-created", "-id")

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"


class Annotation(models.Model):
    """What somebody noted about a web service at one moment, to be shown on its graphs: a release, an outage."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="annotations")
    at = models.DateTimeField(help_text="The moment that it is about.")
    text = models.CharField(max_length=ANNOTATION_LENGTH)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="annotations"
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("at", "id")
        indexes = (models.Index(fields=("webservice", "at"), name="annotations_by_moment"),)

    def __str__(self) -> str:
        return self.text


class ShareLink(models.Model):
    """Lets whoever has its address see the public part of a web service's dashboard, see `sharing`.

    The address is found by its SHA-256, and kept sealed beside it for those who may give it away once more.
    """

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="share_links")
    label = models.CharField(
        max_length=120, blank=True, help_text="Who it is for; those who use it don't see it."
    )
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    sealed = models.BinaryField()
    query = models.CharField(
        max_length=2000, blank=True, help_text="The period and the filters that it opens with."
    )
    password = models.CharField(max_length=128, blank=True, help_text="Hashed; empty: there is none.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="share_links"
    )
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True, editable=False)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created", "-id")

    def __str__(self) -> str:
        return self.label or f"share link {self.pk}"


class Invitation(models.Model):
    """Makes whoever follows its link a member, once, see `invitations`. Only the token's SHA-256 is kept."""

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=7, choices=MemberRole, default=MemberRole.VIEWER)
    email = models.EmailField("e-mail address", blank=True)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField()
    accepted = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="accepted_invitations"
    )
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created", "-id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(role__in=MemberRole.values), name="invited_role_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class Salt(models.Model):
    """The random salt of a web service's local day, sealed; null once it is destroyed, which is for good."""

    wsid = models.BigIntegerField()
    day = models.BigIntegerField(help_text="UTC second at which the local day begins.")
    sealed = models.BinaryField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("wsid", "day"), name="one_salt_per_day"),)

    def __str__(self) -> str:
        return f"salt of web service {self.wsid}, day {self.day}"


class Revision(models.Model):
    """One row whose number moves whenever something changes that the keyring holds."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)


class Deletion(models.Model):
    """A web service that was deleted while its events may still be in the store."""

    wsid = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"web service {self.wsid}"


class AuditEntry(models.Model):
    """Something that somebody did, see `audit`. It names its web service and its user, so that it outlives them."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="audit_entries"
    )
    actor = models.CharField(max_length=150, help_text="The name at that time.")
    way = models.CharField(max_length=16)
    act = models.CharField(max_length=40)
    wsid = models.BigIntegerField("web service's id", null=True)
    webservice = models.CharField("web service", max_length=120, help_text="Its name at that time.")
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = "entry of the audit log"
        verbose_name_plural = "audit log"
        ordering = ("-at", "-id")
        indexes = (models.Index(fields=("wsid", "-at"), name="audit_of_webservice"),)

    def __str__(self) -> str:
        return f"{self.actor}: {self.act}"
