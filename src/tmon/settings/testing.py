# SPDX-License-Identifier: GPL-3.0-or-later
"""Django settings of the stage `testing`: a first run on one's own machine."""

from .base import *
