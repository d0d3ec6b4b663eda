# SPDX-License-Identifier: GPL-3.0-or-later
"""Web services that were deleted here while the store may still hold their events.

A deletion is noted in the transaction that deletes the web service, whoever does it; whoever owns the store drops
the events and then says so. A deletion done twice does no harm, so a crash between the two costs nothing.
"""

from __future__ import annotations

from .models import Deletion


def pending() -> list[int]:
    """The ids of deleted web services whose events are not known to be gone, oldest first."""
    return list(Deletion.objects.order_by("at", "wsid").values_list("wsid", flat=True))


def done(wsid: int) -> None:
    """The store has dropped everything of this web service."""
    Deletion.objects.filter(wsid=wsid).delete()
