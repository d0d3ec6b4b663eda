# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings room: every setting declared once, the stages, and how a process gets ready to use them.

The face is light: Django and the server's libraries are imported by `prepare` only.
"""

from __future__ import annotations

from .declared import Declaration, Settings, Stage, declarations, load, read
from .errors import SettingError
from .paths import shipped
from .present import Present, present
from .proxies import TrustedProxies, client_address
from .read_only import read_only_address
from .startup import look, prepare

__all__ = [
    "Declaration",
    "Present",
    "SettingError",
    "Settings",
    "Stage",
    "TrustedProxies",
    "client_address",
    "declarations",
    "load",
    "look",
    "prepare",
    "present",
    "read",
    "read_only_address",
    "shipped",
]
