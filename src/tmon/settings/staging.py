# SPDX-License-Identifier: GPL-3.0-or-later
"""Django settings of the stage `staging`: as production, but browsers are not bound to https for the future."""

from .base import *
