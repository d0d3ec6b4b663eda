# SPDX-License-Identifier: GPL-3.0-or-later
"""Drops the stored data of web services that were deleted from the accounts database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def finish_deletions(
    pending: Callable[[], Iterable[int]], delete: Callable[[int], Any], done: Callable[[int], None]
) -> int:
    """Call `delete` for every web service of `pending`, then `done`; returns how many there were.

    A deletion done twice does no harm, so a crash between the two costs nothing. Raises what the three raise.
    """
    wsids = list(pending())
    for wsid in wsids:
        delete(wsid)
        done(wsid)
    return len(wsids)
