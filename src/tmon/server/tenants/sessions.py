# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that have ended by themselves: their rows go, which Django leaves to whoever runs it."""

from __future__ import annotations

from importlib import import_module


def clear_expired() -> None:
    """Delete the sessions whose time is over. Blocks on the accounts database; raises django.db.Error."""
    from django.conf import settings
    from django.db import close_old_connections

    close_old_connections()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
