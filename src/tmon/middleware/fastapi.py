# SPDX-License-Identifier: LGPL-3.0-or-later
"""For FastAPI, which is an application of Starlette's: `watch(app)`."""

from __future__ import annotations

from .starlette import watch

__all__ = ["watch"]
