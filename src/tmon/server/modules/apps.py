# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as a Django application."""

from __future__ import annotations

from django.apps import AppConfig


class ModulesConfig(AppConfig):
    """Rules of sessions, and the catalogue of what is used."""

    name = "tmon.server.modules"
    label = "modules"
    default = True
    verbose_name = "Sessions and modules"
    default_auto_field = "django.db.models.BigAutoField"
