# SPDX-License-Identifier: GPL-3.0-or-later
"""The periodic work: closing days, destroying their salts, expiring what is past its time, deletions, records."""

from .closing import close_days
from .deleting import finish_deletions
from .expiry import expire
from .periodic import Job, Periodic
from .records import Records

__all__ = ["Job", "Periodic", "Records", "close_days", "expire", "finish_deletions"]
