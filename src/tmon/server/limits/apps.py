# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class LimitsConfig(AppConfig):
    """Limits, warnings, destinations and deliveries."""

    name = "tmon.server.limits"
    label = "limits"
    default = True
    verbose_name = "Time limits"
    default_auto_field = "django.db.models.BigAutoField"
