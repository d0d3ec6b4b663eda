# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings room: every setting declared once, the stages, and how a process gets ready to use them.

The face is light: Django and the server's libraries are imported by `prepare` only.
"""

from __future__ import annotations

from .declared import Declaration, Settings, Stage, declarations, load, read
from .errors import SettingError
from .paths import shipped
from .proxies import TrustedProxies, client_address
from .startup import prepare

__all__ = [
    "Declaration",
    "SettingError",
    "Settings",
    "Stage",
    "TrustedProxies",
    "client_address",
    "declarations",
    "load",
    "prepare",
    "read",
    "shipped",
]
