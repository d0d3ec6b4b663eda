# SPDX-License-Identifier: GPL-3.0-or-later
"""From when on a server is not ready: what its owner of the data folder goes by, and `tmon doctor`."""

from __future__ import annotations

from typing import Final

LAG_S: Final = 30.0
"""How far the views may be behind the log."""
FREE_BYTES: Final = 64 * 1024 * 1024
"""What must be free on the disk for events to be taken."""
