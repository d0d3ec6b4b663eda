# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up traffic for looking at T-Mon without services of one's own: `tmon serve --demo`.

What the traffic is follows from a Plan alone; `traffic` makes it without I/O, `feed` sends it with the real client, and
`python -m tmon.demo` is the process that does so beside the server.
"""

from __future__ import annotations

from .sites import SITES, Site
from .traffic import Event, Plan, Traffic

__all__ = ["SITES", "Event", "Plan", "Site", "Traffic"]
