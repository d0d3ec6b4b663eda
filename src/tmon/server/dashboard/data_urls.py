# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the JSON API. The converters `wsid` and `id` are registered by the module that includes this one."""

from __future__ import annotations

from django.urls import path

from . import annotating, data, limiting, naming

urlpatterns = [
    path("<wsid:wsid>/data/users/<str:view>", data.ranking, name="data-ranking"),
    path(
        "<wsid:wsid>/data/users/locations/<str:ne_lat>/<str:ne_lng>/<str:sw_lat>/<str:sw_lng>",
        data.locations,
        name="data-locations",
    ),
    path("<wsid:wsid>/data/requests/<str:grain>/<str:limit>", data.series, name="data-series"),
    path("<wsid:wsid>/data/summary", data.summary, name="data-summary"),
    path("<wsid:wsid>/data/events", data.events, name="data-events"),
    path("<wsid:wsid>/data/sessions", data.sessions, name="data-sessions"),
    path("<wsid:wsid>/data/sessions/live", data.live_sessions, name="data-live-sessions"),
    path(
        "<wsid:wsid>/data/sessions/<str:grain>/<str:limit>", data.session_series, name="data-session-series"
    ),
    path("<wsid:wsid>/data/modules", naming.modules, name="data-modules"),
    path("<wsid:wsid>/data/sources", data.sources, name="data-sources"),
    path("<wsid:wsid>/data/live", data.live, name="data-live"),
    path("<wsid:wsid>/data/quarantine", data.quarantine, name="data-quarantine"),
    path("<wsid:wsid>/data/annotations", annotating.annotations_of, name="data-annotations"),
    path("<wsid:wsid>/data/annotations/<id:number>", annotating.annotation, name="data-annotation"),
    path("<wsid:wsid>/data/limits", limiting.limits, name="data-limits"),
    path("<wsid:wsid>/data/warnings", limiting.warnings, name="data-warnings"),
]
