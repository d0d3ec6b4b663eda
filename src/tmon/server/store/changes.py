# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of a view's file a store takes."""

from __future__ import annotations

from typing import Final

from tmon.server.catalogue import View

from .base import StoreError

COUNTED_BY: Final = ("field", "kind", "visitors", "classes")
"""What a view's counts depend on: changing one of these needs a raised version."""


def check_change(old: View, new: View) -> None:
    """Raise StoreError, saying what to do, where a view that is counted as `old` cannot become `new`."""
    if new.version < old.version:
        raise StoreError(
            f"view {new.name}: its file says version {new.version}, its counts are of version {old.version}"
        )
    for key in COUNTED_BY:
        if new.version == old.version and getattr(new, key) != getattr(old, key):
            raise StoreError(f"view {new.name}: {key} has changed; raise its version to have it counted anew")
