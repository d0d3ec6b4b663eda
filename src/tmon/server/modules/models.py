# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the modules room: the rules by which sessions are made, and the catalogue."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from tmon.server.sessions import By, Rule
from tmon.server.tenants.models import WebService

from .entries import LENGTHS, Entry
from .patterns import ENTRY_LENGTH, lines

LEAST_IDLE_S = 1
MOST_IDLE_S = 24 * 3600


class Whose(models.TextChoices):
    """Whose sessions are, as Rule.by has it."""

    VISITOR = "visitor", "each visitor's"
    USERNAME = "username", "each user's, by name"
    IP = "ip", "each address's"


class SessionRule(models.Model):
    """By which rule the sessions of a web service are made of its requests; without one none are."""

    webservice = models.OneToOneField(
        WebService, on_delete=models.CASCADE, related_name="session_rule", primary_key=True
    )
    by = models.CharField(max_length=8, choices=Whose, default=Whose.VISITOR)
    patterns = models.TextField(
        blank=True, help_text="One in a line; empty: the whole service is one object."
    )
    entry = models.CharField(max_length=ENTRY_LENGTH, blank=True)
    idle_s = models.PositiveIntegerField(
        default=300, validators=[MinValueValidator(LEAST_IDLE_S), MaxValueValidator(MOST_IDLE_S)]
    )
    exclusive = models.BooleanField(default=True)
    sources = models.TextField(blank=True, help_text="One in a line; empty: every source.")
    assets = models.BooleanField(default=False)
    failed = models.BooleanField(default=False)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="session_rules"
    )
    since = models.DateTimeField(help_text="When it was set to this.")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(by__in=Whose.values), name="session_rule_is_known"),
            models.CheckConstraint(
                condition=models.Q(idle_s__gte=LEAST_IDLE_S, idle_s__lte=MOST_IDLE_S),
                name="idle_is_a_second_to_a_day",
            ),
        )

    def __str__(self) -> str:
        return f"sessions of web service {self.pk}"

    def rule(self) -> Rule:
        """It as sessions are made by it."""
        whose: dict[str, By] = {"visitor": "visitor", "username": "username", "ip": "ip"}
        return Rule(
            by=whose[self.by],
            objects=tuple(lines(self.patterns)),
            entry=self.entry,
            idle_ms=self.idle_s * 1000,
            exclusive=self.exclusive,
            sources=tuple(lines(self.sources)),
            assets=self.assets,
            failed=self.failed,
        )


class Origin(models.TextChoices):
    """Where an entry of the catalogue is from."""

    HAND = "hand", "by hand"
    IMPORT = "import", "from a file"
    SCAN = "scan", "found in folders"


class Module(models.Model):
    """Something that is used, as the catalogue of a web service has it. `slug` is what sessions call it."""

    TEXTS = ("name", "description", "language", "logo", "url")

    webservice = models.ForeignKey(WebService, on_delete=models.CASCADE, related_name="modules")
    slug = models.CharField(max_length=LENGTHS["slug"])
    name = models.CharField(max_length=LENGTHS["name"], blank=True)
    description = models.TextField(max_length=LENGTHS["description"], blank=True)
    language = models.CharField(max_length=LENGTHS["language"], blank=True)
    categories = models.JSONField(default=list, blank=True)
    logo = models.CharField(max_length=LENGTHS["logo"], blank=True)
    url = models.CharField("URL", max_length=LENGTHS["url"], blank=True)
    origin = models.CharField(max_length=6, choices=Origin)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.UniqueConstraint(fields=("webservice", "slug"), name="one_module_per_slug"),
            models.CheckConstraint(condition=models.Q(origin__in=Origin.values), name="origin_is_known"),
        )

    def __str__(self) -> str:
        return self.name or self.slug

    @classmethod
    def of(cls, webservice: WebService, entry: Entry, origin: Origin) -> Module:
        """A row, not saved, of an entry."""
        texts = {name: getattr(entry, name) for name in cls.TEXTS}
        categories = list(entry.categories)
        return cls(webservice=webservice, slug=entry.slug, categories=categories, origin=origin, **texts)

    def entry(self) -> Entry:
        """The entry of this row."""
        texts = {name: getattr(self, name) for name in self.TEXTS}
        return Entry(slug=self.slug, categories=tuple(self.categories), **texts)
