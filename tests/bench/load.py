# SPDX-License-Identifier: GPL-3.0-or-later
"""The load generator is that of `tmon load`."""

from __future__ import annotations

from tmon.load import Report, start

__all__ = ["Report", "start"]
