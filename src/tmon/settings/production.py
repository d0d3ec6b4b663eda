# SPDX-License-Identifier: GPL-3.0-or-later
"""Django settings of the stage `production`: where the public address is https, browsers are held to it."""

from .base import *
from .base import _encrypted

if _encrypted:
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = False
    SECURE_HSTS_PRELOAD = False
