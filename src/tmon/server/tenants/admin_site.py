# SPDX-License-Identifier: GPL-3.0-or-later
"""The site under /admin/: Django's own, with our one login page in front of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


class TmonAdminSite(admin.AdminSite):
    """Administers users, web services, keys, members and tokens."""

    site_header = "T-Mon administration"
    site_title = "T-Mon"
    index_title = "Accounts and web services"
    site_url = "/"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override]
        """Send whoever is not logged in to /login, which is throttled; refuse whoever is no administrator."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("Only administrators may see this.")
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        ):
            wanted = reverse("admin:index")
        return redirect_to_login(wanted, "/login")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Change one's own password, and say so in the audit log."""
        from . import audit

        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            by = audit.in_administration(request)
            audit.record(by, audit.Act.PASSWORD_CHANGED, user=by.name)
        return response
