# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the settings pages. The converter `wsid` is registered by the module that includes this one."""

from __future__ import annotations

from django.urls import path

from . import (
    account,
    alerts,
    erase,
    general,
    invitations,
    keys,
    members,
    modules,
    privacy,
    records,
    sessions,
    sharing,
    sources,
)

urlpatterns = [
    path("settings/", account.web_services, name="account"),
    path("settings/leave/<wsid:wsid>", account.leave, name="account-leave"),
    path("settings/tokens", account.tokens, name="account-tokens"),
    path("settings/tokens/<wsid:token>/revoke", account.revoke_token, name="account-token-revoke"),
    path("settings/password", account.password, name="account-password"),
    path("settings/email", account.email, name="account-email"),
    path("view/settings/<wsid:wsid>", general.general, name="settings-general"),
    path("view/settings/<wsid:wsid>/keys", keys.page, name="settings-keys"),
    path("view/settings/<wsid:wsid>/members", members.page, name="settings-members"),
    path("view/settings/<wsid:wsid>/invitations", invitations.page, name="settings-invitations"),
    path("view/settings/<wsid:wsid>/sharing", sharing.page, name="settings-sharing"),
    path("view/settings/<wsid:wsid>/alerts", alerts.page, name="settings-alerts"),
    path("view/settings/<wsid:wsid>/sessions", sessions.page, name="settings-sessions"),
    path("view/settings/<wsid:wsid>/modules", modules.page, name="settings-modules"),
    path("view/settings/<wsid:wsid>/privacy", privacy.page, name="settings-privacy"),
    path("view/settings/<wsid:wsid>/sources", sources.page, name="settings-sources"),
    path("view/settings/<wsid:wsid>/quarantine", records.quarantine, name="settings-quarantine"),
    path("view/settings/<wsid:wsid>/erase", erase.page, name="settings-erase"),
    path("view/settings/<wsid:wsid>/audit", records.audit_log, name="settings-audit"),
    path("view/settings/<wsid:wsid>/delete", general.delete, name="settings-delete"),
]
