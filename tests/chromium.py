# SPDX-License-Identifier: GPL-3.0-or-later
"""How Chromium is started: without a window, and so that it asks nobody for anything by itself."""

from __future__ import annotations

from typing import Final

ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
