# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of share links: what is not here is not shared (CONTRACT section 4)."""

from __future__ import annotations

from django.urls import path

from . import data, shared

urlpatterns = [
    path("share/<slug:slug>", shared.dashboard, name="shared-dashboard"),
    path("share/<slug:slug>/data/users/<str:view>", data.ranking, name="shared-ranking"),
    path(
        "share/<slug:slug>/data/users/locations/<str:ne_lat>/<str:ne_lng>/<str:sw_lat>/<str:sw_lng>",
        data.locations,
        name="shared-locations",
    ),
    path("share/<slug:slug>/data/requests/<str:grain>/<str:limit>", data.series, name="shared-series"),
    path("share/<slug:slug>/data/summary", data.summary, name="shared-summary"),
    path("share/<slug:slug>/data/live", data.live, name="shared-live"),
]
