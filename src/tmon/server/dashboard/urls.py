# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route of the pages and of the JSON API. The collector's own routes are not here: they never reach Django."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, register_converter

from tmon.server.tenants.access import WsidConverter

from . import invitations, live_page, overview, pages, resetting

register_converter(WsidConverter, "wsid")
register_converter(WsidConverter, "id")

urlpatterns = [
    path("", pages.index, name="index"),
    path("login", pages.Login.as_view(), name="login"),
    path("logout", pages.logout, name="logout"),
    path("password/lost", resetting.lost, name="password-lost"),
    path("password/set/<str:uidb64>/<str:token>", resetting.NewPassword.as_view(), name="password-set"),
    path("password/done", resetting.done, name="password-done"),
    path("invitation/<str:token>", invitations.accept, name="invitation"),
    path("view/dashboard/", overview.last, name="last-dashboard"),
    path("view/dashboard/<wsid:wsid>", overview.dashboard, name="dashboard"),
    path("view/live/<wsid:wsid>", live_page.live, name="live"),
    path("", include("tmon.server.dashboard.settings.urls")),
    path("admin/", admin.site.urls),
    path("", include("tmon.server.dashboard.data_urls")),
    path("", include("tmon.server.dashboard.shared_urls")),
]

handler400 = "tmon.server.dashboard.failures.bad_request"
handler403 = "tmon.server.dashboard.failures.forbidden"
handler404 = "tmon.server.dashboard.failures.not_found"
handler500 = "tmon.server.dashboard.failures.server_error"
