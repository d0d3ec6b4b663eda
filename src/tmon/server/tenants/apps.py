# SPDX-License-Identifier: GPL-3.0-or-later
"""The tenants as a Django application, and the administration that goes with them."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class TenantsConfig(AppConfig):
    """Web services, their keys, members and tokens."""

    name = "tmon.server.tenants"
    label = "tenants"
    default = True
    verbose_name = "Web services"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have every change of what the keyring holds move the revision, and logins forgive failures before them."""
        from . import revision, throttle

        revision.watch()
        throttle.forgive_logins()


class TmonAdminConfig(AdminConfig):
    """Django's administration on our own site, which has the one login page in front."""

    default_site = "tmon.server.tenants.admin_site.TmonAdminSite"
